"""Are Postfix's time-outs too short for a slow server?

This applies if the log or queue shows a time-out, and main.cf sets a shorter one than the default. The dialogue with
the next hop, which waits longer, shows whether an answer comes after that time.
"""

from __future__ import annotations

from diagnose import facts
from diagnose.check import Context, Data, Observations, SignSpec, check, fail, ok, skip, warn
from diagnose.facts.network import mail_port
from diagnose.facts.packets import own_tried
from diagnose.facts.patience import PATIENT, gave_up


@check(
    id="patience",
    title="Postfix's own time-outs",
    signs=(SignSpec("config.throttle", {"kind": ("patience",)}),),
    tags=("postfix", "config", "mail"),
    needs=("postfix", "network"),
    timeout=12.0,
)
def patience(ctx: Context) -> Observations:
    found = gave_up(ctx)
    if found is None:
        skip("neither log nor queue has a time-out that a setting shortened")
    name, value, limit = found
    text = f"{name} = {value} (by default {facts.mta(ctx).defaults.get(name) or 'more'})"
    data: Data = {"kind": "patience", "parameter": name, "value": value, **facts.stands(ctx, name)}
    tried = [each.reply for each in own_tried(ctx, mail_port(ctx)) if each.reply.connected]
    slowest = max(tried, key=lambda reply: reply.slowest, default=None)
    if slowest is not None and slowest.slowest > limit:
        text = f"{text}: {slowest.address} answers after {slowest.slowest:.1f} seconds"
        yield fail("config.throttle", name, text, host=slowest.address, **data)
    elif limit >= PATIENT or (any(reply.greeted for reply in tried) and not name.endswith("helo_timeout")):
        yield warn("config.throttle", name, f"{text}: a server that takes longer at times is given up", **data)
    else:
        yield ok("config.throttle", name, f"{text}: it is not what ends the dialogue", **data)

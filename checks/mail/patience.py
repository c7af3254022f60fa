"""Are Postfix's time-outs too short for a slow server?

This applies if the log or queue shows a time-out, and main.cf sets a shorter one than the default. The dialogue with
the next hop, which waits longer, shows whether an answer comes after that time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose import facts
from diagnose.check import Context, Data, Observations, SignSpec, check, fail, ok, skip, warn
from diagnose.facts.network import mail_port
from diagnose.facts.packets import own_tried
from diagnose.parse.postfix import master_cf
from diagnose.parse.postfix.setting_types import seconds

WAIT = 5.0  # seconds that the dialogue waits for each reply
SHORT = 30  # seconds; greeting delays against spam and scans of the content take as long
# Where smtp(8) gave up, in its own words, and the time-out parameter without its prefix (smtp_ or lmtp_).
_STAGES = (
    (re.compile(r"timed out while (?:receiving the initial|performing the (?:EHLO|HELO|LHLO))"), "helo_timeout"),
    (re.compile(r"timed out while sending MAIL"), "mail_timeout"),
    (re.compile(r"timed out while sending RCPT"), "rcpt_timeout"),
    (re.compile(r"timed out while sending DATA"), "data_init_timeout"),
    (re.compile(r"timed out while sending message body"), "data_xfer_timeout"),
    (re.compile(r"timed out while sending end of data"), "data_done_timeout"),
)


@check(
    id="patience",
    title="Postfix's own time-outs",
    signs=(SignSpec("config.throttle", {"kind": ("patience",)}),),
    tags=("postfix", "config", "mail"),
    needs=("postfix", "network"),
    timeout=12.0,
)
def patience(ctx: Context) -> Observations:
    found = next((one for text, service in _failed(ctx) if (one := _short(ctx, text, service)) is not None), None)
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
    elif limit >= WAIT or (any(reply.greeted for reply in tried) and not name.endswith("helo_timeout")):
        yield warn("config.throttle", name, f"{text}: a server that takes longer at times is given up", **data)
    else:
        yield ok("config.throttle", name, f"{text}: it is not what ends the dialogue", **data)


def _failed(ctx: Context) -> Iterator[tuple[str, str]]:
    """(reason, delivery agent) of mail that fails now, by the log and by the queue, which every user may read."""
    for fact in facts.failures(ctx, ctx.target.recipient):
        if fact.current and not fact.minor and fact.delivery is not None and fact.route != "local":
            yield fact.reason.text, fact.delivery.service or "smtp"
    waiting = facts.queue(ctx)
    for group in waiting.groups if waiting is not None else ():
        if group.reason is not None:
            yield group.reason.text, "smtp"


def _short(ctx: Context, text: str, service: str) -> tuple[str, str, float] | None:
    """(name, value, seconds) of the time-out by which Postfix gave up, if it is at most SHORT and below the default;
    else None."""
    stage = next((name for pattern, name in _STAGES if pattern.search(text)), "")
    if not stage:
        return None
    postfix, way = facts.mta(ctx), facts.route(ctx)
    channel = postfix.master.get(way.channel) if way is not None else None
    settings = master_cf.effective(postfix.settings, channel) if channel is not None else dict(postfix.settings)
    name = f"{'lmtp' if service == 'lmtp' else 'smtp'}_{stage}"
    value = settings.get(name, "").strip()
    limit, usual = seconds(value), seconds(postfix.defaults.get(name, ""))
    return (name, value, float(limit)) if limit and limit <= SHORT and not (usual and limit >= usual) else None

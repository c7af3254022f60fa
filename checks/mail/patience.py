"""Does Postfix give up on a server that would have answered later?

The log has a time-out, and main.cf a shorter one than Postfix's own. Two dialogues at once tell: one as patient as the
setting, which times out as Postfix did, and one as patient as this check, which is answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose import facts
from diagnose.check import Context, Dial, DialReply, SignSpec, ask_all, check, fail, ok, skip, warn
from diagnose.facts.network import helo_name, near_end
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Observation, Scalar
from diagnose.parse.log.current import Fact
from diagnose.parse.postfix import master_cf
from diagnose.parse.postfix.setting_types import seconds

WAIT = 8.0  # seconds
SHORT = 30  # seconds; greeting delays against spam and scans of the content take as long
# Where smtp(8) gave up, as it says itself, and by which time-out; `smtp` is `lmtp` of the other client.
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
    timeout=10.0,
)
def patience(ctx: Context) -> Iterator[Observation]:
    known = [fact for fact in facts.failures(ctx, ctx.target.recipient) if fact.current and not fact.minor]
    found = next((one for fact in known if (one := _short(ctx, fact)) is not None), None)
    if found is None:
        skip("the log has no time-out that a setting shortened")
    name, value, limit, dial = found
    short, long = ask_all(ctx, [replace(dial, timeout=min(limit, WAIT)), dial])
    default = facts.mta(ctx).defaults.get(name) or "more"
    text = f"{name} = {value} (by default {default})"
    data: dict[str, Scalar] = {"kind": "patience", "parameter": name, "value": value, **facts.stands(ctx, name)}
    data |= {"host": dial.host, "port": dial.port}
    later = not name.endswith("helo_timeout")  # than the dialogue here goes
    if _answered(long) and not _answered(short):
        yield fail("config.throttle", name, f"{text}: {dial.host} answers, and takes longer", **data)
    elif later if _answered(long) else limit >= WAIT:
        yield warn("config.throttle", name, f"{text}: a server that takes longer at times is given up", **data)
    else:
        yield ok("config.throttle", name, f"{text}: it is not what ends the dialogue", **data)


def _short(ctx: Context, fact: Fact) -> tuple[str, str, float, Dial] | None:
    """The time-out by which Postfix gave up, if it is a short one: its name, value, seconds, and the patient dialogue."""
    sent, reason = fact.delivery, fact.reason
    stage = next((name for pattern, name in _STAGES if pattern.search(reason.text)), "")
    address = reason.peer_address or (sent.relay_address if sent else None)
    if not stage or sent is None or not address:
        return None
    postfix, way = facts.mta(ctx), facts.route(ctx)
    channel = postfix.master.get(way.channel) if way is not None else None
    settings = master_cf.effective(postfix.settings, channel) if channel is not None else dict(postfix.settings)
    name = f"{'lmtp' if sent.service == 'lmtp' else 'smtp'}_{stage}"
    value = settings.get(name, "").strip()
    limit, usual = seconds(value), seconds(postfix.defaults.get(name, ""))
    if not limit or limit > SHORT or (usual and limit >= usual):
        return None
    port = reason.peer_port or sent.relay_port or 25
    tls = "implicit" if port in IMPLICIT_TLS_PORTS else "none"
    dial = Dial(host=address, port=port, tls=tls, helo=helo_name(ctx), verify=False, timeout=WAIT)
    end = near_end(ctx)
    return name, value, float(limit), replace(dial, user=end["user"], bind=end["bind"])


def _answered(reply: DialReply) -> bool:
    return reply.connected and reply.ehlo.startswith("2")

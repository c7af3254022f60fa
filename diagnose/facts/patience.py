"""Whether Postfix gave up on a server after a time that its settings shorten, and how long a dialogue waits then.

gave_up(ctx)   the time-out parameter
wait(ctx)      seconds that a dialogue waits for each reply
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose import facts
from diagnose.facts.asks import Asks
from diagnose.host.query import SILENCE
from diagnose.parse.postfix import master_cf
from diagnose.parse.postfix.setting_types import seconds

PATIENT = 8.0  # seconds; the checks that hold dialogues have 9.5
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


def wait(ctx: Asks) -> float:
    """Longer than usual where Postfix gave up too early: only an answer that comes later shows that."""
    return PATIENT if gave_up(ctx) is not None else SILENCE


def gave_up(ctx: Asks) -> tuple[str, str, float] | None:
    """(name, value, seconds) of a time-out parameter by which mail fails now; None if there is none."""
    return next((one for text, service in _failed(ctx) if (one := _short(ctx, text, service)) is not None), None)


def _failed(ctx: Asks) -> Iterator[tuple[str, str]]:
    """(reason, delivery agent) of mail that fails now, by the log and by the queue, which every user may read."""
    for fact in facts.failures(ctx, ctx.target.recipient):
        if fact.current and not fact.minor and fact.delivery is not None and fact.route != "local":
            yield fact.reason.text, fact.delivery.service or "smtp"
    waiting = facts.queue(ctx)
    for group in waiting.groups if waiting is not None else ():
        if group.reason is not None:
            yield group.reason.text, "smtp"


def _short(ctx: Asks, text: str, service: str) -> tuple[str, str, float] | None:
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

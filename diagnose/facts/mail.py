"""The sender and recipient in question, and the log and the queue, each read once."""

from __future__ import annotations

import functools
import itertools
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from diagnose.facts import mailers
from diagnose.facts.asks import Asks, Same
from diagnose.facts.postfix import postfix_log
from diagnose.host.plain import from_plain
from diagnose.host.query import LogReply, MailQueue, Now
from diagnose.model import ANY, FLAG, SAID, SignSpec, Stage, Target

if TYPE_CHECKING:
    from diagnose.parse.log.maillog import MailLog as ReadLog
    from diagnose.parse.postfix.queue import QueueSummary

# Signs of what servers and programs said, whatever the source; not every reader sets every key.
SAID_SIGNS = SignSpec(
    f"{SAID}*",
    {
        "route": ("relay", "direct", "local"),
        "weak": (*FLAG, None),
        **dict.fromkeys(("several", "current", "minor", "alone", "near", "lan", "mailbox", "hop"), (*FLAG, None)),
        **dict.fromkeys(("stage", "code", "port", "address", "family", "service"), ANY),
    },
)
# Signs of the queue's totals, for the check and for the `queue` command.
QUEUE_SIGNS = (
    SignSpec("queue.readable", decisive=True, gauge="view"),
    SignSpec("queue.waiting", {"failed": FLAG, "late": FLAG, "one_of_many": FLAG}, gauge="queue", proves=Stage.QUEUE),
    SignSpec("queue.hold", gauge="held"),
    SignSpec("queue.states", gauge="states"),
    SignSpec("queue.ages", gauge="ages"),
    SignSpec("queue.reasons", gauge="reasons"),
    SignSpec("queue.stuck"),
    SignSpec("queue.maildrop"),
)


_STARTED = ("daemon started --", "reload -- version")


def settings_read(line: str) -> bool:
    """Whether Postfix says in that line of its log that it started or reloaded."""
    return "/master[" in line and any(mark in line for mark in _STARTED)


def since_start(ctx: Asks) -> list[str]:
    """The log's newest lines, newest first, back to Postfix's last start or reload; 20,000 at most."""
    newest = reversed(postfix_log(ctx).lines[-20_000:])
    return list(itertools.takewhile(lambda line: not settings_read(line), newest))


def target(ctx: Asks) -> Target:
    """Sender and recipient as asked; what was not named is taken from the queue, else from the log's newest failure.
    Fields are None if unknown."""
    asked = ctx.target
    if asked.recipient:
        return asked
    learnt = _learn(ctx)
    return Target(asked.sender or learnt.sender, learnt.recipient)


def _learn(ctx: Asks) -> Target:
    waiting = queue(ctx)
    if waiting is not None:
        samples = [group.sample for group in waiting.groups if _remote(group.sample.recipient)]
        # Prefers an application's mail to a bounce.
        samples.sort(key=lambda sample: sample.sender in ("", "MAILER-DAEMON"))
        if samples:
            sender = samples[0].sender
            return Target(None if sender == "MAILER-DAEMON" else sender, samples[0].recipient)
    log = mail_log(ctx)
    if log is None:
        return Target()
    failed = [g.sample for g in log.deliveries.values() if g.sample.recipient and _remote(g.sample.recipient)]
    failed.sort(key=lambda d: (d.sender == "", -(d.at.timestamp() if d.at else 0.0)))
    if failed:
        return Target(failed[0].sender or None, failed[0].recipient)
    return Target()


def _remote(address: str) -> bool:
    domain = address.rpartition("@")[2]
    return "@" in address and "." in domain and not domain.endswith((".localdomain", ".local"))


_reading = threading.Lock()


def mail_log(ctx: Asks) -> ReadLog | None:
    """The log of the last `settings.since` seconds, summarised; None if it cannot be read (`log_reply` has the reason)."""
    if (here := mailers.mailer(ctx)) is not None:
        reader = mailers.log(ctx, here, now(ctx))
        return reader.log if reader is not None else None
    reply = postfix_log(ctx)
    if reply.problem and not reply.lines:
        return None
    return read_log(reply, ctx.ask(Now()).epoch, ctx.ask(Now()).offset)


def read_log(reply: LogReply, epoch: float, offset: int) -> ReadLog:
    """The log's summary as of `epoch` (seconds since 1970); each reply is parsed once."""
    with _reading:
        return _cached_log(Same(reply), epoch, offset)


@functools.lru_cache(maxsize=4)
def _cached_log(same: Same[LogReply], epoch: float, offset: int) -> ReadLog:
    from diagnose.parse.log import maillog

    return maillog.read(same.replies[0].lines, _moment(epoch, offset))


def _moment(epoch: float, offset: int) -> datetime:
    return datetime.fromtimestamp(epoch, timezone(timedelta(seconds=offset)))


def written(ctx: Asks, epoch: float) -> str:
    """A time in seconds since 1970 for people, in this host's zone; 0 means unknown."""
    return _moment(epoch, ctx.ask(Now()).offset).strftime("%Y-%m-%d %H:%M") if epoch else "an unknown time"


def now(ctx: Asks) -> datetime:
    reply = ctx.ask(Now())
    return _moment(reply.epoch, reply.offset)


def queue(ctx: Asks) -> QueueSummary | None:
    """The queue's summary; None if it cannot be read (`queue_problem` has the reason)."""
    if (here := mailers.mailer(ctx)) is not None:
        return mailers.queue(ctx, here, ctx.ask(Now()).epoch, now(ctx))
    reply = ctx.ask(MailQueue())
    if reply.summary is None:
        return None
    from diagnose.parse.postfix.queue import QueueSummary

    summary: QueueSummary = from_plain(QueueSummary, dict(reply.summary))
    # If postqueue(1) failed and listed nothing, the queue need not be empty.
    return None if (reply.code or 0) > 0 and not summary.total else summary


def queue_problem(ctx: Asks) -> str:
    """Why the queue cannot be read."""
    if (here := mailers.mailer(ctx)) is not None:
        said = mailers.listed(ctx, here)
        return said.problem or said.err.strip() or f"{here.title}'s queue command printed nothing"
    reply = ctx.ask(MailQueue())
    return reply.err.strip() or reply.problem or "postqueue printed nothing"


def log_reply(ctx: Asks) -> LogReply:
    """The log's lines, of Postfix or of this host's other mailer."""
    return ctx.ask(mailers.log_query(ctx))

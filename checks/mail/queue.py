"""What waits in the queue, since when, and why?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagnose import facts
from diagnose.check import Context, Data, Now, Observation, Observations, check, counted, fail, ok, unknown, warn
from diagnose.facts.mail import QUEUE_SIGNS, SAID_SIGNS
from diagnose.parse.log import current
from diagnose.parse.postfix.queue import AGE_LIMITS, QueueGroup, QueueSummary
from diagnose.parse.text import duration

OLD = 3600.0  # seconds; Postfix's longest pause between attempts is a little over this (maximal_backoff_time 4000 s)
MANY = 1000  # messages that make a backlog on a server of this kind
_ENVELOPE = ("mail", "rcpt", "data", "dot")
_OVER = "mail has gone through since"
CROWD = 300  # messages that wait for their first attempt to end


@check(
    id="queue",
    title="Mail queue",
    signs=(
        SAID_SIGNS,
        *QUEUE_SIGNS,
        "queue.backlog",
    ),
    informational=("queue.readable", "queue.states", "queue.ages", "queue.reasons"),
    tags=("mail",),
    needs=("mta",),
    timeout=8.0,
)
def queue(ctx: Context) -> Observations:
    here = facts.mailer(ctx)
    if here is not None and "listing" not in here.table:
        yield ok("queue.waiting", "mail queue", f"{here.title} has none: it hands a message over, or fails at once")
        return
    summary = facts.queue(ctx)
    if summary is None:
        why = facts.queue_problem(ctx)
        yield unknown("queue.readable", "mail queue", f"Could not check the queue: {why}", text=why)
        yield unknown("queue.waiting", "mail queue", f"Could not check the queue: {why}")
        return
    yield _readable(summary)
    now = ctx.ask(Now()).epoch
    settled = _settled(ctx)
    yield from _sums(summary, now, here, settled)
    yield from _shares(summary)
    dead = {g.domain for g in summary.groups if g.label in current.OF_CONNECTING}
    several = len(dead) > 1 and facts.mail_log(ctx) is None
    relay = facts.relay_of(ctx)
    for group in summary.groups:
        # Mail on hold keeps the reason of an old attempt.
        if group.reason is not None and not group.reason.harmless and group.queue_name != "hold":
            way = relay(group.sample.sender, group.sample.recipient)
            data: Data = {"route": way if way == "local" else "relay" if way else "direct"}
            data |= {
                "several": several and group.label in current.OF_CONNECTING,
                "hop": facts.is_hop(way, group.reason),
            }
            yield _group(ctx, group, data, settled)


def _readable(summary: QueueSummary) -> Observation:
    read = sum(summary.ages)
    if summary.complete:
        return ok("queue.readable", "mail queue", counted(summary.total, "message"))
    if read < summary.total:
        about = "about " if summary.estimated else ""
        text = f"a sample: {read} of {about}{summary.total} messages could be read in the time allowed"
    elif summary.unreadable:
        text = f"{counted(summary.unreadable, 'line')} of postqueue could not be parsed; {counted(read, 'message')}"
    else:
        text = f"read in part: {read} messages in the time allowed, and there are more"
    return warn("queue.readable", "mail queue", text, read=read, total=summary.total)


_Settled = Mapping[tuple[str, str], str]


def _settled(ctx: Context) -> _Settled:
    """(label, recipient domain) of failures that are over or a small share of the mail by the log, with the words
    for it."""
    found = [f for f in facts.failures(ctx, ctx.target.recipient) if f.delivery]
    live = {(f.label, f.delivery.domain) for f in found if f.delivery and f.current and not f.minor}
    minor = {(f.label, f.delivery.domain) for f in found if f.delivery and f.current and f.minor}
    known = {(f.label, f.delivery.domain) for f in found if f.delivery} - live
    return {each: "a small share of the mail" if each in minor else _OVER for each in known}


def _group(ctx: Context, group: QueueGroup, more: Data, settled: _Settled) -> Observation:
    reason = group.reason
    assert reason is not None
    data: Data = {**group.scalars(), **more, "foreign": facts.foreign(ctx, reason)}
    to = f" to {group.domain}" if group.domain else ""
    text = f"{counted(group.count, 'message')}{to} {'waits' if group.count == 1 else 'wait'}: {reason.text}"
    if why := settled.get((group.label, group.domain)):
        return warn(f"mail.{group.label}", group.domain, f"{text} ({why})", current=False, **data)
    return fail(f"mail.{group.label}", group.domain, text, current=True, **data)


def _shares(summary: QueueSummary) -> Observations:
    """Message counts by queue, by age and by reason, for graphs and monitors."""
    if not summary.total:
        return
    yield ok("queue.states", "mail queue", _told(summary.messages), **summary.messages)
    ages = dict(zip([*map(str, AGE_LIMITS), "older"], summary.ages, strict=True))
    yield ok("queue.ages", "mail queue", _told({_under(age): n for age, n in ages.items()}), **ages)
    reasons: dict[str, int] = {}
    for group in (*summary.groups, *summary.rest):
        reasons[group.label or "none"] = reasons.get(group.label or "none", 0) + group.count
    yield ok("queue.reasons", "mail queue", _told(reasons), **reasons)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _under(age: str) -> str:
    return f"older than {AGE_LIMITS[-1]} min" if age == "older" else f"under {age} min old"


def _waits(count: int, age: float) -> str:
    return f"{counted(count, 'message')} {'waits' if count == 1 else 'wait'}, the oldest for {duration.words(age)}"


def _sums(summary: QueueSummary, now: float, here: facts.Mailer | None, settled: _Settled) -> Observations:
    count = summary.messages
    age = now - summary.oldest if summary.oldest else 0.0
    # Without a failed attempt a message is merely on its way, as some are at any time.
    tried = [g for g in summary.groups if g.reason is not None and g.queue_name != "hold"]
    failed = bool(tried)
    data: Data = {"count": summary.total, "oldest": round(age), "failed": failed, "one_of_many": failed}
    # No probe repeats a reply to an envelope or a message: only the log shows that it is over.
    data["late"] = failed and all(
        g.reason is not None and g.reason.stage in _ENVELOPE and settled.get((g.label, g.domain)) != _OVER
        for g in tried
    )
    if summary.total - count.get("hold", 0):
        yield fail(
            "queue.waiting",
            "mail queue",
            _waits(summary.total, age),
            **data,
        )
    else:
        yield ok("queue.waiting", "mail queue", "nothing waits", **data)
    if held := count.get("hold", 0):
        # Exim freezes what it can neither deliver nor return: bounces to senders that do not exist, as a rule.
        returned = here is not None and not any(g.sample.sender for g in summary.groups if g.queue_name == "hold")
        say = warn if summary.few_held or returned else fail
        whose = "on hold: Postfix" if here is None else f"frozen: {here.title}"
        one = next((g.sample.queue_id for g in summary.groups if g.queue_name == "hold"), "")
        yield say(
            "queue.hold",
            "hold queue",
            f"{counted(held, 'message')} {whose} will not try {'it' if held == 1 else 'them'}",
            count=held,
            queue_id=one if re.fullmatch(r"[\w-]{6,40}", one) else None,
        )
    else:
        yield ok("queue.hold", "hold queue", "nothing is on hold")
    if stuck := summary.untried("active", now):
        yield fail(
            "queue.stuck",
            "active queue",
            f"{counted(stuck, 'message')} in the active queue for over a minute without an attempt",
            count=stuck,
        )
    if waiting := summary.untried("maildrop", now):
        yield fail(
            "queue.maildrop", "maildrop", f"{counted(waiting, 'message')} submitted but not picked up", count=waiting
        )
    busy = count.get("active", 0) + count.get("incoming", 0)
    if busy >= CROWD:
        text = f"{busy} messages in the active and incoming queues: more is submitted than leaves"
        yield fail("queue.backlog", "mail queue", text, **data)
    elif summary.total >= MANY and age > OLD:
        yield fail(
            "queue.backlog",
            "mail queue",
            _waits(summary.total, age),
            **data,
        )

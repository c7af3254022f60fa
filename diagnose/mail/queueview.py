"""The queue's contents: how many messages, why they wait, their destinations and age, and the growth."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from diagnose import __version__, facts, rank
from diagnose.check import Context
from diagnose.facts.mail import QUEUE_SIGNS
from diagnose.host.ahead import Ahead
from diagnose.host.live import LiveHost
from diagnose.host.memo import Memo, Recorder
from diagnose.host.plain import from_plain, to_plain
from diagnose.host.query import MailLog, Now, QueueLinesReply
from diagnose.knowledge.causes import all_causes
from diagnose.knowledge.sayings import saying_of, scope_of
from diagnose.mail import lookback
from diagnose.mail.explain import brief
from diagnose.mail.fate import meaning
from diagnose.model import Confidence, Diagnosis, HostInfo, Observation, Observations, Outcome, Report, Run, Target
from diagnose.parse.log import maillog
from diagnose.parse.postfix.queue import AGE_LIMITS, QueueGroup, QueueSummary
from diagnose.parse.words.reason import Reason
from diagnose.record import dataclass, frozen
from diagnose.statement import counted, fail, ok, unknown

_LOG = 3600.0, 1_000_000  # seconds and octets of log that show whether mail flows


@frozen
class Why:
    """Recipients waiting for one reason: their number and that of their domains, the oldest arrival (seconds since
    1970), reason and cause.

    more: there are further domains, too many to count separately.
    """

    label: str
    cause: str
    title: str
    count: int
    domains: int
    more: bool
    oldest: float | None
    text: str


@frozen
class Row:
    """Recipients at one domain, by age in qshape's classes: up to 5, 10, 20 … 1280 minutes, and older."""

    domain: str
    count: int
    ages: tuple[int, ...]


@dataclass(frozen=True)
class Growth:
    """The change in messages since the last look, and the seconds since then."""

    messages: int
    seconds: float


@frozen
class Seen:
    """The queue with its report. read: messages that the totals cover; fewer than `total` if time ran out."""

    report: Report
    summary: QueueSummary | None
    now: float
    read: int = 0
    total: int = 0
    whys: tuple[Why, ...] = ()
    rows: tuple[Row, ...] = ()
    growth: Growth | None = None
    oldest: QueueGroup | None = None
    problem: str = ""


def _of_other_mailer(host: LiveHost, began: float) -> QueueLinesReply | None:
    """The queue of another mailer that is this host's MTA; None if there is none."""
    ctx = Context(Recorder(Memo(host), began + 15))
    here = facts.mailer(ctx)
    if here is None:
        return None
    if "listing" not in here.table:
        return QueueLinesReply(problem=f"{here.title} has no queue: it hands a message over, or fails at once")
    summary = facts.queue(ctx)
    if summary is None:
        return QueueLinesReply(problem=facts.queue_problem(ctx))
    return QueueLinesReply(summary=to_plain(summary))


def look(state: Path, host: LiveHost, asked: Ahead[QueueLinesReply]) -> Seen:
    """Interprets the queue reply `asked`; stores the queue's size in the directory `state` for the next look."""
    began = time.monotonic()
    now = host.answer(Now(), began + 5)
    moment = datetime.fromtimestamp(now.epoch).astimezone()
    # Reads the log while a long queue is still being read; a short one need not wait for it.
    flows = None if asked.done else _flows(host, moment)
    reply = asked.reply()
    if (reply.problem or "").startswith("not found"):
        reply = _of_other_mailer(host, began) or reply
    info = HostInfo(name=now.fqdn or now.hostname, user=now.user, privileged=now.root, network=False)
    summary = None
    if reply.summary is not None:
        summary = from_plain(QueueSummary, dict(reply.summary))
    problem = _problem(summary, reply.problem or "", reply.err, reply.code)
    if summary is None or problem:
        down = _down(reply.err)
        run = Run(
            check="queue",
            title="Mail queue",
            outcome=Outcome.COMPLETED if down else Outcome.SKIPPED,
            reason=problem,
            observations=(unknown("queue.readable", "mail queue", problem), *down),
            seconds=_since(began),
            signs=QUEUE_SIGNS,
        )
        found = tuple(d for d in rank.rank(all_causes(), [run]) if d.explained_by is None) if down else ()
        return Seen(report=_report(info, moment, began, run, found), summary=None, now=now.epoch, problem=problem)
    if flows is None:
        flows = _flows(host, moment) if summary.total else False
    observations = (*_observations(summary, now.epoch, flows), *_down(reply.err))
    run = Run(
        check="queue",
        title="Mail queue",
        outcome=Outcome.COMPLETED,
        observations=observations,
        seconds=_since(began),
        signs=QUEUE_SIGNS,
    )
    found = rank.rank(all_causes(), [run], text=True)
    diagnoses = brief(_commonest_first(found, observations))
    notes = (
        ("mail to other hosts went out in the last hour: what waits is the exception",) if flows and diagnoses else ()
    )
    return Seen(
        report=_report(info, moment, began, run, diagnoses, notes),
        summary=summary,
        now=now.epoch,
        read=sum(summary.ages),
        total=max(summary.total, sum(summary.ages)),
        whys=tuple(_whys(summary)),
        rows=tuple(_rows(summary)),
        growth=_growth(summary, now.epoch, state),
        oldest=min((g for g in summary.groups if g.oldest is not None), key=lambda g: g.oldest or 0.0, default=None),
    )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _report(
    info: HostInfo, now: datetime, began: float, run: Run, diagnoses: tuple[Diagnosis, ...], notes: tuple[str, ...] = ()
) -> Report:
    return Report(
        version=__version__,
        host=info,
        target=Target(),
        started=now.replace(microsecond=0),
        seconds=time.monotonic() - began,
        runs=(run,),
        diagnoses=diagnoses,
        notes=notes,
    )


def _problem(summary: QueueSummary | None, problem: str, err: str, code: int | None) -> str:
    """Why the queue is unknown; "" if it was read."""
    said = err.strip().split("\n")[-1] if err.strip() else ""
    if summary is None:
        if problem.startswith("not found"):
            return "Postfix is not installed here: there is no postqueue command"
        return f"the queue cannot be read: {problem or said or 'postqueue printed nothing'}"
    if sum(summary.ages) == 0 and not summary.complete and (code or 0) <= 0:
        return "nothing of the queue could be read in time: allow more (--timeout 60)"
    if summary.total == 0 and ((code or 0) > 0 or (said and not _direct(err))):
        return f"the queue cannot be read: {said or f'postqueue ended with status {code}'}"
    return ""


def _down(err: str) -> tuple[Observation, ...]:
    if not _direct(err):
        return ()
    return (fail("postfix.master", "Postfix", "postqueue says that the mail system is down", kind="down"),)


def _direct(err: str) -> bool:
    """Whether Postfix is stopped, so that root's postqueue(1) read the queue files directly."""
    return "accessing queue directly" in err


def _flows(host: LiveHost, now: datetime) -> bool:
    """Whether a remote server accepted mail within the last hour, by the end of the log."""
    reply = host.answer(MailLog(since=_LOG[0], limit=int(_LOG[1])), time.monotonic() + 3)
    read = maillog.read(reply.lines, now)
    return any(host_ not in ("127.0.0.1", "::1", "localhost") for _, host_, _ in read.sent)


# --- totals -----------------------------------------------------------------------------------------------------------


def _whys(summary: QueueSummary) -> Iterator[Why]:
    by_label: dict[str, list[QueueGroup]] = {}
    rest = set(map(id, summary.rest))
    for group in (*summary.groups, *summary.rest):
        by_label.setdefault(_label(group), []).append(group)
    for label, groups in sorted(by_label.items(), key=lambda item: (-sum(g.count for g in item[1]), item[0])):
        biggest = groups[0]
        means = meaning(biggest.reason)
        if label == "on hold":
            means = None
        yield Why(
            label=label,
            cause=means.cause if means else "",
            title=means.title if means else "",
            count=sum(g.count for g in groups),
            domains=len({g.domain for g in groups} - {""}) or 1,
            more=any(id(g) in rest for g in groups),
            oldest=min((g.oldest for g in groups if g.oldest is not None), default=None),
            text=_words(biggest),
        )


def _words(group: QueueGroup) -> str:
    """A group's reason for the table; a short title instead of a long text that names one server."""
    if group.reason is None:
        return group.sample.text
    saying = saying_of(group.label)
    if group.reason.code is None and saying is not None and saying.title:
        return saying.title.partition(":")[0]
    return group.reason.text


def _label(group: QueueGroup) -> str:
    if group.queue_name == "hold":
        return "on hold"
    if group.label:
        return group.label
    return {"maildrop": "not picked up yet", "incoming": "arriving"}.get(group.queue_name, "no attempt yet")


def _rows(summary: QueueSummary) -> Iterator[Row]:
    sums: dict[str, list[int]] = {}
    for group in summary.groups:
        ages = sums.setdefault(group.domain or "(none)", [0] * (len(AGE_LIMITS) + 1))
        for index, count in enumerate(group.ages):
            ages[index] += count
    for domain, ages in sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0])):
        yield Row(domain=domain, count=sum(ages), ages=tuple(ages))


def _growth(summary: QueueSummary, now: float, folder: Path) -> Growth | None:
    """The growth since the last look, which is then replaced; None if there was none, or the queue could not be
    counted exactly."""
    exact = summary.complete or (summary.total > sum(summary.ages) and not summary.estimated)
    if not exact:
        return None
    before = lookback.last(folder)
    lookback.keep(folder, {"at": now, "total": summary.total, "queues": summary.messages})
    at, total = before.get("at"), before.get("total")
    if (
        not isinstance(at, int | float)
        or not isinstance(total, int)
        or isinstance(total, bool)
        or not 0 < now - at < 1e9
    ):
        return None
    return Growth(summary.total - total, now - at)


# --- diagnoses ------------------------------------------------------------------------------------------------------


def _observations(summary: QueueSummary, now: float, flows: bool) -> Observations:
    held = summary.messages.get("hold", 0)
    waiting = summary.total - held
    if waiting:
        yield fail(
            "queue.waiting",
            "mail queue",
            f"{counted(waiting, 'message')} {'waits' if waiting == 1 else 'wait'}",
            count=waiting,
        )
    else:
        yield ok("queue.waiting", "mail queue", "nothing waits")
    if held:
        yield fail(
            "queue.hold",
            "hold queue",
            f"{counted(held, 'message')} on hold: Postfix will not try {'it' if held == 1 else 'them'}",
            count=held,
        )
    else:
        yield ok("queue.hold", "hold queue", "nothing is on hold")
    for name, sign, text in (
        ("active", "queue.stuck", "in the active queue for over a minute without any attempt"),
        ("maildrop", "queue.maildrop", "submitted and not picked up"),
    ):
        if count := summary.untried(name, now):
            yield fail(sign, f"{name} queue", f"{counted(count, 'message')} {text}", count=count)
    for group in summary.groups:
        if group.reason is not None:
            yield _waiting(group, group.reason, flows)
        elif group.sample.text:
            yield unknown(
                "mail.unknown", group.domain, f"{group.count} waiting, for an unrecognised reason: {group.sample.text}"
            )


def _waiting(group: QueueGroup, reason: Reason, flows: bool) -> Observation:
    data = {key: value for key, value in group.scalars().items() if value is not None}
    text = f"{group.count} waiting at {group.domain}: {reason.text}"
    if reason.harmless or group.queue_name == "hold":
        return ok(f"mail.{group.label}", group.domain, text, **data)
    # If other servers accept mail, these servers are at fault, not this network.
    label = "remote-server-unreachable" if flows and scope_of(group.label) == "destination" else group.label
    return fail(f"mail.{label}", group.domain, text, **data)


def _commonest_first(found: Iterable[Diagnosis], observations: Iterable[Observation]) -> list[Diagnosis]:
    """Sorts diagnoses by the number of messages they hold up; one without a count holds up all."""
    counts: dict[str, int] = {}
    for seen in observations:
        counts[seen.sign] = counts.get(seen.sign, 0) + int(seen.data.get("count") or 0)
    everything = counts.get("queue.waiting", 0) + counts.get("queue.hold", 0)

    def waiting(diagnosis: Diagnosis) -> int:
        return max(counts.get(support.sign) or everything for support in diagnosis.support)

    def order(diagnosis: Diagnosis) -> tuple[bool, bool, int]:
        possible = diagnosis.confidence is Confidence.POSSIBLE
        return diagnosis.explained_by is not None, possible, -waiting(diagnosis)

    return sorted(found, key=order)

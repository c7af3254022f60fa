"""Changes this host: carries out a plan's steps, verifies them, and finds out whether mail then flows."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from diagnose.errors import MailDiagnoseError
from diagnose.host.live.queuewait import Waiting, waiting
from diagnose.model import Confidence, Diagnosis, Impact, Observation, Report, Status, measured
from diagnose.record import frozen
from diagnose.remedy import journal, transaction
from diagnose.remedy.journal import Change, Store
from diagnose.remedy.proposal import Proposal
from diagnose.remedy.running import Requeue
from diagnose.remedy.steps import Given, Step
from diagnose.remedy.transaction import Failed, Transaction
from diagnose.sentence import joined
from diagnose.session import Request, Result, diagnose

PATIENCE = 12.0  # seconds for mail that is retried

Say = Callable[[str], None]


@frozen
class Ending:
    """word: mended, unsure (kept nevertheless), undone, or stuck (partly undone; needs a person). left: what stays
    changed after undoing, in words. delivered: whether mail was seen to go out since. next: a new diagnosis, if
    something else still holds mail up."""

    word: str
    why: str = ""
    left: tuple[str, ...] = ()
    waiting: Waiting | None = None
    delivered: bool = False
    next: Result | None = None


def mend(
    store: Store,
    request: Request,
    before: Result,
    wanted: Diagnosis,
    proposal: Proposal,
    given: Given,
    queue: str,
    say: Say,
    first: str = "",
) -> tuple[Change, Ending]:
    """Carries out the proposal; reverts it if a step fails or mail stops that flowed before. queue: queue_directory,
    "" without Postfix; first: the id of this run's first change, "" if this is it."""
    steps = proposal.plan.steps
    applied = time.time()
    own = store.begin(wanted.cause.id, wanted.cause.title, len(steps), first)
    change = own.change
    work = Transaction(store, own, proposal.read, given)
    try:
        for number, step in enumerate(steps, 1):
            if not isinstance(step, Requeue):
                applied = time.time()
            done = work.apply(step)
            say(f"{number}/{len(steps)} {describe(step)}{'' if done else ' (already done)'}")
        for step in steps:
            if why := work.verify(step):
                raise Failed(why)
        ending = _outcome(request, before, wanted, queue, applied)
    except (Failed, OSError) as error:
        ending = Ending(word="undone", why=_why(error))
    except BaseException:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("interrupted: everything was reverted")
        transaction.undo(store, change)
        raise
    if ending.word != "undone":
        own.write("kept" if ending.word == "mended" else "unsure")
        return change, ending
    try:
        return change, replace(ending, left=tuple(transaction.undo(store, change)))
    except (Failed, OSError) as error:
        return change, Ending(word="stuck", why=f"{ending.why}; and it could not be reverted: {_why(error)}")


def _why(error: Exception) -> str:
    return f"{error.filename or journal.PLACE}: {error.strerror}" if isinstance(error, OSError) else str(error)


def describe(step: Step) -> str:
    """What the step does, on one line: its first command, or the files that it edits."""
    lines = step.commands()
    if lines and len(lines[0]) <= 100:
        from diagnose.parse.text.masking import mask

        return mask(lines[0])
    return f"edit {', '.join(step.files())}"


def _outcome(request: Request, before: Result, wanted: Diagnosis, queue: str, applied: float) -> Ending:
    """Diagnoses again and judges the change, "undone" only if mail flowed before and no longer does. applied: when
    the last change began, in seconds since 1970."""
    left = _settled(queue)
    try:
        now = diagnose(replace(request, only=_concerned(before.report, wanted)))
    except MailDiagnoseError as error:
        return Ending(word="unsure", why=f"the diagnosis could not be repeated: {error}", waiting=left)
    if not queue:
        left = _counted(now.report)
    flowed, flows = _flow(before.report), _flow(now.report)
    if flowed and flowed.status is Status.OK and flows and flows.status is Status.FAILED:
        return Ending(word="undone", why=f"mail flowed before, but does not now: {flows.summary}")
    delivered = bool(flows and flows.status is not Status.FAILED and _last(flows) >= int(applied))
    still = next((d for d in now.report.diagnoses if d.cause.id == wanted.cause.id), None)
    # With an empty queue nothing can prove it: evidence from the log alone is older than the change.
    past = not left.total and still is not None and _history(now.report).issuperset(each.sign for each in still.support)
    if still is not None and still.confidence >= Confidence.LIKELY and not delivered and not past:
        why = "; ".join(joined(each.subject, each.summary) for each in still.support[:1])
        return Ending(
            word="unsure", why=f"every step succeeded, but no mail has passed since, and still {why}", waiting=left
        )
    other: Result | None = None
    if left.total or any(cause != wanted.cause.id for cause in _named(before.report)):
        found = diagnose(replace(request, only=()))
        other = found if _named(found.report) - {wanted.cause.id} else None
    return Ending(word="mended", waiting=left, delivered=delivered, next=other)


def _settled(queue: str) -> Waiting:
    """The queue's contents once nothing moves in it, or after PATIENCE seconds; for another mailer ("") after the
    time for an attempt."""
    end = time.monotonic() + PATIENCE
    time.sleep(0.3 if queue else 2.0)
    while (found := waiting(queue)).moving and time.monotonic() < end:
        time.sleep(0.2)
    return found


def _counted(report: Report) -> Waiting:
    """The number of waiting messages by the report, as deferred."""
    seen = next((seen for seen in measured(report.runs, "queue") if seen.status is Status.FAILED), None)
    count = seen.data.get("count") if seen is not None else 0
    return Waiting(deferred=count if isinstance(count, int) else 0)


def _concerned(report: Report, wanted: Diagnosis) -> Sequence[str]:
    """The ids of checks that observed the cause's signs, and of those that measure flow and queue."""
    signs = {support.sign for support in (*wanted.support, *wanted.against)}
    return [
        run.check
        for run in report.runs
        if any(o.sign in signs for o in run.observations) or any(spec.gauge in ("flow", "queue") for spec in run.signs)
    ]


def _history(report: Report) -> set[str]:
    """The signs of checks that measure flow or queue: about mail sent before, not this host's present state."""
    told = (run for run in report.runs if any(spec.gauge in ("flow", "queue") for spec in run.signs))
    return {seen.sign for run in told for seen in run.observations}


def _named(report: Report) -> set[str]:
    """The ids of at least likely causes that stop some or all mail."""
    return {
        d.cause.id
        for d in report.diagnoses
        if d.explained_by is None and d.confidence >= Confidence.LIKELY and d.cause.impact >= Impact.PARTIAL
    }


def _flow(report: Report) -> Observation | None:
    return next(measured(report.runs, "flow"), None)


def _last(seen: Observation) -> float:
    """When mail was last accepted, by the log's clock, in seconds since 1970; 0 if the log does not say."""
    last = seen.data.get("last")
    return datetime.fromisoformat(last).timestamp() if isinstance(last, str) else 0.0

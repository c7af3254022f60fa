"""How a fix goes: diagnosed, shown, agreed to, carried out, told. Nothing here changes the host; `diagnose.mend` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from diagnose.commands import asking
from diagnose.commands.diagnosis import diagnosed
from diagnose.commands.options import exit_status, write
from diagnose.errors import UsageError
from diagnose.model import Confidence

if TYPE_CHECKING:
    from diagnose.mend import Ending
    from diagnose.model import Diagnosis
    from diagnose.remedy import Plan
    from diagnose.remedy.journal import Change, Store
    from diagnose.remedy.proposal import Proposal
    from diagnose.remedy.steps import Step
    from diagnose.session import Request, Result

ALLOW = ("firewall", "service", "package", "held", "relay", "route")
MANY, OLD = 100, 86_400  # messages; seconds


def say(line: str) -> None:
    write(f"{line}\n", None)


@dataclass(slots=True)
class Fixing:
    request: Request
    cause: str | None = None
    yes: bool = False
    allow: frozenset[str] = frozenset()
    secret_file: str | None = None
    old: str | None = None

    def show(self) -> int:
        """Exit status as `run` has it."""
        result = diagnosed(self.request)
        wanted, plan = self._wanted(result)
        if wanted is not None:
            self._shown(result, wanted, plan)
        return exit_status(result.report)

    def mend(self, store: Store) -> int:
        from diagnose import mend
        from diagnose.host.live import whereabouts
        from diagnose.remedy import guards

        result = diagnosed(self.request)
        wanted, plan = self._wanted(result)
        if wanted is None:
            return exit_status(result.report)
        proposal = self._shown(result, wanted, plan)
        if not proposal.plan.steps or proposal.obstacle:
            return 2
        if busy := guards.at_work():
            raise UsageError(f"{busy} is at work on this host: nothing was done; try again when it has ended")
        tty = asking.terminal() if not self.yes or plan.asks else None
        try:
            if not self._agreed(result, wanted, proposal, tty):
                say("Nothing was changed.")
                return 2
            given = asking.given(plan.asks, self.secret_file, tty)
        finally:
            if tty is not None:
                tty.close()
        queue = whereabouts.parameters().queue_directory
        if self.old == "hold":
            proposal.plan = replace(proposal.plan, steps=(_held(queue, proposal.plan), *proposal.plan.steps))
        change, ending = mend.mend(store, self.request, result, wanted, proposal, given, queue, say)
        return _told(change, wanted, ending)

    def _wanted(self, result: Result) -> tuple[Diagnosis | None, Plan]:
        """The first cause, or the one that was named, and its plan. Raises UsageError."""
        from diagnose.remedy import Plan

        found = [d for d in result.report.diagnoses if d.explained_by is None]
        if self.cause is not None:
            found = [d for d in result.report.diagnoses if d.cause.id == self.cause]
            if not found:
                from diagnose.knowledge.causes import by_id

                by_id(self.cause)
                raise UsageError(f"{self.cause} was not found on this host; see `mail-diagnose run`")
        if not found:
            say("Nothing to mend: no cause was found.")
            return None, Plan()
        return found[0], result.plans.get(found[0].cause.id) or Plan()

    def _shown(self, result: Result, wanted: Diagnosis, plan: Plan) -> Proposal:
        from diagnose.remedy import proposal as made
        from diagnose.remedy.make import remedy

        proposal = made.propose(plan)
        lines = [f"{wanted.cause.title} ({wanted.confidence.word}: {wanted.cause.id})", ""]
        if not plan.steps:
            lines += [remedy(wanted, plan, False).text, "", "Nothing on this host mends it."]
        if proposal.obstacle:
            lines.append(f"Cannot be mended from here: {proposal.obstacle}.")
        else:
            lines += [*([proposal.diff, ""] if proposal.diff else []), *(f"  # {line}" for line in proposal.runs)]
        for step in proposal.policy:
            lines.append(f"Opens: {step.opens or step.why} (--allow {step.allow})")
        lines += [f"Needed: {ask.what}" for ask in plan.asks]
        lines += [f"Note: {note}." for note in proposal.notes]
        say(result.hide("\n".join(lines)))
        return proposal

    def _agreed(self, result: Result, wanted: Diagnosis, proposal: Proposal, tty: TextIO | None) -> bool:
        """Raises UsageError where nobody can be asked."""
        barred = [step for step in proposal.policy if step.allow not in self.allow]
        if self.yes:
            if barred:
                say(f"Not applied: --yes covers repairs only; add {' '.join(_options(barred))}.")
                return False
            if wanted.confidence < Confidence.LIKELY and self.cause is None:
                say(f"Not applied: this is only possible; `fix {wanted.cause.id} --yes` applies it all the same.")
                return False
            return self._queue(result, tty)
        if tty is None:
            raise UsageError("there is no terminal to ask on: nothing was done (--yes applies it without asking)")
        for step in barred:
            if not asking.agreed(f"Allow {step.allow}: {step.opens or step.why}?", tty):
                return False
        return asking.agreed("Apply?", tty) and self._queue(result, tty)

    def _queue(self, result: Result, tty: TextIO | None) -> bool:
        """Mail that may leave once this is mended: much of it, or old, is asked about first. Raises UsageError."""
        data = [dict(o.data) for run in result.report.runs for o in run.measured("queue")]
        count = max((int(each.get("count") or 0) for each in data), default=0)
        oldest = max((float(each.get("oldest") or 0) for each in data), default=0.0)
        if self.old is not None or (count <= MANY and oldest <= OLD):
            return True
        words = f"{count} messages wait, the oldest for {oldest / 86_400:.1f} days, and will go out when this is mended"
        if self.yes or tty is None:
            raise UsageError(f"{words}: say --old send, or --old hold to keep back those of more than a day")
        chosen = asking.answer(f"{words}. [s]end them, [h]old those of more than a day, or [q]uit? ", tty).lower()[:1]
        self.old = {"s": "send", "h": "hold"}.get(chosen)
        return self.old is not None


def _held(queue: str, plan: Plan) -> Step:
    """Raises UsageError."""
    from diagnose.host.live.queuefiles import Foreign
    from diagnose.remedy import oldmail

    try:
        return oldmail.hold(queue, next((c for s in plan.steps if (c := getattr(s, "config", ""))), ""))
    except Foreign:
        raise UsageError("the queue's files are not as this tool knows them: hold old mail by postsuper -h") from None


def _options(steps: Sequence[Step]) -> list[str]:
    return list(dict.fromkeys(f"--allow {step.allow}" for step in steps))


def _told(change: Change, wanted: Diagnosis, ending: Ending) -> int:
    take_back = f"mail-diagnose fix --undo {change.id}"
    if ending.word == "mended":
        tail = ending.waiting.words if ending.waiting else ""
        say(f"Mended{f'; {tail}' if tail else ''}. To undo: {take_back}")
        if ending.next is not None:
            say(f"Next: {ending.next.cause.title} ({ending.next.confidence.word}: {ending.next.cause.id})")
            return 2
        return 0
    if ending.word == "unsure":
        say(f"Kept, and could not tell whether it helps: {ending.why}. To undo: {take_back}")
        return 1
    if ending.word == "undone":
        say(f"Put back as it was: {ending.why}.")
        for line in ending.left:
            say(f"Not as before: {line}.")
        return 2
    say(f"HALF CHANGED: {ending.why}. The copies lie in /var/lib/mail-diagnose/undo/{change.id}; {take_back}")
    return 3


def undone(store: Store, change: Change, yes: bool) -> int:
    """Takes a change back, after asking unless `yes`."""
    from diagnose.remedy import transaction

    say(f"{change.id}: {change.title}")
    for path in change.files:
        say(f"  {path}")
    for argv in (*change.undo, *change.after):
        say(f"  # {' '.join(argv)}")
    if not yes and sys.stdin.isatty() and (tty := asking.terminal()) is not None:
        with tty:
            if not asking.agreed("Undo this?", tty):
                return 3
    try:
        left = transaction.undo(store, change)
    except (transaction.Failed, OSError) as error:
        say(f"Nothing was undone: {error}. The copies lie in {store.name / change.id}.")
        return 3
    for line in left:
        say(f"Not as before: {line}.")
    say("Undone: the files are as they were.")
    return 0

"""How a fix goes: diagnosed, shown, agreed to, carried out, told. Nothing here changes the host; `diagnose.mend` does."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from diagnose.commands import asking
from diagnose.commands.diagnosis import diagnosed
from diagnose.commands.options import exit_status, write
from diagnose.errors import UsageError
from diagnose.model import Confidence, measured
from diagnose.record import dataclass
from diagnose.report.page import WIDTH

if TYPE_CHECKING:
    from diagnose.mend import Ending
    from diagnose.model import Diagnosis
    from diagnose.remedy import Plan
    from diagnose.remedy.journal import Change, Store
    from diagnose.remedy.proposal import Proposal
    from diagnose.remedy.steps import Step
    from diagnose.session import Request, Result

ALLOW = ("firewall", "service", "package", "held", "relay", "route", "limit", "account")
MANY = 100  # messages


def say(line: str) -> None:
    write(f"{line}\n", None)


def _wrapped(text: str, hang: str = "") -> list[str]:
    return [
        line
        for paragraph in text.split("\n")
        for line in textwrap.wrap(paragraph, WIDTH, subsequent_indent=hang, break_on_hyphens=False) or [""]
    ]


@dataclass
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
        """One cause after the other, for as long as one is mended and the next is found; only the one that was named."""
        result, tried, first = diagnosed(self.request), set[str](), ""
        while True:
            wanted, plan = self._wanted(result)
            if wanted is None:
                return exit_status(result.report)
            change, ending = self._one(store, result, wanted, plan, first)
            if change is None or ending is None:
                return 2
            status, first = _told(change, ending), change.first
            if ending.word != "mended" or ending.next is None:
                return status
            tried.add(wanted.cause.id)
            other = next((d for d in ending.next.report.diagnoses if d.explained_by is None), None)
            if other is None:
                return status
            say(f"Next: {other.cause.title} ({other.confidence.word}: {other.cause.id})\n")
            if self.cause is not None or other.cause.id in tried:
                return 2
            result = ending.next

    def _one(
        self, store: Store, result: Result, wanted: Diagnosis, plan: Plan, first: str
    ) -> tuple[Change, Ending] | tuple[None, None]:
        """(None, None) where nothing was done."""
        from diagnose import mend
        from diagnose.remedy import guards

        proposal = self._shown(result, wanted, plan)
        if not proposal.plan.steps or proposal.obstacle:
            return None, None
        if busy := guards.at_work():
            raise UsageError(f"{busy} is running on this host: nothing was done; try again when it has finished")
        tty = asking.terminal() if not self.yes or plan.asks else None
        try:
            if not self._agreed(result, wanted, proposal, tty):
                say("Nothing was changed.")
                return None, None
            given = asking.given(plan.asks, self.secret_file, tty)
        finally:
            if tty is not None:
                tty.close()
        config = next((found for step in plan.steps if (found := getattr(step, "config", ""))), "")
        queue = _queue_directory(config)
        if self.old == "hold":
            proposal.plan = replace(plan, steps=(_held(queue, config), *plan.steps))
        return mend.mend(store, self.request, result, wanted, proposal, given, queue, say, first)

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
            say("Nothing to fix: no cause was found.")
            return None, Plan()
        return found[0], result.plans.get(found[0].cause.id) or Plan()

    def _shown(self, result: Result, wanted: Diagnosis, plan: Plan) -> Proposal:
        from diagnose.remedy import proposal as made
        from diagnose.remedy.make import remedy

        proposal = made.propose(plan)
        lines = [*_wrapped(f"{wanted.cause.title} ({wanted.confidence.word}: {wanted.cause.id})", "  "), ""]
        if not plan.steps:
            lines += [*_wrapped(remedy(wanted, plan, False).text), "", "`fix` cannot do this by itself."]
            lines += [f"Also found: {d.cause.title} (fix {d.cause.id})" for d in _mendable(result, wanted)]
        if proposal.obstacle:
            lines.append(f"Cannot be fixed from here: {proposal.obstacle}.")
        else:
            lines += [*([proposal.diff, ""] if proposal.diff else []), *(f"  # {line}" for line in proposal.runs)]
        for step in proposal.policy:
            words = f"This lets {step.opens}" if step.opens else f"Opens: {step.why}"
            lines += _wrapped(f"{words} (--allow {step.allow})", "  ")
        for said in (*(f"Needed: {ask.what}" for ask in plan.asks), *(f"Note: {note}." for note in proposal.notes)):
            lines += _wrapped(said, "  ")
        say(result.hide("\n".join(lines)))
        return proposal

    def _agreed(self, result: Result, wanted: Diagnosis, proposal: Proposal, tty: TextIO | None) -> bool:
        """Raises UsageError if nobody can be asked."""
        barred = [step for step in proposal.policy if step.allow not in self.allow]
        if self.yes:
            if barred:
                options = dict.fromkeys(f"--allow {step.allow}" for step in barred)
                say(f"Not applied: --yes covers repairs only; add {' '.join(options)}.")
                return False
            if wanted.confidence < Confidence.LIKELY and self.cause is None:
                say(f"Not applied: this is only possible; `fix {wanted.cause.id} --yes` applies it anyway.")
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
        from diagnose.remedy.oldmail import OLD

        data = [dict(o.data) for o in measured(result.report.runs, "queue")]
        count = max((int(each.get("count") or 0) for each in data), default=0)
        oldest = max((float(each.get("oldest") or 0) for each in data), default=0.0)
        if self.old is not None or (count <= MANY and oldest <= OLD):
            return True
        words = f"{count} message{'s wait' if count != 1 else ' waits'}, the oldest for {oldest / 86_400:.1f} days, and will go out when this is fixed"
        if self.yes or tty is None:
            raise UsageError(f"{words}: use --old send, or --old hold to hold back those older than a day")
        chosen = asking.answer(f"{words}. [s]end them, [h]old those older than a day, or [q]uit? ", tty).lower()[:1]
        self.old = {"s": "send", "h": "hold"}.get(chosen)
        return self.old is not None


def _mendable(result: Result, wanted: Diagnosis) -> list[Diagnosis]:
    """What else was found that this host has steps for."""
    others = (d for d in result.report.diagnoses if d.cause.id != wanted.cause.id and d.explained_by is None)
    return [d for d in others if (plan := result.plans.get(d.cause.id)) is not None and plan.steps]


def _queue_directory(config: str) -> str:
    """config: the instance's configuration directory, "" for the default; "" where there is no Postfix."""
    from diagnose.host.live.carry import carry_out
    from diagnose.host.live.system import find
    from diagnose.remedy.steps import postfix_tool

    argv = (*postfix_tool("postconf", config), "-h", "queue_directory")
    return carry_out(argv, 10).raw or ("/var/spool/postfix" if find(argv[0]) else "")


def _held(queue: str, config: str) -> Step:
    """Raises UsageError."""
    from diagnose.host.live.queuefiles import Foreign
    from diagnose.remedy import oldmail

    try:
        return oldmail.hold(queue, config)
    except Foreign:
        raise UsageError(
            "the queue's files are not laid out as this tool expects: hold old mail with postsuper -h"
        ) from None


def _told(change: Change, ending: Ending) -> int:
    from diagnose.remedy.journal import PLACE

    take_back = f"mail-diagnose fix --undo {change.id}"
    if change.first != change.id:
        take_back += "; together with what went before it: mail-diagnose fix --undo"
    if ending.word == "mended":
        proof = "mail goes out again" if ending.delivered else "its checks pass"
        say(f"Fixed: {proof}{f'; {ending.waiting.words}' if ending.waiting else ''}. To undo: {take_back}")
        return 0
    if ending.word == "unsure":
        say(f"Kept, and could not tell whether it helps: {ending.why}. To undo: {take_back}")
        return 1
    if ending.word == "undone":
        say(f"Reverted: {ending.why}.")
        for line in ending.left:
            say(f"Not restored: {line}.")
        return 2
    say(f"HALF CHANGED: {ending.why}. The copies are in {PLACE / change.id}; {take_back}")
    return 3


def undone(store: Store, changes: Sequence[Change], yes: bool) -> int:
    """Takes changes back, newest first, after asking unless `yes`."""
    from diagnose.remedy import transaction

    for change in changes:
        say(f"{change.id}: {change.title}")
        for path in change.files:
            say(f"  {path}")
        for argv in (*change.undo, *change.after):
            say(f"  # {' '.join(argv)}")
    if not yes and sys.stdin.isatty() and (tty := asking.terminal()) is not None:
        with tty:
            if not asking.agreed("Undo this?" if len(changes) == 1 else f"Undo these {len(changes)}?", tty):
                return 3
    try:
        left = transaction.undo(store, *changes)
    except (transaction.Failed, OSError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        say(f"Nothing was undone: {reason}. The copies are in {store.name / changes[-1].id}.")
        return 3
    for line in left:
        say(f"Not restored: {line}.")
    say("Undone: the files are as they were.")
    return 0

"""The state machine, without side effects: from the known state and what a pass saw to the next state and an alarm.

Hard and soft states are those of Nagios: a problem is soft until it was seen `attempts` passes in a row, a recovery is
hard at once. A change of status or cause within a problem must be seen as often. UNKNOWN leaves everything as it was.
Passes are counted, not timed, so that a changed clock alters only reminders.

What it promises, whatever came before: a problem that lasts `attempts` + 2 passes is told, also while states flap;
the end of a told one is told; nothing is told twice within `renotify`, unless it ended or became another in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from diagnose.record import dataclass, frozen
from diagnose.report import Plain

OK, UNKNOWN, WARNING, FAILED = "ok", "unknown", "warning", "failed"
STATUSES = (OK, UNKNOWN, WARNING, FAILED)
CHECKS = 21  # states that flapping looks at, as in Nagios
LASTS = 2  # passes beyond `attempts` by which a problem, though it flapped, lasts
NAMED = 20  # causes of a problem that are remembered as told

# Kinds of events, at most one a pass.
KINDS = PROBLEM, CHANGE, RECOVERY, REMINDER, FLAPPING, LASTING, STEADY, BLIND, SIGHTED = (
    "problem",
    "change",
    "recovery",
    "reminder",
    "flapping",
    "lasting",
    "steady",
    "blind",
    "sighted",
)


@frozen
class Policy:
    """renotify: seconds after which an alarm for a lasting problem is repeated, 0 for never. unknown_attempts:
    passes in a row without a result before that itself raises an alarm. flap_high, flap_low: percent of weighted
    change."""

    attempts: int = 2
    renotify: float = 21_600.0
    unknown_attempts: int = 3
    flap_high: float = 30.0
    flap_low: float = 20.0


@dataclass(frozen=True)
class Seen:
    """What a pass saw: a status, its first cause, and when (epoch seconds)."""

    status: str
    cause: str | None
    at: float


@frozen
class Machine:
    """status, cause, since: the hard state. attempt: passes in a row that contradict it, first at candidate_since;
    candidate: the status and cause that the last of them saw. run: passes in a row with the status that the last one
    saw; bad: passes in a row that saw any problem. told: when this problem was last told, in epoch seconds; said:
    the status that was told, None once it was seen to be over; named: the causes told with that status."""

    status: str = OK
    cause: str | None = None
    since: float | None = None
    attempt: int = 0
    candidate: tuple[str, str | None] | None = None
    candidate_since: float | None = None
    unknowns: int = 0
    history: tuple[str, ...] = (OK,) * CHECKS
    flapping: bool = False
    told: float | None = None
    run: tuple[str, int] = (OK, 0)
    bad: int = 0
    said: str | None = None
    named: tuple[str, ...] = ()

    @property
    def soft(self) -> bool:
        """A problem is suspected that is not yet a hard one."""
        return self.status == OK and self.attempt > 0

    @property
    def known(self) -> bool:
        """Whether an alarm was sent for the hard state and its cause."""
        return self.said == self.status and (self.cause or "") in self.named


@frozen
class Event:
    """Something to tell: its kind, the hard status and cause now, the status before, and since when."""

    kind: str
    status: str
    before: str
    cause: str | None
    since: float | None
    at: float


def step(now: Machine, policy: Policy, seen: Seen) -> tuple[Machine, Event | None]:
    """The next state, and what to tell."""
    before = now.status
    now = _turned_back(now, seen.at)
    if seen.status == UNKNOWN:
        now = replace(now, unknowns=now.unknowns + 1)
        kind = BLIND if now.unknowns == policy.unknown_attempts else None
    else:
        sighted = now.unknowns >= policy.unknown_attempts
        now, kind = _settle(_counted(now, seen.status), policy, seen)
        now, kind = _flap(now, policy, kind)
        if kind is None and sighted:
            kind = SIGHTED
    if kind is None and _due(now, policy, seen.at):
        kind = REMINDER
    if kind is None:
        return now, None
    if now.status != OK and kind not in (BLIND, SIGHTED):
        named = (*(now.named if now.said == now.status else ()), now.cause or "")
        now = replace(now, told=seen.at, said=now.status, named=tuple(dict.fromkeys(named))[-NAMED:])
    event = Event(kind=kind, status=now.status, before=before, cause=now.cause, since=now.since, at=seen.at)
    return now, event


def _turned_back(now: Machine, at: float) -> Machine:
    """Limits past moments to now: after the clock was set back, reminders would wait for the old time."""

    def past(moment: float | None) -> float | None:
        return None if moment is None else min(moment, at)

    return replace(now, told=past(now.told), since=past(now.since), candidate_since=past(now.candidate_since))


def _counted(now: Machine, status: str) -> Machine:
    run = now.run[1] + 1 if now.run[0] == status else 1
    now = replace(now, unknowns=0, run=(status, run), bad=now.bad + 1)
    return replace(now, bad=0, told=None, said=None, named=()) if status == OK else now


def _settle(now: Machine, policy: Policy, seen: Seen) -> tuple[Machine, str | None]:
    """The next hard and soft state, and the kind of event if the state is not flapping."""
    clear = replace(now, attempt=0, candidate=None, candidate_since=None)
    if seen.status == OK:
        if now.status == OK:
            return clear, None
        return replace(clear, status=OK, cause=None, since=seen.at), RECOVERY
    what = (seen.status, seen.cause)
    if what == (now.status, now.cause):
        return clear, None
    # While all was well any problem counts on; within a problem only one that is as bad.
    again = now.candidate is not None and (now.status == OK or now.candidate[0] == seen.status)
    attempt = now.attempt + 1 if again else 1
    first = now.candidate_since if again and now.candidate_since is not None else seen.at
    if attempt < policy.attempts:
        return replace(now, attempt=attempt, candidate=what, candidate_since=first), None
    after = replace(
        clear, status=seen.status, cause=seen.cause, since=now.since if now.status == seen.status else first
    )
    return after, PROBLEM if now.status == OK else None if after.known else CHANGE


def _flap(now: Machine, policy: Policy, kind: str | None) -> tuple[Machine, str | None]:
    """Records hard states and OKs only, as Nagios does; while the state flaps, only a lasting problem raises an alarm."""
    seen, passes = now.run
    if seen != OK and now.status == OK:
        return now, kind
    before = now.history[-1]
    now = replace(now, history=(*now.history, now.status)[-CHECKS:])
    percent = changed(now.history)
    if not now.flapping:
        if percent >= policy.flap_high and now.history[-1] != before:
            return replace(now, flapping=True), FLAPPING
        return now, kind
    enough = policy.attempts + LASTS
    if now.status != OK and (now.bad >= enough if now.said is None else passes >= enough):
        return replace(now, flapping=False, history=(now.status,) * CHECKS), None if now.known else LASTING
    if percent > policy.flap_low:
        return now, None
    return replace(now, flapping=False), None if now.known else STEADY


def changed(history: Sequence[str]) -> float:
    """Percent of change over a history, the newest of its 20 transitions weighing most, as Nagios does."""
    pairs = list(itertools.pairwise(history))
    # Weights 0.75 to 1.25 in 19 steps, times 76: whole numbers, so that a threshold met exactly is met everywhere.
    total = sum(57 + 2 * place for place, (a, b) in enumerate(pairs, CHECKS - 1 - len(pairs)) if a != b)
    return total * 100 / (76 * (CHECKS - 1))


def _due(now: Machine, policy: Policy, at: float) -> bool:
    if now.status == OK or now.flapping or policy.renotify <= 0:
        return False
    return now.told is None or at - now.told >= policy.renotify


def word(now: Machine, ignored: int = 0) -> str:
    """The state as monitoring systems call it; "acknowledged" if there are only `ignored` findings."""
    if now.flapping:
        return "flapping"
    if now.status != OK:
        return "hard"
    if now.soft:
        return "soft"
    return "acknowledged" if ignored else "ok"


def as_plain(now: Machine) -> dict[str, Any]:
    return asdict(now)


def from_plain(data: Plain) -> Machine:
    """Raises ValueError if the data are not those of `as_plain`."""
    fresh = as_plain(Machine())
    added = ("run", "bad", "said", "named")  # after the first state files were written
    if fresh.keys() != data.keys() | added:
        raise ValueError("fields")
    data = {**fresh, **data}
    history, run, named = (tuple(data[name]) for name in ("history", "run", "named"))
    candidate = data["candidate"]
    numbers = (data["since"], data["candidate_since"], data["told"])
    if (
        data["status"] not in STATUSES
        or not all(status in STATUSES for status in history)
        or not 0 < len(history) <= CHECKS
        or not all(number is None or isinstance(number, (int, float)) for number in numbers)
        or not all(isinstance(data[name], int) for name in ("attempt", "unknowns", "bad"))
        or not (candidate is None or (isinstance(candidate, (list, tuple)) and len(candidate) == 2))
        or not (len(run) == 2 and run[0] in STATUSES and isinstance(run[1], int))
        or not (data["said"] is None or data["said"] in STATUSES)
        or not all(isinstance(cause, str) for cause in named)
    ):
        raise ValueError("values")
    candidate = None if candidate is None else tuple(candidate)
    return Machine(**{**data, "history": history, "run": run, "named": named, "candidate": candidate})

"""What the watch promises, checked from outside: of each pass only what it saw and what was told is known here.

`python -m tests.bench histories` plays random histories against it; the tests play a few.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from diagnose.watch.machine import (
    BLIND,
    CHECKS,
    FLAPPING,
    LASTS,
    OK,
    RECOVERY,
    REMINDER,
    SIGHTED,
    STEADY,
    UNKNOWN,
    Event,
    Machine,
    Policy,
    Seen,
    as_plain,
    from_plain,
    step,
)

_MOODS = (
    (1, 0, 0, 0),
    (8, 1, 1, 1),
    (1, 1, 1, 1),
    (1, 0, 0, 8),
    (0, 1, 0, 6),
    (3, 0, 0, 3),
    (0, 0, 1, 1),
    (2, 0, 0, 5),
)


def passes(dice: random.Random, count: int) -> Iterator[Seen]:
    """Spells of one mood, from quiet to restless, under a clock that now and then jumps."""
    at, left, mood = 1_700_000_000.0, 0, _MOODS[0]
    for _ in range(count):
        if not left:
            left, mood = dice.randint(1, 40), dice.choice(_MOODS)
        left -= 1
        at += dice.choice((600, 600, 600, 7200)) if dice.random() > 0.02 else dice.choice((-90_000, -3000, 90_000))
        status = dice.choices(("ok", "unknown", "warning", "failed"), mood)[0]
        yield Seen(status, None if status in ("ok", "unknown") else dice.choice("aaab"), at)


def history(seed: int, count: int) -> None:
    """One random history of so many passes, some of which die before they keep or tell anything."""
    dice = random.Random(seed)
    policy = Policy(attempts=dice.randint(1, 4), renotify=float(dice.choice((0, 3600, 21_600))))
    now, promise = Machine(), Promise(policy)
    for seen in passes(dice, count):
        after, event = step(now, policy, seen)
        assert from_plain(json.loads(json.dumps(as_plain(after)))) == after
        if dice.random() > 0.03:
            now = after
            promise.look(seen.status, seen.cause, seen.at, event)


class Promise:
    """Call `look` for each pass that was kept; an AssertionError names the promise that was broken."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.bound = policy.attempts + LASTS
        self.same: tuple[str, str | None] = (OK, None)
        self.run = 0  # passes in a row that saw `same`
        self.level = 0  # passes in a row that saw its status
        self.bad = 0  # passes in a row that saw any problem
        self.good = 0  # passes in a row that saw none
        self.told: dict[
            tuple[str, str | None], float
        ] = {}  # since the last good pass, or since another status was told
        self.open = False  # a problem was told, its end not yet
        self.any = False  # a problem was told since the last good pass

    def look(self, status: str, cause: str | None, at: float, event: Event | None) -> None:
        self.told = {what: min(moment, at) for what, moment in self.told.items()}  # the clock may have been set back
        if status == UNKNOWN:
            assert event is None or event.kind in (BLIND, REMINDER), (
                "a pass that could not tell began or ended an outage"
            )
            self._note(event, at)
            return
        if status == OK:
            self.bad, self.good, self.told, self.any = 0, self.good + 1, {}, False
        else:
            self.bad, self.good = self.bad + 1, 0
        self.run = self.run + 1 if self.same == (status, cause) else 1
        self.level = self.level + 1 if self.same[0] == status else 1
        self.same = (status, cause)
        self._note(event, at)
        if status == OK:
            assert self.good < CHECKS or not self.open, "the end of a told problem was not told"
        else:
            assert self.bad < self.bound or self.any, "a problem lasts, and nothing was told since all was well"
            as_bad = any(told == status for told, _ in self.told)
            assert self.level < self.bound or as_bad, "a problem lasts, and it was told as another status"
            assert self.run < self.bound or self.same in self.told, "a problem lasts, and it was not told"

    def _note(self, event: Event | None, at: float) -> None:
        if event is None or event.kind in (BLIND, SIGHTED):
            return
        if event.status == OK:
            assert event.kind in (RECOVERY, STEADY, FLAPPING), event
            self.open = event.kind == FLAPPING
            return
        self.open = True
        if event.kind == FLAPPING:
            self.any = True
        what = (event.status, event.cause)
        if any(status != event.status for status, _ in self.told):
            self.told = {}
        last = self.told.get(what)
        again = self.policy.renotify > 0 and last is not None and at - last >= self.policy.renotify
        assert event.kind == FLAPPING or last is None or again, "it was told twice within its interval"
        self.any = True
        self.told[what] = at


def report(name: str, count: int, passes: int, play: Callable[[int, int], None]) -> None:
    """Prints how many of so many random histories break a promise. play: a history, by its seed and length."""
    broken: dict[str, int] = {}
    for seed in range(count):
        try:
            play(seed, passes)
        except AssertionError as error:
            broken[str(error)] = broken.get(str(error), 0) + 1
    print(f"{name}  {count} of {passes} passes each: {sum(broken.values())} break a promise {broken or ''}".rstrip())

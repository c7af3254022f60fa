"""The state machine against a model of it that was written apart, and its rules one by one."""

from __future__ import annotations

import random
from collections import deque
from fractions import Fraction
from pathlib import Path

import pytest

from diagnose.watch import machine
from diagnose.watch.machine import Event, Machine, Policy, Seen, step
from tests.watch import world


class Model:
    """The same rules the plain way: it remembers whole lists and looks back on them."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.hard: tuple[str, str | None] = ("ok", None)
        self.against: list[tuple[str, str | None]] = []
        self.blind = 0
        self.memory = deque(["ok"] * 21, maxlen=21)
        self.flaps = False
        self.told: float | None = None

    def look(self, status: str, cause: str | None, at: float) -> str | None:
        kind = self._kind(status, cause)
        quiet = kind is None and self.hard[0] != "ok" and not self.flaps and self.policy.renotify > 0
        if quiet and (self.told is None or at - self.told >= self.policy.renotify):
            kind = "reminder"
        if kind is not None:
            if self.hard[0] == "ok":
                self.told = None
            elif kind not in ("blind", "sighted"):
                self.told = at
        return kind

    def _kind(self, status: str, cause: str | None) -> str | None:
        if status == "unknown":
            self.blind += 1
            return "blind" if self.blind == self.policy.unknown_attempts else None
        was_blind, self.blind = self.blind >= self.policy.unknown_attempts, 0
        kind = None
        if status == "ok":
            if self.hard[0] != "ok":
                kind = "recovery"
            self.hard, self.against = ("ok", None), []
        elif (status, cause) == self.hard:
            self.against = []
        else:
            self.against.append((status, cause))
            needed = self.against[-self.policy.attempts :]
            if len(needed) == self.policy.attempts and (self.hard[0] == "ok" or len(set(needed)) == 1):
                kind = "problem" if self.hard[0] == "ok" else "change"
                self.hard, self.against = (status, cause), []
        if status == "ok" or self.hard[0] != "ok":
            self.memory.append("ok" if status == "ok" else self.hard[0])
            states = list(self.memory)
            percent = float(5 * sum(Fraction(3, 4) + Fraction(i, 38) for i in range(20) if states[i] != states[i + 1]))
            if self.flaps:
                self.flaps = percent > self.policy.flap_low
                if not self.flaps:
                    return "steady"
                return "sighted" if was_blind else None
            if percent >= self.policy.flap_high:
                self.flaps = True
                return "flapping"
        return kind or ("sighted" if was_blind else None)


def _passes(seed: int, count: int = 1000) -> list[tuple[str, str | None, float]]:
    """Spells of one mood, from quiet to restless, so that every rule has its turn."""
    dice = random.Random(seed)
    found: list[tuple[str, str | None, float]] = []
    at = 1_700_000_000.0
    while len(found) < count:
        mood = dice.choice([(1, 0, 0, 0), (8, 1, 1, 1), (1, 1, 1, 1), (1, 0, 0, 8), (0, 1, 0, 6), (3, 0, 0, 3)])
        for _ in range(dice.randint(1, 40)):
            at += dice.choice([600, 600, 600, 7200])
            status = dice.choices(["ok", "unknown", "warning", "failed"], mood)[0]
            cause = None if status in ("ok", "unknown") else dice.choices(["a", "b"], (5, 1))[0]
            found.append((status, cause, at))
    return found[:count]


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_a_thousand_passes_tell_what_the_model_tells(seed: int, attempts: int) -> None:
    policy = Policy(attempts=attempts, renotify=float(random.Random(seed).choice([0, 3600, 21_600])))
    model, now = Model(policy), Machine()
    for number, (status, cause, at) in enumerate(_passes(seed)):
        now, event = step(now, policy, Seen(status, cause, at))
        assert (event.kind if event else None) == model.look(status, cause, at), number
        assert (now.status, now.cause, now.flapping) == (*model.hard, model.flaps)
        assert machine.from_plain(machine.as_plain(now)) == now


def test_the_simulation_meets_every_kind_of_event() -> None:
    kinds = set()
    for seed in range(20):
        now = Machine()
        for status, cause, at in _passes(seed):
            now, event = step(now, Policy(attempts=1), Seen(status, cause, at))
            kinds |= {event.kind} if event else set()
    assert kinds == {"problem", "change", "recovery", "reminder", "flapping", "steady", "blind", "sighted"}


def test_a_thousand_real_passes_send_what_the_model_tells(swift: Path) -> None:
    """The same through the kept state, the outbox and a real socket."""
    policy = Policy(attempts=2, renotify=0)
    model = Model(policy)
    with world.journal(swift) as drain:
        ids = []
        for number, (status, cause, at) in enumerate(_passes(99)):
            world.one(swift / "state", (status, cause), f"journal:{swift}/journal", policy=policy)
            expected = model.look(status, cause, at)
            entries = drain()
            assert [e["MAIL_DIAGNOSE_KIND"] for e in entries] == ([expected] if expected else []), number
            ids += [e["MAIL_DIAGNOSE_ID"] for e in entries]
    assert len(set(ids)) == len(ids) > 50


def _told(policy: Policy, *seen: tuple[str, str | None, float]) -> list[Event | None]:
    now, told = Machine(), []
    for status, cause, at in seen:
        now, event = step(now, policy, Seen(status, cause, at))
        told.append(event)
    return told


def test_a_soft_problem_that_ends_is_not_told() -> None:
    assert (
        _told(Policy(attempts=2), ("failed", "a", 1), ("ok", None, 2), ("failed", "a", 3), ("ok", None, 4))
        == [None] * 4
    )


def test_an_unknown_between_neither_ends_nor_delays_a_problem() -> None:
    told = _told(Policy(attempts=2), ("failed", "a", 1), ("unknown", None, 2), ("failed", "a", 3), ("unknown", None, 4))
    assert [event.kind if event else None for event in told] == [None, None, "problem", None]
    assert told[2] is not None
    assert told[2].since == 1


def test_a_clock_that_was_set_back_does_not_silence_reminders() -> None:
    policy = Policy(attempts=1, renotify=3600)
    told = _told(policy, ("failed", "a", 1e9), ("failed", "a", 1000), ("failed", "a", 3000), ("failed", "a", 4600))
    assert [event.kind if event else None for event in told] == ["problem", None, None, "reminder"]


def test_flapping_begins_and_ends_where_nagios_says() -> None:
    """Alternating every pass: 30 % is reached at the sixth pass; it ends once 20 % is left."""
    policy = Policy(attempts=1)
    now, told = Machine(), []
    for number in range(60):
        status = "failed" if number < 20 and number % 2 == 0 else "ok"
        now, event = step(now, policy, Seen(status, "a" if status == "failed" else None, float(number)))
        told.append(event.kind if event else None)
    assert told.index("flapping") == 5
    assert told.count("flapping") == told.count("steady") == 1
    assert all(kind is None for kind in told[6 : told.index("steady")])

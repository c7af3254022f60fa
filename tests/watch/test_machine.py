"""The state machine against its promises, and its rules one by one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from diagnose.watch import machine
from diagnose.watch.machine import KINDS, Event, Machine, Policy, Seen, step
from tests.watch import promise, world


@pytest.mark.parametrize("seed", range(150))
def test_a_random_history_breaks_no_promise(seed: int) -> None:
    promise.history(seed, 200)


def test_a_machine_kept_by_an_older_version_goes_on() -> None:
    older = machine.as_plain(Machine(status="failed", cause="a", since=1.0, told=1.0))
    for added in ("run", "bad", "said", "named"):
        del older[added]
    now, event = step(machine.from_plain(older), Policy(), Seen("ok", None, 2.0))
    assert now.status == "ok"
    assert event is not None
    assert event.kind == "recovery"


def test_random_histories_meet_every_kind_of_event() -> None:
    kinds = set()
    for seed in range(60):
        now = Machine()
        for seen in promise.passes(random.Random(seed), 400):
            now, event = step(now, Policy(attempts=2), seen)
            kinds |= {event.kind} if event else set()
    assert kinds == {*KINDS}


def test_a_thousand_real_passes_send_what_is_to_be_told(swift: Path) -> None:
    """Through the kept state, the outbox and a real socket."""
    policy = Policy(attempts=2, renotify=0)
    now = Machine()
    with world.journal(swift) as drain:
        ids = []
        for number, seen in enumerate(promise.passes(random.Random(99), 1000)):
            world.one(swift / "state", (seen.status, seen.cause), f"journal:{swift}/journal", policy=policy)
            now, event = step(now, policy, seen)
            entries = drain()
            assert [e["MAIL_DIAGNOSE_KIND"] for e in entries] == ([event.kind] if event else []), number
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


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("before", ["hb", "hbb", "hbbhb", "hhb"])
def test_an_outage_after_flapping_is_told_as_lasting(before: str, attempts: int) -> None:
    policy = Policy(attempts=attempts)
    now, told = Machine(), []
    for number, word in enumerate(before * 12 + "h" + "b" * 20):
        seen = Seen("ok", None, number) if word == "h" else Seen("failed", "a", number)
        now, event = step(now, policy, seen)
        told.append(event.kind if event else None)
    last = told[-20:]
    first = next(place for place, kind in enumerate(last, 1) if kind is not None)
    assert last[first - 1] in ("problem", "lasting", "flapping")
    assert first <= attempts + 3
    assert last.count("lasting") <= 1

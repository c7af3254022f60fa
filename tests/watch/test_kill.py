"""A pass that is killed at any instant: the state can always be read, and no alarm is lost or sent twice."""

from __future__ import annotations

import os
import random
import signal
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from diagnose.watch import machine, passes, state, store
from tests.watch import world

ROUNDS = 200
POLICY = machine.Policy(attempts=1, renotify=0, flap_high=1000.0)


def _one(directory: Path, what: tuple[str, str | None]) -> passes.Outcome:
    return world.one(directory / "state", what, f"journal:{directory}/journal", policy=POLICY)


def _pass(directory: Path, what: tuple[str, str | None]) -> int:
    """A pass in a process of its own; returns its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests' servers have ended by now
        child = os.fork()
    if child:
        return child
    try:
        _one(directory, what)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(9)
    os._exit(0)


def _kept(directory: Path) -> dict[str, Any]:
    kept = state.load(directory / "state")
    assert kept is not None
    return kept


def test_a_pass_killed_at_200_random_instants_loses_no_alarm_and_sends_none_twice(swift: Path) -> None:
    dice = random.Random(5)
    with world.journal(swift) as drain:
        lengths = []
        for number in range(6):
            began = time.monotonic()
            _, status = os.waitpid(_pass(swift, world.OK if number % 2 else world.FAILED), 0)
            assert status == 0
            lengths.append(time.monotonic() - began)
        length = sorted(lengths)[3]
        assert len(drain()) == 6
        instants: Counter[str] = Counter()
        number = 0
        while instants.total() < ROUNDS:
            assert number < 4 * ROUNDS, f"most passes ended before their kill: {instants}"
            what = world.FAILED if number % 2 == 0 else world.OK
            before = _kept(swift)["passes"]
            child = _pass(swift, what)
            if number % 3 == 0:
                # The short moment in which an alarm is out and its arrival not yet noted.
                drain.wait(5)
            else:
                time.sleep(dice.uniform(0, length))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            early = drain()
            kept = _kept(swift)
            if os.WIFSIGNALED(status):
                when = "telling" if kept["outbox"] else "after"
                when = "told, not noted" if kept["outbox"] and early else when
                instants["looking" if kept["passes"] == before else when] += 1
            assert state.last(swift / "state")["watch"]["stale"] is False
            assert _one(swift, what).warnings == []
            sent = [*early, *drain()]
            # Exactly one change a round: one id, every try of it made once.
            assert len({e["MAIL_DIAGNOSE_ID"] for e in sent}) == 1, (number, sent)
            assert {e["MAIL_DIAGNOSE_KIND"] for e in sent} == {"problem" if number % 2 == 0 else "recovery"}
            tries = Counter((e["MAIL_DIAGNOSE_ID"], e["MAIL_DIAGNOSE_TRY"]) for e in sent)
            assert max(tries.values()) == 1, tries
            assert len(sent) <= 2
            number += 1
    assert instants["looking"] > 5, "the kills all came too late to mean anything"
    assert instants["told, not noted"] > 0
    assert _kept(swift)["outbox"] == []
    assert list((swift / "state").glob(".*.part")) == []
    outages = store.outages(swift / "state")
    assert len(outages) == 3 + (number + 1) // 2
    assert all(outage["causes"] == [world.FAILED[1]] for outage in outages)

"""A pass that is killed at any instant: the state can always be read, and no alarm is lost or sent twice."""

from __future__ import annotations

import os
import random
import signal
import time
import warnings
from collections import Counter
from pathlib import Path

from diagnose.watch import machine, state, store
from tests.watch import world

ROUNDS = 200
POLICY = machine.Policy(attempts=1, renotify=0, flap_high=1000.0)


def _pass(directory: Path, what: tuple[str, str | None]) -> int:
    """A pass in a process of its own; returns its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests' servers have ended by now
        child = os.fork()
    if child:
        return child
    try:
        world.one(directory / "state", what, f"journal:{directory}/journal", policy=POLICY)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(9)
    os._exit(0)


def test_a_pass_killed_at_200_random_instants_loses_no_alarm_and_sends_none_twice(swift: Path) -> None:
    dice = random.Random(5)
    with world.journal(swift) as drain:
        lengths = []
        for _ in range(5):
            began = time.monotonic()
            _, status = os.waitpid(_pass(swift, world.OK), 0)
            assert status == 0
            lengths.append(time.monotonic() - began)
        length = sorted(lengths)[2]
        assert drain() == []
        killed = 0
        for number in range(ROUNDS):
            what = world.FAILED if number % 2 == 0 else world.OK
            child = _pass(swift, what)
            time.sleep(dice.uniform(0, length * 1.1))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += os.WIFSIGNALED(status)
            assert state.load(swift / "state") is not None
            assert state.last(swift / "state")["watch"]["stale"] is False
            _, status = os.waitpid(_pass(swift, what), 0)
            assert status == 0
            sent = drain()
            # Exactly one change a round: one id, every try of it made once.
            assert len({e["MAIL_DIAGNOSE_ID"] for e in sent}) == 1, (number, sent)
            assert {e["MAIL_DIAGNOSE_KIND"] for e in sent} == {"problem" if number % 2 == 0 else "recovery"}
            tries = Counter((e["MAIL_DIAGNOSE_ID"], e["MAIL_DIAGNOSE_TRY"]) for e in sent)
            assert max(tries.values()) == 1, tries
            assert len(sent) <= 2
    assert killed > ROUNDS / 4, "the kills came too late to mean anything"
    kept = state.load(swift / "state")
    assert kept is not None
    assert kept["outbox"] == []
    assert list((swift / "state").glob(".*.part")) == []
    outages = store.outages(swift / "state")
    assert len(outages) == ROUNDS / 2
    assert all(outage["ended"] is not None and outage["causes"] == [world.FAILED[1]] for outage in outages)

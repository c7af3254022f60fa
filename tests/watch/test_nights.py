"""Whole passes in bad surroundings keep the watch's promise: random histories, and any order of events."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from diagnose.watch.machine import Policy
from tests.watch import nights


@pytest.mark.parametrize("seed", range(5))
def test_a_random_night_breaks_no_promise(seed: int, swift: Path) -> None:
    nights.history(seed, 120, swift)


class Nights(RuleBasedStateMachine):
    """Any order of passes, of disks that fill or are taken away, of targets that fail or hang, and of jumps of the clock."""

    hung = False

    @initialize(attempts=st.integers(1, 3), renotify=st.sampled_from((0.0, 3600.0)))
    def begin(self, attempts: int, renotify: float) -> None:
        self.stack, self.at = ExitStack(), 1_700_000_000.0
        place = self.stack.enter_context(
            tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self.night = self.stack.enter_context(nights.night(Path(place), Policy(attempts=attempts, renotify=renotify)))

    @rule(home=st.sampled_from(nights.HOMES))
    def home(self, home: str) -> None:
        self.night.home = home

    @rule(second=st.sampled_from((nights.TAKES, nights.FAILS)))
    def second(self, second: str) -> None:
        self.night.second = second

    @rule()
    @precondition(lambda self: not self.hung)  # each costs a time-out
    def hang(self) -> None:
        self.hung = True
        before, self.night.second = self.night.second, nights.HANGS
        self._look("failed", "a")
        self.night.second = before

    @rule(status=st.sampled_from(("ok", "warning", "failed")), cause=st.sampled_from("ab"), count=st.integers(1, 4))
    def look(self, status: str, cause: str, count: int) -> None:
        for _ in range(count):
            self._look(status, None if status == "ok" else cause)

    @rule()
    def look_in_vain(self) -> None:
        self._look("unknown", None)

    @rule(seconds=st.sampled_from((-90_000, -60, 3600, 90_000)))
    def set_the_clock(self, seconds: int) -> None:
        self.at += seconds

    def _look(self, status: str, cause: str | None) -> None:
        self.at += 600
        self.night.look(status, cause, self.at)

    def teardown(self) -> None:
        if hasattr(self, "night"):
            self.night.end(self.at + 600)
            self.stack.close()


Nights.TestCase.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
TestNights = Nights.TestCase

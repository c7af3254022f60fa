"""Whole passes in bad surroundings keep the watch's promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watch import nights


@pytest.mark.parametrize("seed", range(5))
def test_a_random_night_breaks_no_promise(seed: int, swift: Path) -> None:
    nights.history(seed, 120, swift)

"""What is kept does not grow: a pass a minute over a large outage, and months under a retention of days; by a clock that is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diagnose.watch import machine, passes, state, store
from tests.report import material
from tests.watch import world

BEGAN = 1_700_000_000.0
HOUR = 3600.0


def _octets(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.iterdir()}


def _pass(directory: Path, report: dict[str, Any], at: float, retention: float = 400 * 86_400.0) -> dict[str, int]:
    """A pass at `at`, whose log holds the day before it; the octets of each kept file then."""
    hour = int(at // HOUR)
    traffic = [[hour - ago, f"{n}.example", 900, 100, "rate-limited"] for ago in range(24) for n in range(8)]
    options = passes.Options(
        state_dir=directory, policy=machine.Policy(attempts=2), clock=lambda: at, retention=retention
    )
    passes.one_pass(options, world.probe_of({**report, "traffic": traffic}))
    return _octets(directory)


def test_an_hour_of_passes_over_20000_deferred_messages_keeps_no_more_than_the_first(swift: Path) -> None:
    report = material.deferred()
    sizes = [_pass(swift, report, BEGAN + 60 * minute) for minute in range(61)]
    assert sizes[0].keys() == sizes[-1].keys() == {"state.json", "history.sqlite", "lock"}
    assert max(size["state.json"] for size in sizes) < 100_000
    # What a lasting problem adds once: the machine's cause, the outage, the week's begin.
    assert sizes[-1]["state.json"] - sizes[2]["state.json"] < 1000
    # Two hours' rows at most came in between.
    assert sizes[-1]["history.sqlite"] - sizes[2]["history.sqlite"] <= 8192


def test_outages_without_end_keep_no_more_than_retention_asks_for(swift: Path) -> None:
    """Two a day for 40 days, of which three days are kept."""
    failed, well = world.report(*world.FAILED), world.report(*world.OK)
    sizes = []
    for number in range(40 * 8):
        at = BEGAN + number * 3 * HOUR
        sizes.append(sum(_pass(swift, failed if number % 4 < 2 else well, at, 3 * 86_400.0).values()))
    assert max(sizes[160:]) <= max(sizes[40:160]) + 10  # digits of the outages' numbers
    assert max(sizes) < 200_000
    kept = state.load(swift)
    assert kept is not None
    assert (kept["closed"], kept["outbox"]) == ([], [])
    outages = store.outages(swift)
    assert all(outage["ended"] is None or outage["ended"] > at - 3 * 86_400 for outage in outages)

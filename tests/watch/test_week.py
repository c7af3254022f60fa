"""The last seven days, hour by hour."""

from datetime import datetime
from pathlib import Path

import jsonschema

from diagnose.watch import state, week
from tests.watch import world
from tests.watch.test_commands import SCHEMA


def test_the_week_keeps_the_worst_of_each_hour_and_tells_where_nobody_looked() -> None:
    at = 1_795_360_000.0
    first = week.added(None, "ok", at)
    assert first["hours"] == "-" * 167 + "0"
    worst = week.added(week.added(week.added(first, "unknown", at), "failed", at), "ok", at)
    assert worst["hours"] == "-" * 167 + "2"
    later = week.added(worst, "warning", at + 3 * 3600)
    assert later["hours"] == "-" * 164 + "2--1"
    assert week.added(later, "ok", at + 8 * 86_400)["hours"] == "-" * 167 + "0"
    # A clock that was set back, and what is no week.
    assert week.added(later, "ok", at)["hours"] == "-" * 167 + "2"
    assert week.added({"begin": "x", "hours": "22"}, "ok", at)["hours"] == first["hours"]
    assert datetime.fromisoformat(first["begin"]).timestamp() == at // 3600 * 3600 - 167 * 3600


def test_a_pass_keeps_the_week_and_the_report_has_it(tmp_path: Path) -> None:
    for what in (world.OK, world.FAILED):
        world.one(tmp_path, what)
    plain = state.last(tmp_path)
    assert plain["watch"]["week"]["hours"].lstrip("-") in ("2", "02")
    jsonschema.validate(plain, SCHEMA)

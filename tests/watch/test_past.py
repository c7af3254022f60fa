"""The last seven days, hour by hour, and the last four weeks, day by day."""

from datetime import datetime
from pathlib import Path

from diagnose.watch import past, state
from tests.tool import validate
from tests.watch import world


def test_the_week_keeps_the_worst_of_each_hour_and_tells_where_nobody_looked() -> None:
    at = 1_795_360_000.0
    first = past.week(None, "ok", at)
    assert first["hours"] == "-" * 167 + "0"
    worst = past.week(past.week(past.week(first, "unknown", at), "failed", at), "ok", at)
    assert worst["hours"] == "-" * 167 + "2"
    later = past.week(worst, "warning", at + 3 * 3600)
    assert later["hours"] == "-" * 164 + "2--1"
    assert past.week(later, "ok", at + 8 * 86_400)["hours"] == "-" * 167 + "0"
    # A clock that was set back, and what is no week.
    assert past.week(later, "ok", at)["hours"] == "-" * 167 + "2"
    assert past.week({"begin": "x", "hours": "22"}, "ok", at)["hours"] == first["hours"]
    assert datetime.fromisoformat(first["begin"]).timestamp() == at // 3600 * 3600 - 167 * 3600


def test_the_month_keeps_each_days_worst_state_and_longest_queue() -> None:
    at = 1_795_360_000.0
    first = past.month(None, "ok", None, at)
    assert (first["days"], first["waiting"]) == ("-" * 27 + "0", [None] * 28)
    busy = past.month(past.month(first, "failed", 70, at), "ok", 3, at)
    assert (busy["days"], busy["waiting"][-1]) == ("-" * 27 + "2", 70)
    later = past.month(busy, "ok", 0, at + 2 * 86_400)
    assert (later["days"][-3:], later["waiting"][-3:]) == ("2-0", [70, None, 0])
    assert past.month(later, "ok", 1, at + 40 * 86_400)["waiting"] == [None] * 27 + [1]
    # What is no month.
    assert past.month({"begin": "x", "days": "22", "waiting": 7}, "ok", None, at) == first
    assert past.month({**first, "waiting": ["x", True, None]}, "ok", None, at) == first


def test_a_pass_keeps_the_week_and_the_report_has_it(tmp_path: Path) -> None:
    for what in (world.OK, world.FAILED):
        world.one(tmp_path, what)
    plain = state.last(tmp_path)
    assert plain["watch"]["week"]["hours"].lstrip("-") in ("2", "02")
    assert plain["watch"]["month"]["days"].lstrip("-") in ("2", "02")
    (outage,) = plain["watch"]["outages"]
    assert (outage["worst"], outage["ended"]) == ("failed", None)
    validate(plain)

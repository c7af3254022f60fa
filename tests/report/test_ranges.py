"""Threshold ranges mean what monitoring plugins mean by them; nagiosplugin's parser is the oracle."""

from __future__ import annotations

import nagiosplugin
import pytest
from hypothesis import given, settings, strategies as st

from diagnose.errors import UsageError
from diagnose.report import levels, ranges
from tests.report import material

NUMBERS = st.one_of(st.integers(-10_000, 10_000).map(str), st.decimals(-1000, 1000, places=2).map(str))
SPECS = st.builds(
    lambda at, start, end: f"{at}{start}{end}",
    st.sampled_from(["", "@"]),
    st.one_of(st.just(""), NUMBERS.map(lambda n: f"{n}:"), st.just("~:"), st.just(":")),
    st.one_of(NUMBERS, st.just("")),
)


@settings(max_examples=600, deadline=None)
@given(SPECS, st.integers(-12_000, 12_000))
def test_ranges_are_those_of_nagiosplugin(spec: str, value: int) -> None:
    try:
        theirs = nagiosplugin.Range(spec)
    except ValueError:
        with pytest.raises(UsageError):
            ranges.parse(spec)
        return
    if spec in ("", "@"):  # they read it as "never"; the guidelines do not allow an empty range
        with pytest.raises(UsageError):
            ranges.parse(spec)
        return
    assert ranges.parse(spec).alerts(value) is not theirs.match(value)


@pytest.mark.parametrize("spec", ["", "@", "~", "10:5", "a", "1e3", "nan", "inf", "10:20:30", "1,5", "--1", "٣", "1 0"])
def test_nonsense_is_refused_with_an_example(spec: str) -> None:
    with pytest.raises(UsageError, match="is not a range"):
        ranges.parse(spec)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("queue", "queue=RANGE"), ("mails=3", "queue=RANGE"), ("queue=1,queue=2", "twice"), ("age=x", "--warning age")],
)
def test_levels_that_cannot_be_read_are_refused(given: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        ranges.parse_levels("--warning", given)


@pytest.mark.parametrize(
    ("warning", "critical", "status"),
    [
        (None, None, "ok"),
        ("queue=0", None, "ok"),
        ("queue=5:", None, "warning"),
        ("queue=5:", "queue=1:", "failed"),
        ("age=@0:10", None, "warning"),
        (None, "queue=~:5,age=3600", "ok"),
    ],
)
def test_levels_raise_the_status(warning: str | None, critical: str | None, status: str) -> None:
    found = levels.judged(material.report("healthy"), warning, critical)
    assert found["status"] == status
    assert bool(found["levels"].get("crossed")) is (status != "ok")


def test_levels_never_lower_a_status_and_leave_a_stale_result_unknown() -> None:
    assert levels.judged(material.report(), "queue=500", None)["status"] == "failed"
    assert levels.judged(material.stale(material.report()), None, "queue=0")["status"] == "unknown"


def test_a_queue_that_cannot_be_read_is_unknown_where_levels_are_asked_for() -> None:
    plain = material.report("healthy")
    for run in plain["runs"]:
        run["observations"] = [o for o in run["observations"] if not o["sign"].startswith("queue.")]
    assert levels.judged(plain)["status"] == "ok"
    assert levels.judged(plain, "queue=10")["status"] == "unknown"

"""What hosts share beyond chance is found, and nothing else is."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import datetime, timezone
from fractions import Fraction

import pytest

from diagnose.fleet.chance import log10_chance
from diagnose.fleet.member import GROUPS, Member, Unread, member
from diagnose.fleet.plain import as_plain
from diagnose.fleet.shared import ALPHA, compare
from diagnose.fleet.text import chance, render
from diagnose.report.page import Terminal
from tests.fleet import made


def exact(hits: int, size: int, marked: int, population: int) -> Fraction:
    """By integers of any length."""
    ways = sum(
        math.comb(marked, number) * math.comb(population - marked, size - number)
        for number in range(hits, min(size, marked) + 1)
        if size - number <= population - marked
    )
    return Fraction(ways, math.comb(population, size))


@pytest.mark.parametrize(
    "numbers",
    [
        (3, 3, 3, 10),
        (1, 5, 5, 10),
        (0, 5, 5, 10),
        (4, 6, 5, 9),
        (5, 5, 9, 10),
        (17, 340, 312, 10_000),
        (312, 340, 314, 10_000),
    ],
)
def test_the_chance_is_that_of_the_exact_test(numbers: tuple[int, int, int, int]) -> None:
    wanted = exact(*numbers)
    log = math.log10(wanted.numerator) - math.log10(wanted.denominator)
    assert log10_chance(*numbers) == pytest.approx(log, abs=1e-6)


def test_no_chance_underflows() -> None:
    assert log10_chance(5000, 5000, 5000, 10_000) == pytest.approx(-math.log10(math.comb(10_000, 5000)), rel=1e-9)
    assert chance(-3008.4) == "1e-3008"
    assert log10_chance(4, 3, 3, 10) == -math.inf


def hosts(number: int, seed: int = 1) -> list[Member]:
    return [member(f"{n}.json", report) for n, report in enumerate(made.reports(number, seed))]


FLEET = hosts(600)


def test_a_planted_cause_is_found_where_it_was_planted() -> None:
    fleet = compare(FLEET)
    found = [(seen.id, each.group) for seen in fleet.causes for each in seen.shared]
    assert found == [("egress-port-25-blocked", ("network", made.PLANT[1]))]
    shared = fleet.causes[0].shared[0]
    assert len(shared.hit) > 5 * len(shared.spared) > 0
    assert shared.log10_p < -30
    assert fleet.status == "failed"


def test_what_was_shuffled_shares_nothing() -> None:
    """Every host keeps its groups and gets another's cause."""
    mix = random.Random(5)
    for _ in range(25):
        lots = [(m.status, m.cause, m.title) for m in FLEET]
        mix.shuffle(lots)
        mixed = [replace(m, status=s, cause=c, title=t) for m, (s, c, t) in zip(FLEET, lots, strict=True)]
        assert [each.group for seen in compare(mixed, ALPHA).causes for each in seen.shared] == []


def host(name: str, cause: str = "", status: str = "", **groups: str) -> Member:
    return Member(
        file=f"{name}.json",
        name=name,
        cause=cause,
        title=cause,
        status=status or ("failed" if cause else "ok"),
        groups=groups,
    )


def test_two_causes_have_a_group_each_and_a_group_is_not_named_for_anothers_hosts() -> None:
    """All hosts behind relay b are in network m, which is hit as a whole: the relay is no finding of its own."""
    fleet = [host(f"m{n}", "blocked", network="m", relay="b" if n % 2 else "a") for n in range(30)]
    fleet += [host(f"n{n}", network="n", relay="a") for n in range(60)]
    fleet += [host(f"o{n}", "login", network="n", relay="c") for n in range(20)]
    found = compare(fleet)
    assert [(s.id, each.group) for s in found.causes for each in s.shared] == [
        ("blocked", ("network", "m")),
        ("login", ("relay", "c")),
    ]


def test_groups_of_the_same_hosts_are_told_together() -> None:
    fleet = [host(f"a{n}", "blocked", network="m", configuration="f00") for n in range(12)]
    fleet += [host(f"b{n}", network="n", configuration=f"{n:03}") for n in range(40)]
    (seen,) = compare(fleet).causes
    assert [(each.group, each.same) for each in seen.shared] == [(("network", "m"), (("configuration", "f00"),))]


def test_the_odd_host_out_is_named_with_what_sets_it_apart() -> None:
    fleet = [host(f"a{n}", "blocked", **{"network": "m", "Postfix version": "3.7.11"}) for n in range(30)]
    fleet += [host("spared", **{"network": "m", "Postfix version": "3.5.25"})]
    fleet += [host(f"b{n}", **{"network": "n", "Postfix version": "3.7.11"}) for n in range(60)]
    fleet += [host("alone", "clock", **{"network": "n", "Postfix version": "3.7.11"})]
    odd = {each.name: text for each, text in compare(fleet).odd}
    assert odd.keys() == {"spared", "alone"}
    assert "belongs to network m, but does not have this cause" in odd["spared"]
    assert "Postfix version 3.5.25, theirs 3.7.11" in odd["spared"]
    assert odd["alone"] == "is the only one with: clock"


def test_hosts_of_which_nothing_is_known_are_no_evidence() -> None:
    """That the others of the network could not be looked at does not make it a group that is hit."""
    fleet = [host(f"a{n}", "blocked", network="m") for n in range(4)] + [host(f"b{n}", network="n") for n in range(4)]
    silent = [host(f"u{n}", status="unknown", network="n") for n in range(200)]
    assert [seen.shared for seen in compare([*fleet, *silent]).causes] == [()]


@pytest.mark.parametrize(
    ("read", "status"),
    [
        ([host("a")], "ok"),
        ([host("a"), Unread("b.json", "not JSON")], "unknown"),
        ([host("a"), host("b", status="unknown")], "unknown"),
        ([host("a", "x", "warning"), Unread("b.json", "not JSON")], "warning"),
        ([host("a", "x", "warning"), host("b", "y")], "failed"),
    ],
)
def test_the_fleet_is_as_its_worst_host(read: list[Member | Unread], status: str) -> None:
    assert compare(read).status == status


def test_since_when_is_that_of_the_first_and_the_half() -> None:
    days = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (3, 1, 2, 9)]
    fleet = [replace(host(f"a{n}", "blocked"), since=day) for n, day in enumerate(days)]
    (seen,) = compare([*fleet, host("undated", "blocked")]).causes
    assert (seen.since, seen.half) == (days[1], days[2])


def test_the_table_fits_eighty_columns_and_names_every_group() -> None:
    text = render(as_plain(compare(FLEET)), Terminal(width=80))
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("Outgoing port 25 is blocked: ")
    for words in ("network OVH", "elsewhere", "TICKET", "please open outgoing TCP port 25", "Fisher's exact test"):
        assert words in text
    assert set(FLEET[0].groups) == set(GROUPS)

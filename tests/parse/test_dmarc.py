"""DMARC policies by the tree walk, and alignment."""

from __future__ import annotations

import pytest

from diagnose.parse.sender.dmarc import Policy, aligned, policy, steps

Zone = dict[str, str | tuple[str, ...] | None]


def told(domain: str, zone: Zone, exists: bool = True) -> Policy:
    return policy(ask(zone), domain, exists)


def ask(zone: Zone):  # type: ignore[no-untyped-def]
    def texts(name: str) -> tuple[str, ...] | None:
        found = zone.get(name.removeprefix("_dmarc."), ())
        return (found,) if isinstance(found, str) else found

    return texts


def test_the_names_that_are_asked() -> None:
    assert steps("a.example.org") == ("_dmarc.a.example.org", "_dmarc.example.org", "_dmarc.org")
    long = steps("a.b.c.d.e.f.g.h.i.example.org")
    assert (long[0], long[1], long[-1], len(long)) == ("_dmarc.a.b.c.d.e.f.g.h.i.example.org", "_dmarc.e.f.g.h.i.example.org", "_dmarc.org", 8)  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "zone", "wanted", "place"),
    [
        ("example.org", {"example.org": "v=DMARC1; p=reject"}, "reject", "example.org"),
        ("a.example.org", {"example.org": "v=DMARC1; p=reject; sp=none"}, "none", "example.org"),
        ("a.example.org", {"example.org": "v=DMARC1; p=quarantine"}, "quarantine", "example.org"),
        (
            "a.example.org",
            {"a.example.org": "v=DMARC1;p=none", "example.org": "v=DMARC1; p=reject"},
            "none",
            "a.example.org",
        ),
        (
            "a.b.example.org",
            {"b.example.org": "v=DMARC1; p=none", "example.org": "v=DMARC1; p=reject"},
            "reject",
            "example.org",
        ),
        ("example.gov", {"gov": "v=DMARC1; p=reject; psd=y; np=reject"}, "reject", "gov"),
        ("example.org", {"example.org": "v=DMARC1; rua=mailto:d@example.org"}, "none", "example.org"),
        ("example.org", {"example.org": "v=DMARC1; p=rejct"}, "", "example.org"),
        ("example.org", {"example.org": "V=dmarc1; p=reject"}, "", ""),
        ("example.org", {"example.org": ("v=DMARC1; p=reject", "v=DMARC1; p=none")}, "", ""),
        ("example.org", {}, "", ""),
    ],
)
def test_the_policy_that_holds(domain: str, zone: Zone, wanted: str, place: str) -> None:
    assert (told(domain, zone).policy, told(domain, zone).place) == (wanted, place)


def test_a_domain_that_does_not_exist_has_a_policy_of_its_own() -> None:
    zone: Zone = {"example.org": "v=DMARC1; p=none; np=reject"}
    assert told("a.example.org", zone, exists=False).policy == "reject"
    assert told("a.example.org", zone).policy == "none"


def test_what_a_policy_asks_for() -> None:
    assert told("example.org", {"example.org": "v=DMARC1; p=quarantine"}).refuses
    assert not told("example.org", {"example.org": "v=DMARC1; p=quarantine; t=y"}).refuses
    assert not told("example.org", {"example.org": "v=DMARC1; p=quarantine; pct=0"}).refuses
    assert told("example.org", {"example.org": "v=DMARC1; p=reject; t=y"}).refuses


def test_no_answer_is_no_policy_of_none() -> None:
    assert told("example.org", {"example.org": None}).problem


def test_alignment() -> None:
    zone: Zone = {
        "example.org": "v=DMARC1; p=reject",
        "co.uk": "v=DMARC1; p=none; psd=y",
        "own.example.org": "v=DMARC1; p=none; psd=n",
    }
    find = ask(zone)
    assert aligned(find, "a.example.org", "b.example.org", strict=False)
    assert not aligned(find, "a.example.org", "example.org", strict=True)
    assert aligned(find, "a.one.co.uk", "one.co.uk", strict=False)
    assert not aligned(find, "one.co.uk", "two.co.uk", strict=False)
    assert not aligned(find, "a.own.example.org", "example.org", strict=False)
    assert not aligned(find, "example.org", "example.net", strict=False)
    assert aligned(ask({"example.org": None}), "a.example.org", "example.org", strict=False) is None

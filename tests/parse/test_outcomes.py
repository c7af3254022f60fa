"""Outcomes of connects, patterns over operators, and banners."""

import pytest

from diagnose.parse.system.outcomes import Greeted, Outcome, interception, outcome, pattern

OWN = "192.168.1.10"


@pytest.mark.parametrize(
    ("error", "icmp", "offender", "seconds", "expected"),
    [
        ("", "", "", 0.1, Outcome.OPEN),
        ("ETIMEDOUT", "", "", 3.5, Outcome.TIMEOUT),
        ("ECONNREFUSED", "", "", 0.1, Outcome.REFUSED),
        ("ECONNREFUSED", "3/3", "203.0.113.9", 0.1, Outcome.REFUSED),
        ("ECONNREFUSED", "3/3", OWN, 0.0, Outcome.LOCAL),
        ("EHOSTUNREACH", "3/13", "203.0.113.9", 0.1, Outcome.PROHIBITED),
        ("EACCES", "1/1", "2001:db8::9", 0.1, Outcome.LOCAL),
        ("EHOSTUNREACH", "1/1", "2001:db8::9", 0.1, Outcome.PROHIBITED),
        ("EHOSTUNREACH", "3/1", "203.0.113.9", 0.1, Outcome.UNREACHABLE),
        ("EHOSTUNREACH", "3/13", OWN, 0.0, Outcome.LOCAL),
        ("EHOSTUNREACH", "3/1", OWN, 3.1, Outcome.UNREACHABLE),
        ("EHOSTUNREACH", "3/1", OWN, 0.01, Outcome.UNREACHABLE),
        ("EHOSTUNREACH", "", "", 3.1, Outcome.UNREACHABLE),
        ("EHOSTUNREACH", "", "", 0.0, Outcome.LOCAL),
        ("ENETUNREACH", "", "", 0.0, Outcome.NO_ROUTE),
        ("EADDRNOTAVAIL", "", "", 0.0, Outcome.NO_ROUTE),
        ("EINVAL", "", "", 0.0, Outcome.LOCAL),
        ("EPERM", "", "", 0.0, Outcome.LOCAL),
        ("ECANCELED", "", "", 0.5, Outcome.UNKNOWN),
    ],
)
def test_outcome(error: str, icmp: str, offender: str, seconds: float, expected: Outcome) -> None:
    assert outcome(error=error, icmp=icmp, offender=offender, seconds=seconds, local=OWN) is expected


def test_pattern_takes_more_than_one_failure() -> None:
    assert pattern([Outcome.TIMEOUT]).kind == "down"
    assert pattern([Outcome.TIMEOUT, Outcome.TIMEOUT]).blocked
    assert pattern([Outcome.TIMEOUT, Outcome.TIMEOUT, Outcome.OPEN]).kind == "mixed"
    assert pattern([Outcome.UNKNOWN, Outcome.UNKNOWN]).kind == "unknown"


@pytest.mark.parametrize(
    ("banner", "by"),
    [
        ("220 proxy.example ESMTP", "proxy.example"),
        ("554 No mail from this network", "554 No mail from this network"),
    ],
)
def test_operators_with_one_greeting(banner: str, by: str) -> None:
    same = [Greeted(operator=name, banner=banner, names=(f"{name}.example",)) for name in ("a", "b")]
    found = interception(same)
    assert found is not None
    assert (found.kind, found.by, found.operators) == ("banner", by, ("a", "b"))
    assert interception(same[:1]) is None


def test_own_names_are_not_foreign() -> None:
    own = Greeted(operator="a", banner="220 mx.a.example ESMTP", names=("a.example",), starttls=True)
    assert interception([own, own]) is None

"""Failures that people posted: the texts alone must suggest the right cause.

`field_cases.jsonl` holds posted cases with the causes that count as right; `more_cases.jsonl` holds further texts of
the same families, written from the programs' own messages. The figures are those that the project promises.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from diagnose.mail.explain import explain

DATA = Path(__file__).parent.parent / "data"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)


def _cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _suggested(text: str) -> list[str]:
    found = explain(text.splitlines(), "pasted", NOW).diagnoses
    return [each.cause.id for each in found if each.explained_by is None]


def _right(case: dict[str, Any], among: int) -> bool:
    found = _suggested(case["text"])
    if case["accept"] == ["NONE"]:
        return not found
    return any(cause in case["accept"] for cause in found[:among])


def test_posted_cases_first_cause() -> None:
    """The first cause is right in at least 95 of 100 posted cases that are not ambiguous."""
    cases = [case for case in _cases("field_cases.jsonl") if not case["ambiguous"]]
    wrong = [(case["id"], _suggested(case["text"])[:3]) for case in cases if not _right(case, 1)]
    assert len(wrong) <= 0.05 * len(cases), wrong


def test_posted_cases_among_three() -> None:
    """A right cause is among the first three in at least 97 of 100 posted cases."""
    cases = _cases("field_cases.jsonl")
    wrong = [(case["id"], _suggested(case["text"])[:3]) for case in cases if not _right(case, 3)]
    assert len(wrong) <= 0.03 * len(cases), wrong


def test_more_texts_of_the_same_families() -> None:
    """Other words of the same families are understood as well."""
    cases = _cases("more_cases.jsonl")
    wrong = [
        (case["text"][:100], case["accept"], _suggested(case["text"])[:3]) for case in cases if not _right(case, 1)
    ]
    assert len(wrong) <= 0.03 * len(cases), wrong


@pytest.mark.parametrize(
    "text",
    [
        case["text"]
        for name in ("field_cases.jsonl", "more_cases.jsonl")
        for case in _cases(name)
        if case["accept"] == ["NONE"]
    ],
)
def test_the_harmless_are_not_accused(text: str) -> None:
    """What looks alarming and is ordinary suggests no cause at all."""
    assert _suggested(text) == []


def test_an_address_that_failed_is_forgiven_when_another_took_the_mail() -> None:
    """IPv6 without a route accuses nobody while the same attempt succeeds over IPv4, and does when it fails."""
    failed = "Nov 22 13:14:47 h postfix/smtp[3]: connect to mx.a.test[2001:db8::25]:25: Network is unreachable\n"
    status = (
        "Nov 22 13:14:47 h postfix/smtp[3]: 4F1A317030E: to=<u@a.test>, relay=mx.a.test[192.0.2.4]:25, delay=1, "
        "delays=0/0/0/1, dsn={}, status={}"
    )
    assert _suggested(failed + status.format("2.0.0", "sent (250 2.0.0 Ok: queued as 1)")) == []
    refused = status.format(
        "5.1.1", "bounced (host mx.a.test[192.0.2.4] said: 550 5.1.1 no such user (in reply to RCPT TO command))"
    )
    assert "ipv6-broken" in _suggested(failed + refused)
    assert _suggested(failed)[0] == "ipv6-broken"

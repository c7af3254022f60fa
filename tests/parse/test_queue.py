"""The queue's sums."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from diagnose.parse import queue

NOW = 1795349445.0
MAILQ = """-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
49B2E5CA9A      770 Sun Nov 22 11:35:27  www-data@ip-10-0-0-5.internal
(host mx.example.com[203.0.113.25] said: 450 4.1.8 <www-data@ip-10-0-0-5.internal>: Sender
    address rejected: Domain not found (in reply to RCPT TO command))
                                         user@example.com

4F1A317030E*     307 Sun Nov 22 11:59:27  app@example.test
                                         user@example.org

A1A317030EF!     307 Sun Nov 22 11:59:27  app@example.test
                                         user@example.org

-- 2 Kbytes in 3 Requests.
"""


def _message(number: int, reason: str | None, **more: object) -> str:
    recipient = {"address": f"u{number}@Example.org", **({"delay_reason": reason} if reason else {})}
    return json.dumps(
        {
            "queue_name": "deferred",
            "queue_id": f"{number:010X}",
            "arrival_time": int(NOW) - 60 * number,
            "message_size": 300,
            "sender": "app@example.test",
            "recipients": [recipient],
            **more,
        }
    )


def test_groups_by_domain_and_cause() -> None:
    """Reasons that differ in names and numbers only are one group with the oldest arrival."""
    lines = [_message(n, f"connect to mx.example.org[192.0.2.{n}]:25: Connection timed out") for n in range(1, 50)]
    lines += [_message(99, None, queue_name="active"), "", "not json"]
    summary = queue.summarise(lines, NOW)
    assert summary.messages == {"active": 1, "deferred": 49}
    assert summary.groups[0].label == "connect-timeout"
    assert summary.groups[0].domain == "example.org"
    assert (summary.groups[0].count, summary.groups[0].oldest) == (49, NOW - 49 * 60)
    assert summary.groups[0].ages[:3] == (4, 5, 10)
    assert summary.senders == (("app@example.test", 50),)
    assert (summary.unreadable, summary.complete) == (1, False)


def test_stops_when_asked() -> None:
    """A limit or a deadline ends the reading, and the summary says that it is partial."""
    lines = [_message(n, "deferred transport") for n in range(1000)]
    assert queue.summarise(lines, NOW, limit=10).total == 10
    assert not queue.summarise(lines, NOW, limit=10).complete
    assert queue.summarise(lines, NOW, stop=lambda: True).total == 0
    assert queue.summarise(lines, NOW).complete


def test_groups_are_bounded() -> None:
    """Many different reasons do not fill the memory; what was let go is counted."""
    letters = "abcdefghijkl"
    words = ["".join((x, y, z, q)) for x in letters for y in letters for z in letters for q in "ab"][:2000]
    lines = [_message(n, f"the word {word}") for n, word in enumerate(words)]
    summary = queue.summarise(lines, NOW)
    assert len(summary.groups) <= queue.GROUPS
    assert sum(group.count for group in summary.groups) + summary.dropped == summary.recipients == 2000


def test_mailq() -> None:
    """mailq text gives the same sums, with wrapped reasons and the marks of active and held messages."""
    summary = queue.from_mailq(MAILQ, datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert summary.messages == {"active": 1, "deferred": 1, "hold": 1}
    assert {(group.domain, group.label) for group in summary.groups} == {
        ("example.com", "sender-domain-not-found"),
        ("example.org", ""),
    }


def test_odd_values_are_survived() -> None:
    """Fields of the wrong type are not an error."""
    odd: list[str | bytes] = [
        '{"queue_id": 1, "recipients": 3}',
        '{"queue_id": "A", "recipients": [1, {}], "arrival_time": "x"}',
        "[]",
        "{",
        b"\xff\x00",
    ]
    assert queue.summarise(odd, NOW).total == 2

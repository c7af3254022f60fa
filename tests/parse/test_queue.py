"""The queue's sums."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from diagnose.parse.pasted import mailq
from diagnose.parse.postfix import queue

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
    assert sum(group.count for group in summary.rest) == summary.dropped
    assert len(summary.rest) <= queue.GROUPS + 1


def test_small_groups_keep_their_reason() -> None:
    """A queue for thousands of domains: what is too small to be a group is still counted by reason and age."""
    timeout = "connect to mx.{0}[192.0.2.1]:25: Connection timed out"
    full = "host mx.{0}[192.0.2.1] said: 452 4.2.2 <u@{0}>: mailbox full (in reply to RCPT TO command)"
    lines = [
        _message(
            n, None, recipients=[{"address": f"u@domain-{n}.example", "delay_reason": why.format(f"x-{n}.example")}]
        )
        for n, why in ((n, full if n % 3 else timeout) for n in range(3000))
    ]
    summary = queue.summarise(lines, NOW)
    counts: dict[str, int] = {}
    for group in (*summary.groups, *summary.rest):
        counts[group.label] = counts.get(group.label, 0) + group.count
    assert counts == {"recipient-mailbox-full": 2000, "connect-timeout": 1000}
    assert {group.domain for group in summary.rest} == {""}
    assert sum(map(sum, (group.ages for group in summary.rest))) == summary.dropped == 2600


def test_what_is_on_hold_stands_apart() -> None:
    """A message on hold keeps the reason of its last attempt, and is no part of what waits for that reason."""
    reason = "connect to mx.example.org[192.0.2.1]:25: Connection timed out"
    summary = queue.summarise([_message(1, reason), _message(2, reason, queue_name="hold")], NOW)
    assert sorted((group.queue_name, group.count) for group in summary.groups) == [("deferred", 1), ("hold", 1)]


def test_a_bad_line_leaves_its_neighbours() -> None:
    """Lines are decoded together; one that is none, or two, spoils no other."""
    good = [_message(n, "deferred transport") for n in range(1, 50)]
    for bad in ("{", "[]", '{"queue_id": "A"}, {"queue_id": "B"}', "1", "\x00", '"'):
        summary = queue.summarise([*good[:20], bad, *good[20:]], NOW)
        assert (summary.total, summary.unreadable) == (49, 1), bad


def test_mailq() -> None:
    """mailq text gives wrapped reasons and the marks of active and held messages."""
    waiting = mailq.messages_of_mailq(MAILQ, datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc))
    assert sorted(message.queue_name for message in waiting) == ["active", "deferred", "hold"]
    reasons = dict(pair for message in waiting for pair in message.recipients)
    assert reasons["user@example.com"].endswith(
        "Sender address rejected: Domain not found (in reply to RCPT TO command)"
    )
    assert reasons["user@example.org"] == ""


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

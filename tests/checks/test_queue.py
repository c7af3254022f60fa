"""The check of the queue: what waits and why, what is held, what stands still."""

import dataclasses
import json
from typing import Any

import pytest

from checks.mail.queue import queue
from diagnose.check import MailQueue
from diagnose.host.plain import to_plain
from diagnose.host.query import QueueLinesReply
from diagnose.model import Observation, Status
from diagnose.parse.postfix.queue import summarise
from tests.checks.pretended_postfix import NOW, failed, machine, of, run

TIMED_OUT = "connect to mx.northwind.example[192.0.2.4]:25: Connection timed out"


def waiting(name: str, count: int = 1, age: float = 600, reason: str = TIMED_OUT) -> list[str]:
    who: dict[str, Any] = {"address": "maria@northwind.example"} | ({"delay_reason": reason} if reason else {})
    return [
        json.dumps(
            {"queue_name": name, "queue_id": f"{n:05X}", "arrival_time": int(NOW - age), "message_size": 300,
             "sender": "app@brightwater.example", "recipients": [who]}
        )
        for n in range(count)
    ]  # fmt: skip


def seen(*lines: str, log: tuple[str, ...] = (), settings: dict[str, str] | None = None) -> list[Observation]:
    reply = QueueLinesReply(summary=to_plain(summarise(lines, NOW)), code=0)
    return run(queue, machine(settings, log=log, by_kind={MailQueue: lambda q: reply}))


def test_what_waits_is_told_by_its_reason() -> None:
    found = seen(*waiting("deferred", 3))
    (reason,) = of(found, "mail.connect-timeout")
    assert (reason.status, reason.data["count"], reason.data["port"], reason.data["family"]) == (
        Status.FAILED,
        3,
        25,
        4,
    )
    assert (reason.data["domain"], reason.data["source"]) == ("northwind.example", "queue")
    assert "queue.waiting" in failed(found)


def test_a_reason_that_the_log_shows_to_be_over_is_no_failure() -> None:
    start = "Nov 22 14:{:02}:00 app postfix/smtp[9]: A1: to=<maria@northwind.example>, relay="
    log = (
        start.format(1) + f"none, delay=30, dsn=4.4.1, status=deferred ({TIMED_OUT})",
        start.format(5) + "mx.northwind.example[192.0.2.4]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
    )
    assert [o.status for o in of(seen(*waiting("deferred"), log=log), "mail.connect-timeout")] == [Status.WARNING]


def test_a_reason_tells_by_which_way_the_mail_was_to_go() -> None:
    """The queue is open to everybody, the log is not: what is weighed by the way must not need the log."""
    ways: list[dict[str, str]] = [{}, {"relayhost": "[smtp.example.com]:587"}, {"mydestination": "northwind.example"}]
    found = [of(seen(*waiting("deferred"), settings=way), "mail.connect-timeout")[0].data["route"] for way in ways]
    assert found == ["direct", "relay", "local"]


def test_what_is_on_hold_waits_for_nobody_and_keeps_an_old_reason() -> None:
    found = seen(*waiting("hold", 2))
    assert failed(found) == ["queue.hold"]
    assert of(found, "queue.hold")[0].data["count"] == 2


def test_a_few_on_hold_among_many_that_wait_explain_little() -> None:
    found = seen(*waiting("deferred", 50), *waiting("hold", 1))
    assert [o.status for o in of(found, "queue.hold")] == [Status.WARNING]


def test_mail_that_nobody_picks_up_or_tries() -> None:
    assert "queue.maildrop" in failed(seen(*waiting("maildrop", reason="")))
    assert "queue.stuck" in failed(seen(*waiting("active", reason="")))
    assert "queue.stuck" not in failed(seen(*waiting("active", age=5, reason="")))


def test_a_crowd_is_a_backlog() -> None:
    assert "queue.backlog" in failed(seen(*waiting("active", 300, age=5, reason="")))


def test_an_empty_queue_and_one_that_cannot_be_read() -> None:
    assert failed(seen()) == []
    reply = QueueLinesReply(err="postqueue: fatal: Queue report unavailable - mail system is down", code=69)
    found = run(queue, machine(by_kind={MailQueue: lambda q: reply}))
    assert {o.status for o in found} == {Status.UNKNOWN}
    assert "mail system is down" in found[0].summary


def test_a_sample_says_of_how_many() -> None:
    """A queue that is too long for the time allowed is told by what was read of it."""
    sample = dataclasses.replace(
        summarise(waiting("deferred", 30), NOW), messages={"deferred": 1_000_000}, complete=False, estimated=True
    )
    reply = QueueLinesReply(summary=to_plain(sample), code=-9)
    found = run(queue, machine(by_kind={MailQueue: lambda q: reply}))
    (readable,) = of(found, "queue.readable")
    assert readable.status is Status.WARNING
    assert "30 of about 1000000 messages" in readable.summary
    assert of(found, "queue.waiting")[0].data["count"] == 1_000_000
    assert of(found, "mail.connect-timeout")[0].data["count"] == 30


def test_a_queue_that_may_not_be_listed_is_not_empty() -> None:
    """postqueue(1) ends with 69 where the user may not look, and where it fails."""
    refused = "postqueue: fatal: User nobody(65534) is not allowed to view the mail queue"
    summary = dataclasses.replace(summarise([], NOW), complete=False)
    reply = QueueLinesReply(summary=to_plain(summary), code=69, err=refused)
    found = run(queue, machine(by_kind={MailQueue: lambda q: reply}))
    assert {(o.sign, o.status) for o in found} == {
        ("queue.readable", Status.UNKNOWN),
        ("queue.waiting", Status.UNKNOWN),
    }
    assert "not allowed" in of(found, "queue.readable")[0].summary


def test_what_was_said_to_the_envelope_is_not_repeated_by_a_probe() -> None:
    grey = "host mx.northwind.example[192.0.2.4] said: 451 4.3.0 Error (in reply to RCPT TO command)"
    for reason, late in ((grey, True), (TIMED_OUT, False)):
        assert of(seen(*waiting("deferred", reason=reason)), "queue.waiting")[0].data["late"] is late
    assert of(seen(*waiting("deferred", reason=grey), *waiting("deferred")), "queue.waiting")[0].data["late"] is False


def test_an_envelope_that_was_taken_since_waits_for_its_retry_and_one_refused_among_many_does_not() -> None:
    grey = "host mx.northwind.example[192.0.2.4] said: 450 4.2.0 Greylisted (in reply to RCPT TO command)"
    line = "Nov 22 14:{:02}:00 app postfix/smtp[9]: A{}: to=<{}>, relay={}, delay=1, dsn={}"
    refused = line.format(
        1, 1, "maria@northwind.example", "mx.northwind.example[192.0.2.4]:25", f"4.2.0, status=deferred ({grey})"
    )
    taken = [
        line.format(n, n, f"u{n}@{domain}", f"mx.{domain}[192.0.2.9]:25", "2.0.0, status=sent (250 2.0.0 Ok)")
        for domain in ("northwind.example", "alder.example")
        for n in range(2, 30)
    ]
    for others, late, why in (
        (taken, False, "mail has gone through since"),
        (taken[28:], True, "a small share of the mail"),
        ([], True, ""),
    ):
        found = seen(*waiting("deferred", reason=grey), log=(refused, *others))
        assert of(found, "queue.waiting")[0].data["late"] is late, why
        (told,) = of(found, "mail.greylisted")
        assert (told.status is Status.WARNING, why in told.summary) == (bool(why), True)


@pytest.mark.parametrize(("relay", "hop"), [("[127.0.0.1]:2525", True), ("[smtp.example.com]:587", False)])
def test_a_dead_relay_on_this_host_is_no_filter(relay: str, hop: bool) -> None:
    refused = "connect to 127.0.0.1[127.0.0.1]:2525: Connection refused"
    (one,) = of(seen(*waiting("deferred", reason=refused), settings={"relayhost": relay}), "mail.near-server-down")
    assert one.data["hop"] is hop

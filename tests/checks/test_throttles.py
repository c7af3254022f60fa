"""The check of delays and limits that the settings put on mail."""

from typing import Any

import pytest

from checks.postfix.throttles import throttles
from diagnose.check import MailQueue
from diagnose.host.plain import to_plain
from diagnose.host.query import QueueLinesReply
from diagnose.model import Status
from diagnose.parse.postfix.queue import summarise
from tests.checks.pretended_postfix import MASTER, machine, run
from tests.checks.test_queue import waiting

DEFAULTS = {"default_destination_rate_delay": "0s", "smtp_destination_rate_delay": "$default_destination_rate_delay"}
GREY = "host mx.northwind.example[192.0.2.4] said: 450 4.2.0 Greylisted, try again later (in reply to RCPT TO command)"


def said(*lines: str, log: tuple[str, ...] = (), master: str = MASTER, **settings: str) -> list[tuple[str, Status]]:
    reply: Any = QueueLinesReply(summary=to_plain(summarise(lines, 1_795_360_000.0)), code=0)
    host = machine({**DEFAULTS, **settings}, log=log, master=master, by_kind={MailQueue: lambda q: reply})
    return [(str(o.data.get("parameter")), o.status) for o in run(throttles, host) if o.status is not Status.OK]


def untried(count: int, age: float = 20) -> list[str]:
    return waiting("active", count, age, reason="")


def test_a_delay_between_deliveries() -> None:
    wait = [("smtp_destination_rate_delay", Status.FAILED)]
    assert said(*untried(2, 90), smtp_destination_rate_delay="1h") == wait
    assert said(*untried(2), smtp_destination_rate_delay="1h") == []  # the first to a destination passes at once
    assert said(smtp_destination_rate_delay="1h") == []
    assert said(*untried(2, 90), smtp_destination_rate_delay="2s") == []
    assert said(*untried(400, 90), smtp_destination_rate_delay="2s") == wait


def test_whoever_sets_it() -> None:
    assert said(*untried(1, 90), default_destination_rate_delay="1d") == [
        ("default_destination_rate_delay", Status.FAILED)
    ]
    assert said(*untried(1), smtp_transport_rate_delay="5m") == [("smtp_transport_rate_delay", Status.FAILED)]
    line = "qmgr unix n - n 300 1 qmgr -o default_destination_rate_delay=1h\n"
    master = "".join(row + "\n" for row in MASTER.splitlines() if not row.startswith("qmgr")) + line
    assert said(*untried(1, 90), master=master) == [("default_destination_rate_delay", Status.FAILED)]


def test_a_delay_of_a_transport_that_the_mail_does_not_take() -> None:
    assert said(*untried(2, 90), slow_destination_rate_delay="1h") == []


@pytest.mark.parametrize(
    ("reason", "status"), [(GREY, Status.FAILED), ("connect to mx[192.0.2.4]:25: Connection timed out", Status.WARNING)]
)
def test_long_pauses_between_attempts(reason: str, status: Status) -> None:
    """What passes by itself is kept by the pause; of the rest that is not known."""
    assert said(*waiting("deferred", reason=reason), minimal_backoff_time="1d") == [("minimal_backoff_time", status)]
    assert said(*waiting("deferred", reason=reason), minimal_backoff_time="10m", queue_run_delay="5m") == []


def test_one_process_and_a_crowd() -> None:
    narrow = MASTER.replace("smtp       unix  -       -       y       -       -       smtp", "smtp unix - - y - 1 smtp")
    assert said(*untried(12, 300), master=narrow) == [("maxproc", Status.FAILED)]
    assert said(*untried(12, 300)) == []
    assert said(*untried(2, 300), master=narrow) == []


@pytest.mark.parametrize(("life", "status"), [("0", [Status.FAILED]), ("10m", [Status.FAILED]), ("4h", []), ("5d", [])])
def test_a_life_too_short_for_a_second_attempt(life: str, status: list[Status]) -> None:
    line = "Sep 14 11:40:00 app postfix/qmgr[9]: 4F2A0A4C81: from=<a@example.org>, status=expired, returned to sender"
    assert said(log=(line,), maximal_queue_lifetime=life) == [("maximal_queue_lifetime", one) for one in status]
    assert said(maximal_queue_lifetime=life) == []

"""A destination that begins to defer is told before the queue is full; what always deferred, or a few messages, is not."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from diagnose.check import MailLog, Now
from diagnose.host.query import LogReply
from diagnose.host.snapshot import Recording
from diagnose.model import Target
from diagnose.report import PLAIN_FORMATS
from diagnose.watch import machine, passes, state, store, trend
from diagnose.watch.trend import Hour
from tests.watch import world

NOW = 494_000  # an hour
Row = tuple[int, int, int]  # hours ago, sent, deferred


def told(*rows: Row, domain: str = "gmail.com") -> dict[str, Any]:
    hours = [Hour(NOW - ago, domain, sent, deferred, "rate-limited") for ago, sent, deferred in rows]
    (found,) = trend.told(hours, NOW * 3600 + 1800)
    return found


def test_a_rise_is_told_with_its_beginning_and_what_was_before() -> None:
    yesterday = [(ago, 24, 1) for ago in range(30, 3, -1)]
    found = told(*yesterday, (3, 8, 12), (2, 7, 13), (1, 9, 11), (0, 2, 3))
    assert (found["rising"], found["share"], found["before"], found["reason"]) == (True, 0.6, 0.04, "rate-limited")
    assert datetime.fromisoformat(found["since"]).timestamp() == (NOW - 3) * 3600
    assert (found["messages"], found["deferred"]) == (65, 39)


@pytest.mark.parametrize(
    "rows",
    [
        [(ago, 10, 10) for ago in range(30, -1, -1)],  # greylisting, as ever
        [*((ago, 24, 1) for ago in range(30, 0, -1)), (0, 1, 4)],  # a few messages
        [*((ago, 24, 1) for ago in range(30, 4, -1)), (4, 0, 30), (3, 20, 0), (2, 20, 0), (0, 9, 1)],  # it is over
        [(0, 5, 30)],  # nothing is known of before
        [*((ago, 90, 10) for ago in range(30, 1, -1)), (1, 80, 20), (0, 85, 15)],  # a little more
        [(ago, 0, 20) for ago in range(30, -1, -1)],  # has deferred for days: a cause, no trend
        [*((ago, 1, 0) for ago in range(15, 3, -1)), (2, 0, 20), (1, 0, 20)],  # too little before
    ],
    ids=["greylisted", "few", "over", "new", "little", "lasting", "scarce"],
)
def test_what_is_no_rise_is_none(rows: list[Row]) -> None:
    assert told(*rows)["rising"] is False


def lines(at: datetime, sent: int, deferred: int, domain: str = "gmail.com") -> list[str]:
    found = []
    for n in range(sent + deferred):
        head = f"{at:%b %d %H:%M:%S} app postfix/smtp[9]: {at:%d%H}{n:03X}: to=<u{n}@{domain}>, relay=mx.{domain}[192.0.2.1]:25, delay=1, "
        found.append(
            f"{head}dsn=2.0.0, status=sent (250 2.0.0 OK)" if n < sent else
            f"{head}dsn=4.7.28, status=deferred (host mx.{domain}[192.0.2.1] said: 421 4.7.28 Our system has detected an unusual "
            "rate of unsolicited mail. (in reply to end of DATA command))"
        )  # fmt: skip
    return found


def recorded(at: datetime, *log: str) -> list[list[Any]]:
    recording = Recording(
        version="1", started=at.isoformat(), target=Target(),
        asked={MailLog(86_400.0): LogReply(lines=log, source=("mail.log",)), Now(): Now.Reply(epoch=at.timestamp())},
    )  # fmt: skip
    return trend.counted(recording)


def test_the_logs_messages_are_counted_by_hour_once_however_often_they_are_tried() -> None:
    at = datetime(2026, 11, 25, 14, 30, tzinfo=timezone.utc)
    hour = int(at.timestamp()) // 3600
    log = [*lines(at - timedelta(hours=1), 9, 1), *lines(at, 4, 6), *lines(at, 4, 6)]
    counted = recorded(at, *log)
    assert [row[:4] for row in counted] == [[hour - 1, "gmail.com", 9, 1], [hour, "gmail.com", 4, 6]]
    assert counted[1][4] == "rate-limited"


def test_what_was_deferred_and_left_within_the_hour_has_left() -> None:
    """As after greylisting, or a limit on a rate."""
    at = datetime(2026, 11, 25, 14, 5, tzinfo=timezone.utc)
    later = [line.replace(f"{at:%H:%M}", "14:25") for line in lines(at, 10, 0)]
    assert [row[2:4] for row in recorded(at + timedelta(minutes=30), *lines(at, 0, 12), *later)] == [[10, 2]]


def test_of_many_destinations_the_busiest_are_kept() -> None:
    at = datetime(2026, 11, 25, 14, 30, tzinfo=timezone.utc)
    log = [line for n in range(60) for line in lines(at, 1, 0, f"d{n}.example")] + lines(at, 0, 5)
    counted = recorded(at, *log)
    assert len(counted) == trend.BUSIEST
    assert counted[0][1] == "gmail.com"


def seen(hours: list[Hour], status: str = "ok") -> dict[str, Any]:
    return {**world.report(status), "traffic": [[h.hour, h.domain, h.sent, h.deferred, h.reason] for h in hours]}


def test_a_pass_warns_by_the_kept_history_when_the_log_was_rotated(tmp_path: Path) -> None:
    now = int(time.time() // 3600)
    old = [Hour(now - ago, "gmail.com", 24, 1) for ago in range(30, 2, -1)]
    new = [Hour(now - 1, "gmail.com", 4, 16, "rate-limited"), Hour(now, "gmail.com", 4, 6, "rate-limited")]
    options = passes.Options(state_dir=tmp_path, policy=machine.Policy(attempts=1))
    assert passes.one_pass(options, world.probe_of(seen(old))).status == 0
    outcome = passes.one_pass(options, world.probe_of(seen(new)))
    assert outcome.status == 1
    assert outcome.told[0].startswith(
        "mail.example.com: WARNING: More is deferred than usual: mail to gmail.com: 73 % deferred"
    )
    assert outcome.told[1] == "Do: see what is waiting and why: mail-diagnose queue"
    (outage,) = store.outages(tmp_path)
    assert outage["title"].startswith("More is deferred than usual: mail to gmail.com")
    plain = state.last(tmp_path)
    assert (plain["status"], plain["trend"][0]["rising"], "traffic" in plain) == ("warning", True, False)
    said = "mail to gmail.com: 73 % deferred since "
    assert plain["notes"][0].startswith(said)
    assert plain["notes"][0].endswith(", 4 % before, mostly rate-limited")
    assert PLAIN_FORMATS["text"](plain).startswith(f"More is deferred than usual: {said}")
    assert f"WARNING - More is deferred than usual: {said}" in PLAIN_FORMATS["nagios"](plain)
    assert 'maildiag_destination_deferred_ratio{domain="gmail.com"} 0.733' in PLAIN_FORMATS["prometheus"](plain)
    assert 'maildiag_destination_deferred_rising{domain="gmail.com"} 1' in PLAIN_FORMATS["prometheus"](plain)
    assert json.loads(PLAIN_FORMATS["zabbix"](plain))["rising"] == ["gmail.com"]


def test_in_an_outage_one_line_stands_for_all_destinations() -> None:
    hours = [
        Hour(NOW - ago, f"d{n}.example", *((20, 1) if ago > 1 else (0, 20)), "connect-timeout") for ago in range(30) for n in range(6)
    ]  # fmt: skip
    report = {**seen(hours), "diagnoses": world.report(*world.FAILED)["diagnoses"], "status": "failed"}
    notes = trend.taken(Path("/nonexistent"), report, 1e9, NOW * 3600.0)["notes"]
    assert len(notes) == 1
    assert notes[0].endswith("mostly connect-timeout (and 5 destinations more)")
    assert report["status"] == "failed"


def test_counting_an_hour_twice_or_in_part_changes_nothing(tmp_path: Path) -> None:
    now = int(time.time() // 3600)
    for hours in ([Hour(now, "a.example", 5, 1)], [Hour(now, "a.example", 9, 1)], [Hour(now, "a.example", 2, 0)]):
        trend.taken(tmp_path, seen(hours), 1e9, time.time())
    assert [(each["messages"], each["deferred"]) for each in trend.told(_rows(tmp_path), time.time())] == [(10, 1)]


def _rows(directory: Path) -> list[Hour]:
    with sqlite3.connect(directory / store.NAME) as link:
        return [Hour(*row) for row in link.execute("SELECT * FROM traffic ORDER BY hour")]


def test_the_history_of_a_year_stays_small_and_ends(tmp_path: Path) -> None:
    began = int(time.time() // 3600)
    for day in range(0, 90, 3):
        hours = [
            Hour(began + day * 24 - ago, f"d{n}.example", 50, 5, "greylisted") for ago in range(72) for n in range(8)
        ]
        trend.taken(tmp_path, seen(hours), 60 * 86_400.0, (began + day * 24) * 3600.0)
    rows = _rows(tmp_path)
    assert min(row.hour for row in rows) >= began + 87 * 24 - 60 * 24 - 24
    days = [row for row in rows if row.hour < began + 87 * 24 - trend.DETAILED - 24]
    assert {row.hour % 24 for row in days} == {0}
    assert {row.messages for row in days} == {24 * 55}
    size = (tmp_path / store.NAME).stat().st_size
    assert size < 8 * 10_000 + 60 * 2000, size


def test_a_history_that_cannot_be_written_leaves_the_logs_own_day(tmp_path: Path) -> None:
    now = int(time.time() // 3600)
    hours = [*(Hour(now - ago, "gmail.com", 24, 1) for ago in range(20, 1, -1)), Hour(now, "gmail.com", 4, 16)]
    assert trend.taken(tmp_path / "missing", seen(hours), 1e9, time.time())["status"] == "warning"

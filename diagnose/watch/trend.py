"""How much of the mail to each destination is deferred, hour by hour, so that a rise is reported before the queue is
full.

Each pass counts the log's hours and keeps the busiest destinations of each, some kilobytes a day; after a week the
hours of a day become one row. What an hour holds is replaced by a fuller count of it, so that counting twice changes
nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from diagnose.errors import StateError
from diagnose.host.query import MailLog, Now
from diagnose.host.snapshot import Recording
from diagnose.record import dataclass
from diagnose.report import digest
from diagnose.watch import store

_TABLE = """
CREATE TABLE IF NOT EXISTS traffic (
    hour INTEGER NOT NULL,      -- since the epoch; of a day's row its first
    domain TEXT NOT NULL,       -- of the recipients
    sent INTEGER NOT NULL,      -- messages that left
    deferred INTEGER NOT NULL,
    reason TEXT NOT NULL,       -- label of most of the deferrals
    PRIMARY KEY (hour, domain)
) WITHOUT ROWID
"""
BUSIEST = 8  # destinations that are kept of an hour
DETAILED = 8 * 24  # hours that are kept one by one
TOLD = 8  # destinations in a report
LATELY = 12  # hours within which a rise began
ENOUGH = 10  # messages deferred since then
KNOWN = 20  # messages before, that the share before is known by
RISE = 0.2  # the share is larger by so much, and
TIMES = 3  # so many times as large


@dataclass(frozen=True)
class Hour:
    """hour: since the epoch. reason: the label of most of the deferrals."""

    hour: int
    domain: str
    sent: int
    deferred: int
    reason: str = ""

    @property
    def messages(self) -> int:
        return self.sent + self.deferred


def counted(recording: Recording) -> list[list[Any]]:
    """The log's hours as plain data, the busiest destinations of each."""
    from diagnose.facts.mail import read_log

    now = recording.asked.get(Now())
    log = next((reply for query, reply in recording.asked.items() if type(query) is MailLog and reply.lines), None)
    if now is None or log is None:
        return []
    hours: dict[int, list[Hour]] = {}
    for (hour, domain), counts in read_log(log, now.epoch, now.offset).traffic.hours.items():
        why = {label: count for label, count in counts.items() if label and count}
        reason = max(why, key=lambda label: why[label], default="")
        hours.setdefault(hour, []).append(Hour(hour, domain, counts.get("", 0), sum(why.values()), reason))
    busiest = (h for rows in hours.values() for h in sorted(rows, key=lambda h: -h.sent - 4 * h.deferred)[:BUSIEST])
    return [[h.hour, h.domain, h.sent, h.deferred, h.reason] for h in busiest]


def taken(directory: Path, report: dict[str, Any], retention: float, at: float) -> dict[str, Any]:
    """The report with each destination's deferral rate under "trend"; the hours counted by this run are saved. A
    rise turns OK into WARNING. at: epoch."""
    found = [Hour(*row) for row in report.pop("traffic", ())]
    known: Iterable[Hour] = found
    with suppress(StateError, OSError):  # without room on the disk the log's own day has to do
        known = _kept(directory, found, retention, int(at // 3600))
    report["trend"] = told(known, at)
    rising = [digest.rise(each) for each in report["trend"] if each["rising"]]
    shown = rising[: 1 if report["diagnoses"] else 3]  # an outage raises all of them
    if len(rising) > len(shown):
        shown[-1] += f" (and {len(rising) - len(shown)} destinations more)"
    report["notes"] = [*shown, *report["notes"]]
    if rising and report["status"] == "ok":
        report["status"] = "warning"
    return report


def told(hours: Iterable[Hour], now: float) -> list[dict[str, Any]]:
    """The share of deferred messages of each busy destination, before and lately; rising ones first."""
    domains: dict[str, list[Hour]] = {}
    for hour in hours:
        domains.setdefault(hour.domain, []).append(hour)
    found = [_of(domain, sorted(rows, key=lambda h: h.hour), int(now // 3600)) for domain, rows in domains.items()]
    found.sort(key=lambda t: (not t["rising"], -t["messages"], t["domain"]))
    return [each for each in found if each["messages"]][:TOLD]


def _of(domain: str, rows: Sequence[Hour], now: int) -> dict[str, Any]:
    """The begin of a rise: the first of the latest hours that are all worse than those before."""
    for begin in range(now - LATELY + 1, now + 1):
        since = [h for h in rows if begin <= h.hour <= now]
        before = [h for h in rows if h.hour < begin]
        share = _share(before) if _sum(before) >= KNOWN else None
        if share is not None and since and since[0].hour == begin and _rises(share, since):
            rising = True
            break
    else:
        begin, rising = now - 5, False
        since, before = [h for h in rows if begin <= h.hour <= now], [h for h in rows if h.hour < begin]
        share = _share(before) if _sum(before) >= KNOWN else None
    reasons: dict[str, int] = {}
    for hour in since:
        if hour.reason:
            reasons[hour.reason] = reasons.get(hour.reason, 0) + hour.deferred
    return {
        "domain": domain,
        "rising": rising,
        "since": _iso(begin * 3600),
        "messages": _sum(since),
        "deferred": sum(h.deferred for h in since),
        "share": round(_share(since), 3),
        "before": None if share is None else round(share, 3),
        "reason": max(reasons, key=lambda label: reasons[label], default=None),
    }


def _rises(before: float, since: Sequence[Hour]) -> bool:
    least = max(before + RISE, before * TIMES)
    if any(h.messages >= 3 and h.deferred < least * h.messages for h in since):
        return False
    return sum(h.deferred for h in since) >= ENOUGH and _share(since) >= least


def _share(hours: Sequence[Hour]) -> float:
    return sum(h.deferred for h in hours) / (_sum(hours) or 1)


def _sum(hours: Sequence[Hour]) -> int:
    return sum(h.messages for h in hours)


def _iso(epoch: float) -> str:
    from diagnose.watch.message import iso

    return str(iso(epoch))


def _kept(directory: Path, hours: Sequence[Hour], retention: float, now: int) -> list[Hour]:
    """The history of the last days with these hours added."""
    with store.opened(directory) as link:
        link.execute(_TABLE)
        link.executemany(
            "INSERT INTO traffic VALUES (?, ?, ?, ?, ?) ON CONFLICT (hour, domain) DO UPDATE SET sent = excluded.sent, "
            "deferred = excluded.deferred, reason = excluded.reason WHERE excluded.sent + excluded.deferred >= sent + deferred",
            [(h.hour, h.domain, h.sent, h.deferred, h.reason) for h in hours if h.hour <= now + 1],
        )
        _fold(link, now, retention)
        rows = link.execute(
            "SELECT hour, domain, sent, deferred, reason FROM traffic WHERE hour >= ?", (now - DETAILED,)
        )
        return [Hour(*row) for row in rows]


def _fold(link: sqlite3.Connection, now: int, retention: float) -> None:
    """Days instead of hours after a week; nothing after `retention` seconds."""
    old = (now - DETAILED) // 24 * 24
    link.execute("DELETE FROM traffic WHERE hour < ?", (now - retention / 3600,))
    days = link.execute(
        "SELECT hour / 24 * 24, domain, sum(sent), sum(deferred), max(reason) FROM traffic WHERE hour < ? "
        "GROUP BY hour / 24, domain HAVING count(*) > 1 OR max(hour) % 24",
        (old,),
    ).fetchall()
    for day, domain, sent, deferred, reason in days:
        link.execute("DELETE FROM traffic WHERE hour >= ? AND hour < ? AND domain = ?", (day, day + 24, domain))
        link.execute("INSERT INTO traffic VALUES (?, ?, ?, ?, ?)", (day, domain, sent, deferred, reason))

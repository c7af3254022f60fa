"""What earlier passes saw, for the charts: the worst hard state of each hour of a week, and of each day of four
weeks together with the longest queue. "-" where no pass ran."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from diagnose.report import Plain

HOURS, DAYS = 7 * 24, 4 * 7
_WORST = "-0312"  # none, ok, unknown, warning, failed
_CODES = {"ok": "0", "warning": "1", "failed": "2", "unknown": "3"}


def week(old: Any, status: str, at: float) -> dict[str, str]:
    """The week up to `at` (epoch), this pass included. begin: ISO 8601; hours: a character for each hour, the last
    one now."""
    from diagnose.watch.message import iso

    now = int(at // 3600)
    try:
        begin = int(datetime.fromisoformat(str(old["begin"])).timestamp()) // 3600
    except (KeyError, TypeError, ValueError):
        begin, old = now, {}
    hours = _added(str(old.get("hours", "")), begin, now, HOURS, status)
    return {"begin": str(iso((now - HOURS + 1) * 3600)), "hours": hours}


def month(old: Any, status: str, waiting: int | None, at: float) -> dict[str, Any]:
    """The same for four weeks of this host's days. begin: ISO 8601 date; waiting: messages, None if unknown."""
    now = datetime.fromtimestamp(at).toordinal()
    try:
        begin = date.fromisoformat(str(old["begin"])).toordinal()
    except (KeyError, TypeError, ValueError):
        begin, old = now, {}
    counts = dict(enumerate(_counts(old), begin))
    if waiting is not None:
        counts[now] = max(waiting, counts.get(now) or 0)
    return {
        "begin": date.fromordinal(now - DAYS + 1).isoformat(),
        "days": _added(str(old.get("days", "")), begin, now, DAYS, status),
        "waiting": [counts.get(day) for day in range(now - DAYS + 1, now + 1)],
    }


def _added(codes: str, begin: int, now: int, count: int, status: str) -> str:
    """`count` codes up to `now`, this pass in the last one; begin: the number of the first known one."""
    known = {begin + n: code for n, code in enumerate(codes[:count]) if code in _WORST}
    known[now] = max(known.get(now, "-"), _CODES[status], key=_WORST.index)
    return "".join(known.get(n, "-") for n in range(now - count + 1, now + 1))


def _counts(old: Plain) -> list[int | None]:
    found = old.get("waiting")
    return [n if type(n) is int else None for n in found[:DAYS]] if isinstance(found, list) else []

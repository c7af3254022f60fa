"""The last seven days hour by hour, for a picture: the worst hard state of each hour, "-" where no pass was made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

HOURS = 7 * 24
_WORST = "-0312"  # none, ok, unknown, warning, failed
_CODES = {"ok": "0", "warning": "1", "failed": "2", "unknown": "3"}


def added(old: Any, status: str, at: float) -> dict[str, str]:
    """The week up to `at` (epoch) with this pass in it. begin: ISO 8601; hours: a character for each hour, the last one now."""
    from diagnose.watch.message import iso

    now = int(at // 3600)
    hours = dict.fromkeys(range(now - HOURS + 1, now + 1), "-")
    if isinstance(old, dict):
        try:
            begin = int(datetime.fromisoformat(str(old["begin"])).timestamp()) // 3600
        except (KeyError, ValueError):
            begin = now + 1
        for number, code in enumerate(str(old.get("hours", ""))[:HOURS]):
            if begin + number in hours and code in _WORST:
                hours[begin + number] = code
    hours[now] = max(hours[now], _CODES[status], key=_WORST.index)
    return {"begin": str(iso((now - HOURS + 1) * 3600)), "hours": "".join(hours.values())}

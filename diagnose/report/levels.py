"""Thresholds (-w, -c) for the queue's length and age: they raise a report's status, and never lower it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.report import Plain
from diagnose.report.digest import queue, stale, status
from diagnose.report.ranges import Range, parse_levels

_RANK = {"ok": 0, "unknown": 1, "warning": 2, "failed": 3}
_WHAT = {"queue": "messages in the queue", "age": "s is the age of the oldest message"}


def with_levels(plain: Plain, warning: str | None, critical: str | None) -> Plain:
    """The report as `judged`, unless it already is and no levels are given. Raises UsageError for levels that cannot
    be read."""
    return judged(plain, warning, critical) if "levels" not in plain or warning or critical else plain


def judged(plain: Plain, warning: str | None = None, critical: str | None = None) -> dict[str, Any]:
    """The report, its status raised if a level is crossed, with a note that names the level. "levels" holds the
    levels, the status before, and the levels' own status. A stale result stays unknown. Raises UsageError for levels
    that cannot be read."""
    warn, crit = parse_levels("--warning", warning), parse_levels("--critical", critical)
    found = dict(plain)
    found["levels"] = {"warning": _texts(warn), "critical": _texts(crit), "before": status(plain), "status": "ok"}
    if stale(plain):
        return found
    counts = queue(plain)
    notes: list[str] = []
    for name, value in (("queue", counts.length), ("age", counts.oldest)):
        for word, level in (("failed", crit.get(name)), ("warning", warn.get(name))):
            if level is None:
                continue
            if value is None:
                notes.append(f"{name} is not known, so it is not compared with {level.text}")
                found["levels"]["status"] = _worse(found["levels"]["status"], "unknown")
            elif level.alerts(value):
                notes.append(f"{value} {_WHAT[name]}: outside {level.text}" if not level.invert else
                             f"{value} {_WHAT[name]}: inside {level.text}")  # fmt: skip
                found["levels"]["status"] = _worse(found["levels"]["status"], word)
            else:
                continue
            break
    found["status"] = _worse(status(found), found["levels"]["status"])
    if notes:
        found["notes"] = [*notes, *plain.get("notes", ())]
        found["levels"]["crossed"] = notes
    return found


def _worse(one: str, other: str) -> str:
    return max(one, other, key=lambda word: _RANK[word])


def _texts(levels: Mapping[str, Range]) -> dict[str, str]:
    return {name: level.text for name, level in levels.items()}

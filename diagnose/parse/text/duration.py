"""Durations as users write them: 90m, 24h, 7d, 1d12h."""

from __future__ import annotations

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smhdw])[a-z]*\s*", re.I)
LONGEST = 3660 * 86_400.0


def seconds(text: str) -> float | None:
    """Seconds of a duration; None if the text is not one, or is one of more than ten years."""
    rest, total = text.strip(), 0.0
    if not rest:
        return None
    while rest:
        part = _PART.match(rest)
        if part is None:
            return None
        total += float(part[1]) * _UNITS[part[2].lower()]
        rest = rest[part.end() :]
    return total if 0 < total <= LONGEST else None


def words(span: float) -> str:
    """A duration for display, in its two largest units: "45 s", "7 min", "2 h 5 min", "3 d 4 h"."""
    whole = max(0, round(span))
    for unit, below, size, small in (("d", "h", 86_400, 3600), ("h", "min", 3600, 60)):
        if whole >= (2 * size if unit == "d" else size):
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"

"""Threshold ranges of monitoring plugins: `[@][start:][end]`, alert outside, with `@` inside, ends included.

https://www.monitoring-plugins.org/doc/guidelines.html#THRESHOLDFORMAT
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagnose.errors import UsageError
from diagnose.record import frozen

METRICS = {"queue": "messages in the queue", "age": "seconds that the oldest one waits"}
_NUMBER = r"-?(?:\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})"
_RANGE = re.compile(rf"(?P<invert>@)?(?:(?P<start>~|{_NUMBER})?(?P<colon>:))?(?P<end>{_NUMBER})?", re.ASCII)


@frozen
class Range:
    """start and end: None for no limit. text: as given."""

    start: float | None
    end: float | None
    invert: bool
    text: str

    def alerts(self, value: float) -> bool:
        inside = (self.start is None or self.start <= value) and (self.end is None or value <= self.end)
        return inside if self.invert else not inside


def parse(text: str) -> Range:
    """Raises UsageError, which shows the syntax."""
    found = _RANGE.fullmatch(text)
    if found is None or not (found["end"] or found["colon"]) or text.endswith("~"):
        raise UsageError(f"{text[:40]!r} is not a range: use 10, 10:, ~:10, 10:20 or @10:20")
    start = None if found["start"] == "~" else float(found["start"] or 0)
    end = None if found["end"] is None else float(found["end"])
    if start is not None and end is not None and start > end:
        raise UsageError(f"{text[:40]!r} is not a range: its start is above its end")
    return Range(start=start, end=end, invert=bool(found["invert"]), text=text)


def parse_levels(option: str, text: str | None) -> Mapping[str, Range]:
    """`queue=100,age=3600` as ranges by metric. Raises UsageError."""
    levels: dict[str, Range] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        name, equals, spec = part.strip().partition("=")
        if name not in METRICS or not equals:
            raise UsageError(
                f"{option} takes queue=RANGE and age=RANGE, separated by commas, not {part.strip()[:40]!r}"
            )
        if name in levels:
            raise UsageError(f"{option} names {name} twice")
        try:
            levels[name] = parse(spec)
        except UsageError as error:
            raise UsageError(f"{option} {name}: {error}") from None
    return levels

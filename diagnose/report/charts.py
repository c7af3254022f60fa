"""Inline SVG: the last seven days as a strip; the last four weeks by day; the queue by state, age and reason as bars."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta
from html import escape

from diagnose.report import Plain, digest

WIDTH = 340  # as on a phone; wider screens show it up to half as large again
HOUR, DAY = 2, 12  # wide
TALL = 48  # the bar of the day on which most waited
LABEL, BAR, ROW = 118, 160, 22
MOST = 6  # reasons
_STATES = {"0": ("ok", 8), "1": ("warning", 16), "2": ("failed", 24), "3": ("unknown", 12), "-": ("none", 4)}
_WORDS = {"2": "failed", "1": "warning", "3": "not known", "-": "not watched"}
# Columns of `queue.ages` in minutes, gathered to what fits on a phone.
_AGES = (("under 10 min", 10), ("10 to 80 min", 80), ("80 min to 5 h", 320), ("5 to 21 h", 1280), ("over 21 h", 1e9))


def week(plain: Plain) -> str:
    """The strip; "" if there is no history."""
    kept = digest.kept(plain).get("week") or {}
    begin, hours = digest.moment(kept.get("begin")), str(kept.get("hours", ""))
    if begin is None or not hours.strip("-"):
        return ""
    parts = _states(hours, HOUR, 24)
    for number in range(len(hours)):
        if (at := begin + timedelta(hours=number)).hour == 0:
            parts.append(f'<line x1="{number * HOUR}" y1="0" x2="{number * HOUR}" y2="30"/>')
            if number <= len(hours) - 15:
                parts.append(f'<text x="{number * HOUR + 3}" y="38">{at:%a}</text>')
    return _figure(f"The last seven days, hour by hour: {_worded(hours, 'h')}", "week", 42, "".join(parts))


def month(plain: Plain) -> str:
    """Waiting messages by day, above that day's worst state; "" before the second day."""
    kept = digest.kept(plain).get("month") or {}
    begin, days = digest.moment(kept.get("begin")), str(kept.get("days", ""))
    if begin is None or len(days.strip("-")) < 2:
        return ""
    counts = [count or 0 for count in kept.get("waiting", ())]
    most, base = max(counts, default=0), TALL + 30
    parts = _states(days, DAY, base)
    for number, count in enumerate(counts):
        tall = max(2, round(TALL * count / most)) if count else 0
        x = number * DAY + 1
        parts.append(f'<rect class="bar" x="{x}" y="{TALL - tall}" width="{DAY - 2}" height="{tall}"/>')
    for number in range(len(days)):
        if (day := begin + timedelta(days=number)).weekday() == 0:
            parts.append(f'<line x1="{number * DAY}" y1="0" x2="{number * DAY}" y2="{base + 6}"/>')
            if number <= len(days) - 4:
                parts.append(f'<text x="{number * DAY + 3}" y="{base + 14}">{day.day} {day:%b}</text>')
    queue = f" (most: {most}, on {begin + timedelta(days=counts.index(most)):%d %b})" if most else ""
    title = f"Messages waiting each day{queue}, above its worst state: {_worded(days, 'd')}"
    return _figure(title, "week", base + 18, "".join(parts))


def _states(codes: str, step: int, base: int) -> list[str]:
    """The worst state of each hour or day as bars on `base`; their height repeats the colour."""
    parts, x = [], 0
    for code, run in itertools.groupby(codes):
        kind, height = _STATES.get(code, _STATES["-"])
        wide = step * len(list(run))
        parts.append(f'<rect class="{kind}" x="{x}" y="{base - height}" width="{wide}" height="{height}"/>')
        x += wide
    return parts


def _worded(codes: str, unit: str) -> str:
    """The chart in words, for screen readers."""
    counts = {word: codes.count(code) for code, word in _WORDS.items()}
    return ", ".join(f"{word} {count} {unit}" for word, count in counts.items() if count) or "nothing wrong"


def queue(plain: Plain) -> str:
    """The queue as bars; "" if it is empty or unknown."""
    states = {name: count for name, count in digest.shares(plain, "states").items() if count}
    minutes = digest.shares(plain, "ages")
    ages, below = {}, 0.0
    for name, upper in _AGES:
        ages[name] = sum(n for age, n in minutes.items() if below < (float(age) if age.isdecimal() else 1e9) <= upper)
        below = upper
    reasons = sorted(digest.shares(plain, "reasons").items(), key=lambda pair: -pair[1])
    told = {name: count for name, count in reasons[:MOST] if name != "none"}
    return (
        _bars("Messages by queue", states)
        + _bars("Messages by age", ages if any(ages.values()) else {})
        + _bars("Recipients by reason", told)
    )


def _bars(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    most, parts = max(counts.values()), []
    for number, (name, count) in enumerate(counts.items()):
        y = number * ROW
        wide = max(2, round(BAR * count / most)) if count else 0
        kind = "hold" if name == "hold" else ""
        parts.append(
            f'<text x="0" y="{y + 15}">{escape(name[:18])}</text><rect class="bar {kind}" x="{LABEL}" y="{y + 4}" width="{wide}" '
            f'height="14"/><text class="count" x="{LABEL + wide + 6}" y="{y + 15}">{count}</text>'
        )
    said = ", ".join(f"{name} {count}" for name, count in counts.items())
    return _figure(title, "bars", len(counts) * ROW, "".join(parts), said)


def _figure(title: str, kind: str, height: int, drawn: str, said: str = "") -> str:
    label = escape(f"{title}: {said}" if said else title, quote=True)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg class="{kind}" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}">{drawn}</svg></figure>'
    )

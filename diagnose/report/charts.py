"""Inline SVG: the last seven days as a strip; the queue by state, age and reason as bars."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from typing import Any

from diagnose.report import digest

Plain = Mapping[str, Any]
WIDTH = 340  # as on a phone; wider screens show it up to half as large again
HOUR = 2  # of the strip
LABEL, BAR, ROW = 118, 160, 22
MOST = 6  # reasons
_STATES = {"0": ("ok", 8), "1": ("warning", 16), "2": ("failed", 24), "3": ("unknown", 12), "-": ("none", 4)}
_WORDS = {"2": "failed", "1": "warning", "3": "not known", "-": "not watched"}
# Columns of `queue.ages` in minutes, gathered to what fits on a phone.
_AGES = (("under 10 min", 10), ("10 to 80 min", 80), ("80 min to 5 h", 320), ("5 to 21 h", 1280), ("over 21 h", 1e9))


def week(plain: Plain) -> str:
    """Nothing where no week is known. Height and words say what colours say."""
    kept = plain.get("watch", {}).get("week") or {}
    begin, hours = digest.moment(kept.get("begin")), str(kept.get("hours", ""))
    if begin is None or not hours.strip("-"):
        return ""
    counts = {code: hours.count(code) for code in _WORDS}
    said = [f"{_WORDS[code]} {count} h" for code, count in counts.items() if count] or ["nothing wrong"]
    parts, x = [], 0
    for code, run in itertools.groupby(hours):
        kind, height = _STATES.get(code, _STATES["-"])
        wide = HOUR * len(list(run))
        parts.append(f'<rect class="{kind}" x="{x}" y="{24 - height}" width="{wide}" height="{height}"/>')
        x += wide
    for number in range(len(hours)):
        if (at := begin + timedelta(hours=number)).hour == 0:
            parts.append(f'<line x1="{number * HOUR}" y1="0" x2="{number * HOUR}" y2="30"/>')
            if number <= len(hours) - 15:
                parts.append(f'<text x="{number * HOUR + 3}" y="38">{at:%a}</text>')
    return _figure(f"The last seven days, hour by hour: {', '.join(said)}", "week", 42, "".join(parts))


def queue(plain: Plain) -> str:
    """The queue as bars; nothing where it is empty or not known."""
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

"""The history for reading, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnose.parse.text.duration import words
from diagnose.parse.text.masking import plain
from diagnose.watch.message import iso


def as_plain(outage: Mapping[str, Any]) -> dict[str, Any]:
    """began and ended are ISO 8601; ended is None while it lasts."""
    return {**outage, "began": iso(outage["began"]), "ended": iso(outage["ended"])}


def render(outages: Sequence[Mapping[str, Any]], now: float) -> str:
    """A line for each outage, newest first."""
    lines = []
    for outage in outages:
        lasted = words((outage["ended"] if outage["ended"] is not None else now) - outage["began"])
        end = iso(outage["ended"]) or "lasts"
        causes = ", ".join(outage["causes"])
        lines.append(
            f"{iso(outage['began'])}  {end:<25}  {lasted:<12}  {outage['worst']:<7}  {outage['title']} ({causes})"
        )
    return plain("\n".join(lines)) + "\n" if lines else "No outage recorded.\n"

"""The history of outages, as text and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from diagnose.report import Plain, outage as line
from diagnose.report.page import Page, Terminal
from diagnose.watch.message import iso


def as_plain(outage: Plain) -> dict[str, Any]:
    """began and ended are ISO 8601; ended is None while it lasts."""
    return {**outage, "began": iso(outage["began"]), "ended": iso(outage["ended"])}


def render(outages: Sequence[Plain], now: datetime, terminal: Terminal | None = None) -> str:
    """One entry per outage: begin, duration, severity and cause; newest first, wrapped to the terminal's width."""
    page = Page(terminal or Terminal())
    for outage in map(as_plain, outages):
        page.wrap(f"{line.words(outage, now)} ({', '.join(outage['causes'])})", hang=" " * 18)
    return page.text() if outages else "No outage recorded.\n"

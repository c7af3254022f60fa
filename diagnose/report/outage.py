"""An outage in one line, for `history` and the HTML page."""

from __future__ import annotations

from datetime import datetime

from diagnose.parse.text import duration
from diagnose.report import Plain, digest


def words(outage: Plain, now: datetime | None) -> str:
    """Begin, duration (up to `now` if it lasts), severity and cause. outage: as in `history --format json`."""
    began, ended = digest.moment(outage["began"]), digest.moment(outage["ended"])
    when = ""
    if began:
        lasted = duration.words(((ended or now or began) - began).total_seconds())
        when = f"{began:%Y-%m-%d %H:%M}, {lasted}{'' if ended else ' so far'}, "
    return digest.clean(f"{when}{outage['worst']}: {outage['title']}")

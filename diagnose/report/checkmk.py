"""For Checkmk: lines of a local check, `STATUS "Service" metrics text`, a service for each check of ours.

https://docs.checkmk.com/latest/en/localchecks.html. The services' names and number do not depend on what is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.report import digest
from diagnose.report.levels import judged

LONGEST = 400  # characters of a line's text


def render(plain: Mapping[str, Any], warning: str | None = None, critical: str | None = None) -> str:
    """Raises UsageError for levels that cannot be read."""
    if "levels" not in plain or warning or critical:
        plain = judged(plain, warning, critical)
    text = [digest.headline(plain), *plain["levels"].get("crossed", ())]
    if state := digest.state_words(plain):
        text.append(state)
    if lost := len(digest.undelivered(plain)):
        text.append(f"alarms not delivered: {lost}")
    lines = [_line(digest.status(plain), "Mail delivery", _metrics(plain), "; ".join(dict.fromkeys(text)))]
    if plain.get("watch", {}).get("stale"):
        return lines[0]  # the services of old results go stale by themselves; repeating them would make them look new
    for check in digest.lines(plain):
        lines.append(_line(check.status, f"Mail check {check.check}", "-", check.text))
    return "".join(lines)


def _metrics(plain: Mapping[str, Any]) -> str:
    counts = digest.queue(plain)
    found = []
    # Checkmk takes upper bounds only; a range of another kind has raised the status already.
    for label, value, name in (("queue", counts.length, "queue"), ("oldest", counts.oldest, "age")):
        if value is not None:
            found.append(f"{label}={value};{_upper(plain, 'warning', name)};{_upper(plain, 'critical', name)};0")
    if plain.get("runs"):
        found.append(f"duration={digest.number(plain.get('seconds', 0))}")
    return "|".join(found) or "-"


def _upper(plain: Mapping[str, Any], kind: str, name: str) -> str:
    text = str(plain["levels"][kind].get(name, ""))
    return text if text.replace(".", "", 1).isdigit() else ""


def _line(status: str, service: str, metrics: str, text: str) -> str:
    # A backslash would begin an escape (\n is a line end there).
    words = digest.clean(text).replace("\\", "/")
    words = words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
    name = "".join(c for c in digest.clean(service) if c not in "\"'|\\")
    return f'{digest.CODES[status]} "{name}" {metrics} {words}\n'

"""Repairs of lines in master.cf that master(8) does not accept."""

from __future__ import annotations

import re

from diagnose.model import Observation
from diagnose.nearest import near
from diagnose.parse.postfix import master_cf
from diagnose.remedy import values
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.standard import service_line
from diagnose.remedy.steps import Step

_SERVICE = re.compile(rf"\s|[^\s#]+\s+({'|'.join(master_cf.TYPES)})\s")  # its first line, or one that continues it
_FIELDS = dict(zip(range(2, 7), (*["[yn-]"] * 3, r"\d+\??|-", r"\d+|-"), strict=True))


def service_line_repaired(e: Evidence, path: str, number: int, raw: str, made: str) -> list[Step]:
    words = made.split()
    standard = service_line(e, words[0], words[1]) if len(words) > 1 else ""
    why = "Postfix does not start with a line that it cannot read."
    if re.match(r"-o(\s|\{|\w+=)|\w+=", made) and _SERVICE.match(_above(e, path, number)):
        why = "It continues the service above it, so it must be indented."
        return [e.repair(path, number, raw, f"  {made}", why)]
    if len(words) < 8 and standard and raw[:1] not in " \t#":
        return [e.repair(path, number, raw, standard, why)]
    if len(words) >= 8 and raw[:1] not in " \t#":
        made = _fields(e, made)
    return [e.repair(path, number, raw, made if made != raw and len(words) >= 8 else f"#{raw}", why)]


def _fields(e: Evidence, line: str) -> str:
    """A service's line with each field that master(8) does not accept replaced by the one that Postfix ships, or by
    "-"."""
    parts = re.split(r"(\s+)", line)  # the fields, and the blanks between them
    if parts[2] not in master_cf.TYPES:
        parts[2] = near(parts[2], master_cf.TYPES, 0.7) or parts[2]
    standard = service_line(e, parts[0], parts[2]).split()
    for at, form in _FIELDS.items():
        if not re.fullmatch(form, parts[2 * at]):
            parts[2 * at] = standard[at] if standard else "-"
    return "".join(parts)


def _above(e: Evidence, path: str, number: int) -> str:
    """The nearest line above that is neither blank nor a comment."""
    lines = e.ask_lines(e.real(path))[: number - 1]
    return next((raw for raw in reversed(lines) if raw.strip() and not raw.lstrip().startswith("#")), "")


def unread_service(e: Evidence, seen: Observation) -> list[Step]:
    """Repairs the line of master.cf at fault, if Postfix's complaint is about that file; else []."""
    if "master.cf" not in f"{seen.data.get('path')} {seen.summary}":
        return []
    for found in master_cf.parse("\n".join(e.ask_lines(e.master_path))).findings:
        if found.kind in master_cf.STOPS:
            raw = e.line(e.master_path, found.line)
            return service_line_repaired(e, e.master_path, found.line, raw, values.plain(raw))
    return []

"""The lines of a lookup table's text, and how a plan edits them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.parse.postfix import table
from diagnose.parse.postfix.main_cf import followed
from diagnose.record import frozen
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.steps import Step


@frozen
class Entry:
    """A line of a table's text: table, path, number from 1, raw; key, value: what it yields for which key; whole:
    whether no other line continues the entry; parameter: the setting that names the table."""

    parameter: str
    table: table.Table
    path: str
    number: int
    raw: str
    key: str
    value: str
    whole: bool


def entries(e: Evidence, parameter: str, found: table.Table) -> Iterator[Entry]:
    """The lines of a table's text, without comments; none for a table that has no text of its own."""
    path, key = table.source(found), ""
    end = r"[:\s]" if parameter.startswith("alias") else r"\s"
    for number, raw, after in followed(e.ask_lines(path) if path else ()):
        if raw[:1] == "#" or not raw.strip():
            continue
        continues = raw[0].isspace()
        key = key if continues else re.split(end, raw, maxsplit=1)[0]
        yield Entry(
            parameter=parameter,
            table=found,
            path=path,
            number=number,
            raw=raw,
            key=key,
            value=(raw if continues else raw[len(key) :]).strip(),
            whole=not continues and not after[:1].isspace(),
        )


def edited(e: Evidence, entry: Entry, why: str, put: str = "") -> list[Step]:
    """Replaces the line, or comments it out (put: ""), and compiles the table."""
    step = e.repair(entry.path, entry.number, entry.raw, put or f"#{entry.raw}", why)
    return [step, *e.build(entry.table.type, entry.path, entry.key if put else "")]

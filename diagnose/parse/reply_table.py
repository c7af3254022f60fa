"""The label tables of ``diagnose/data/replies``: texts of Postfix, of SMTP servers and of mail programs, to labels.

A file is a list of entries without conditions; the order of files (by name) and of entries within one is the order in
which they are tried, except that an entry whose ``peer`` fits the server that spoke goes first. Patterns are regular
expressions, case-insensitive, searched in the canonical text (see `diagnose.parse.smtp_reply`), compiled when a
literal that they need occurs for the first time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parent.parent / "data" / "replies"

_LITERAL_ESCAPES = frozenset(".-/[](){}*+?|^$\\#\"'<>@:;,=!&~%` ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known text. ``weight`` says how much it tells: 9 names a root, 5 is usual, 1 is a mere consequence.

    ``peer`` is a pattern for the server's name: where it fits, the entry goes first, and with ``only_peer`` it counts
    nowhere else. ``stage`` is where in the dialogue such a text comes when nothing else says so; ``at`` is a pattern
    of the stages that the entry is limited to. ``local`` marks texts of programs, which no server's reply is.
    """

    id: str
    label: str
    pattern: str
    peer: str | None = None
    only_peer: bool = False
    stage: str | None = None
    at: str | None = None
    local: bool = False
    weight: int = 5
    harmless: bool = False
    meaning: str = ""
    source: str = ""
    evidence: str = ""
    examples: tuple[str, ...] = ()
    example_peer: str | None = None
    needs: str | None = field(default=None)

    def search(self, text: str, lowered: str) -> bool:
        """Whether the text (and its lower-case twin) is this entry's."""
        if self.needs is not None and self.needs not in lowered:
            return False
        return _compiled(self.pattern).search(text) is not None

    def speaks_for(self, peer: str) -> bool:
        """Whether the entry's ``peer`` fits this host name."""
        return self.peer is not None and _compiled(self.peer).search(peer) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def required_literal(pattern: str) -> str | None:
    """Return the longest text that every match must contain, in lower case; None when none is certain.

    A cautious reading: groups, classes and optional parts are skipped, an alternative at the top level gives None.
    """
    runs: list[str] = []
    run: list[str] = []
    depth = 0
    at = 0
    while at < len(pattern):
        char = pattern[at]
        step = 1
        literal: str | None = None
        if char == "\\" and at + 1 < len(pattern):
            step = 2
            literal = pattern[at + 1] if pattern[at + 1] in _LITERAL_ESCAPES else None
        elif char == "[":
            close = pattern.find("]", at + 2)
            step = (close if close > 0 else len(pattern)) - at + 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "|" and depth == 0:
            return None
        elif char in "?*{":
            if run:
                run.pop()
            if char == "{":
                step = pattern.find("}", at) - at + 1
        elif char not in "^$.+":
            literal = char
        if literal is not None and depth == 0:
            run.append(literal)
        else:
            runs.append("".join(run))
            run = []
        at += step
    runs.append("".join(run))
    longest = max(runs, key=len).lower()
    return longest if len(longest) > 1 and longest.isascii() else None


def read(path: Path) -> tuple[Entry, ...]:
    """Read one table file."""
    with path.open("rb") as stream:
        document = tomllib.load(stream)
    shared: Mapping[str, Any] = document.get("all", {})
    return tuple(_entry({**shared, **row}) for row in document["entry"])


def _entry(row: Mapping[str, Any]) -> Entry:
    values = dict(row)
    values["examples"] = tuple(values.get("examples", ()))
    return Entry(**values, needs=required_literal(values["pattern"]))


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the order in which they are tried."""
    return tuple(entry for path in sorted(DIRECTORY.glob("*.toml")) for entry in read(path))

"""The label tables of ``diagnose/knowledge/replies``: texts of Postfix, of SMTP servers and of mail programs, to labels.

A file is a list of entries without conditions; the order of files (by name) and of entries within one is the order in
which they are tried, except that an entry whose ``peer`` fits the server that spoke goes first. Patterns are regular
expressions, case-insensitive, searched in the canonical text (see `diagnose.parse.words.smtp_reply`), compiled when a
literal that they need occurs for the first time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from diagnose.parse.text.literals import required_literals

DIRECTORY = Path(__file__).resolve().parents[2] / "knowledge" / "replies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known text. ``weight`` says how much it tells: 9 names a root, 5 is usual, 1 is a mere consequence.

    ``peer`` is a pattern for the server's name: where it fits, the entry goes first, and with ``only_peer`` it counts
    nowhere else. ``stage`` is where in the dialogue such a text comes when nothing else says so; ``at`` is a pattern
    of the stages that the entry is limited to, ``never`` of those where a text cannot mean this. ``local`` marks texts of
    programs, which no server's reply is, ``own`` those of Postfix itself: the files that begin with 1.
    """

    id: str
    label: str
    pattern: str
    peer: str | None = None
    only_peer: bool = False
    stage: str | None = None
    at: str | None = None
    never: str | None = None
    local: bool = False
    own: bool = False
    weight: int = 5
    harmless: bool = False
    meaning: str = ""
    source: str = ""
    evidence: str = ""
    examples: tuple[str, ...] = ()
    example_peer: str | None = None
    needs: tuple[str, ...] = ()

    def search(self, text: str, lowered: str) -> bool:
        """Whether the text (and its lower-case twin) is this entry's."""
        for each in self.needs:
            if each in lowered:
                break
        else:
            if self.needs:
                return False
        return _compiled(self.pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def read(path: Path) -> tuple[Entry, ...]:
    """Read one table file."""
    from diagnose import toml  # 10 ms that a program which classifies nothing need not pay

    document = toml.loads(path.read_text("utf-8"))
    shared: Mapping[str, Any] = {"own": path.name.startswith("1"), **document.get("all", {})}
    return tuple(_entry({**shared, **row}) for row in document["entry"])


def _entry(row: Mapping[str, Any]) -> Entry:
    values = dict(row)
    values["examples"] = tuple(values.get("examples", ()))
    return Entry(**values, needs=required_literals(values["pattern"]))


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the order in which they are tried."""
    return tuple(entry for path in sorted(DIRECTORY.glob("*.toml")) for entry in read(path))


@cache
def _peers() -> tuple[str, ...]:
    return tuple(sorted({entry.peer for entry in entries() if entry.peer is not None}))


def speaking(host: str | None) -> tuple[str, ...]:
    """The values of ``peer`` that fit a host name."""
    return tuple(peer for peer in _peers() if _compiled(peer).search(host)) if host else ()

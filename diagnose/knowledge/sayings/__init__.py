"""What words mean: one meaning a file, named by its label, with the causes that it suggests and how strongly.

A label is a cause's id where the words decide by themselves, else a name of its own. Every reader (run, explain, trace,
queue, send) takes its causes from here, by `signs`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnose.knowledge import documents
from diagnose.model import SAID, Sign, Status, Strength

FLOW = "mail.flow"  # the sign of mail that gets through, or does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """title: what the words say, for a person. scope: what fails beside other mail that flows: "message" (one message,
    mailbox or receiver), "submission" (the same, and every other message of its kind), "destination" (all mail to one
    destination) or "" (everything). suggests: (cause, sign)."""

    label: str
    title: str = ""
    scope: str = ""
    suggests: tuple[tuple[str, Sign], ...] = ()


@functools.cache
def sayings() -> Mapping[str, Saying]:
    """Every saying by its label."""
    return {label: _saying(label, row) for label, row in documents.indexed("sayings", plain).items()}


def plain() -> dict[str, Any]:
    """For the index: what the documents say of each label beside its phrases."""
    rows = documents.folder("sayings")
    return {
        label: {key: row[key] for key in ("title", "scope", "suggests") if key in row} for label, row in rows.items()
    }


def _saying(label: str, row: Mapping[str, Any]) -> Saying:
    return Saying(
        label=label,
        title=row.get("title", ""),
        scope=row.get("scope", ""),
        suggests=tuple((each["cause"], _sign(label, each)) for each in row.get("suggests", ())),
    )


def _sign(label: str, row: Mapping[str, Any]) -> Sign:
    # "none" stands for what is not known: TOML has no null.
    where = tuple(
        (key, tuple(None if each == "none" else each for each in value) if isinstance(value, list) else value)
        for key, value in row.get("when", {}).items()
    )
    return Sign(
        f"{SAID}{label}",
        Strength[row["strength"].upper()],
        Status[row.get("status", "failed").upper()],
        where,
    )


@functools.cache
def signs() -> Mapping[str, tuple[Sign, ...]]:
    """What words say for and against each cause, by the cause's id."""
    found: dict[str, list[Sign]] = {}
    for saying in sayings().values():
        for cause, sign in saying.suggests:
            found.setdefault(cause, []).append(sign)
    return {cause: tuple(each) for cause, each in found.items()}


def scope_of(label: str) -> str:
    """What a label's failure is of: see `Saying`."""
    saying = sayings().get(label)
    return saying.scope if saying is not None else ""


def suggested(labels: Iterable[str]) -> frozenset[str]:
    """The ids of the causes that any of these labels speaks for."""
    return frozenset(
        cause for label in labels if label in sayings() for cause, sign in sayings()[label].suggests if sign.weight > 0
    )

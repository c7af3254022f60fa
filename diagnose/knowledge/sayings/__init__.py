"""What words mean: one meaning a file, named by its label, with the causes that it suggests and how strongly.

A label is a cause's id where the words decide by themselves, else a name of its own. Every reader (run, explain, trace,
queue, send) takes its causes from here, by `signs_of`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diagnose.knowledge import documents
from diagnose.model import SAID, Sign, sign
from diagnose.record import frozen
from diagnose.scales import Strength

FLOW = "mail.flow"  # the sign of mail that gets through, or does not


@frozen
class Saying:
    """title: what the words say, for a person. scope: what fails while other mail flows: "message" (one message,
    mailbox or receiver), "submission" (the same, and every other message of its kind), "destination" (all mail to one
    destination) or "" (everything). suggests: (cause, sign)."""

    label: str
    title: str = ""
    scope: str = ""
    suggests: tuple[tuple[str, Sign], ...] = ()


@functools.cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = documents.indexed("sayings", plain)
    return found


def sayings() -> Mapping[str, Saying]:
    """Every saying by its label."""
    return {label: _saying(label) for label in _rows()}


def saying_of(label: str) -> Saying | None:
    return _saying(label) if label in _rows() else None


def plain() -> dict[str, Any]:
    """For the index: what the documents say of each label beside its phrases."""
    return {
        label: {**{key: row[key] for key in ("title", "scope") if key in row}, "suggests": list(_suggests(row))}
        for label, row in documents.folder("sayings").items()
    }


def _suggests(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The causes that a meaning suggests: those listed by strength, whatever else is known, and those under conditions."""
    for strength in Strength:
        name = strength.name.lower()
        yield from ({"cause": cause, "strength": name} for cause in row.get(name, ()))
    yield from row.get("suggests", ())


@functools.cache
def _saying(label: str) -> Saying:
    row = _rows()[label]
    return Saying(
        label=label,
        title=row.get("title", ""),
        scope=row.get("scope", ""),
        suggests=tuple((each["cause"], _sign(label, each)) for each in row["suggests"]),
    )


def _sign(label: str, row: Mapping[str, Any]) -> Sign:
    # "none" stands for what is not known: TOML has no null.
    where = {
        key: tuple(None if each == "none" else each for each in value) if isinstance(value, list) else value
        for key, value in row.get("when", {}).items()
    }
    return sign(f"{SAID}{label}", row["strength"], row.get("status", "failed"), **where)


def signs_of(cause: str) -> tuple[Sign, ...]:
    """The signs by which words speak for or against a cause."""
    return tuple(_signs().get(cause, ()))


@functools.cache
def _signs() -> dict[str, list[Sign]]:
    found: dict[str, list[Sign]] = {}
    for saying in sayings().values():
        for cause, one in saying.suggests:
            found.setdefault(cause, []).append(one)
    return found


def scope_of(label: str) -> str:
    """The label's scope (see `Saying`), "" if the label is unknown."""
    saying = saying_of(label)
    return saying.scope if saying is not None else ""


def suggested(labels: Iterable[str], least: int = 1) -> frozenset[str]:
    """The ids of the causes that any of these labels speaks for, with at least that weight in decibans."""
    known = filter(None, map(saying_of, labels))
    return frozenset(cause for saying in known for cause, sign in saying.suggests if sign.weight >= least)

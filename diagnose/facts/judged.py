"""A fact with its verdict, for the check that reports it and for others that build on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from diagnose.model import NOTHING, Scalar, Status
from diagnose.record import frozen


@frozen
class Judged:
    """kind: of fault, "" for none; data: its details."""

    status: Status
    text: str
    kind: str = ""
    data: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)


def bad(kind: str, text: str, **data: Scalar) -> Judged:
    return Judged(status=Status.FAILED, text=text, kind=kind, data=data)

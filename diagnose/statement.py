"""Observations, made fit to print: `ok`, `warn`, `fail`, `unknown`, `stamped`, `counted` (offered to authors by `diagnose.check`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from diagnose.model import NOTHING, Observation, Scalar, Status
from diagnose.parse.text.masking import visible

_FOLDED = re.compile(r"\b([2-5]\d\d)-.*\n\1[ -]")

if TYPE_CHECKING:  # the readers of pasted text need none of the facts: 40 ms
    from diagnose.facts.judged import Judged


def _observe(status: Status, sign: str, subject: str, summary: str, data: Mapping[str, Scalar]) -> Observation:
    clean = {key: _clean(value) for key, value in data.items()}
    return Observation(
        sign=sign,
        status=status,
        subject=_line(subject),
        summary=_line(_unfolded(summary)),
        data=clean or NOTHING,
    )


def _unfolded(text: str) -> str:
    """A reply of several lines (RFC 5321, 4.2.1) with its codes once, in front."""
    code = _FOLDED.search(text)
    return (
        re.sub(rf"\n{code[1]}[ -](?:[245]\.\d+\.\d+ )?", " ", text.replace(f"{code[1]}-", f"{code[1]} ", 1))
        if code
        else text
    )


def _line(text: str) -> str:
    """One line, fit to print: what the network or a log said is never trusted."""
    text = " ".join(visible(text).split())
    return text if len(text) <= 600 else text[:597] + "..."


def _clean(value: Scalar) -> Scalar:
    """A name keeps its blanks: with one less it would be another's."""
    return _line(value) if isinstance(value, str) and not (value.isprintable() and len(value) < 600) else value


def ok(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.OK, sign, subject, summary, data)


def warn(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.WARNING, sign, subject, summary, data)


def fail(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.FAILED, sign, subject, summary, data)


def unknown(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    """What could not be looked at: the summary says why and what it would have told."""
    return _observe(Status.UNKNOWN, sign, subject, summary, data)


def counted(number: int, noun: str) -> str:
    """ "1 message", "2 messages"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def stated(judged: Judged, sign: str, subject: str, **data: Scalar) -> Observation:
    """What a fact amounts to, as a statement; its own data are put after `data`."""
    kind = {"kind": judged.kind} if judged.kind else {}
    return _observe(judged.status, sign, subject, judged.text, {**data, **kind, **judged.data})


def stamped(observation: Observation, at: datetime | None) -> Observation:
    """The same observation with the moment it speaks of."""
    return replace(observation, at=at)

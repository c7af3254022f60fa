"""Makes observations, with text that is safe to print: `ok`, `warn`, `fail`, `unknown`, `stamped`, `counted`
(offered to authors by `diagnose.check`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from diagnose.model import NOTHING, Observation, Scalar, Status
from diagnose.parse.text.masking import visible

_FOLDED = re.compile(r"\b([2-5]\d\d)-.*\n\1[ -]")

if TYPE_CHECKING:  # saves 40 ms for readers of pasted text, which need no facts
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
    """A multi-line reply (RFC 5321, 4.2.1) on one line, with its code only once."""
    code = _FOLDED.search(text)
    return (
        re.sub(rf"\n{code[1]}[ -](?:[245]\.\d+\.\d+ )?", " ", text.replace(f"{code[1]}-", f"{code[1]} ", 1))
        if code
        else text
    )


def _line(text: str) -> str:
    """The text on one printable line, 600 characters at most: text from network or log is not trusted."""
    text = " ".join(visible(text).split())
    return text if len(text) <= 600 else text[:597] + "..."


def _clean(value: Scalar) -> Scalar:
    """The value, text that is long or not printable cleaned; other text keeps its blanks, which may be part of a name."""
    return _line(value) if isinstance(value, str) and not (value.isprintable() and len(value) < 600) else value


def ok(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.OK, sign, subject, summary, data)


def warn(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.WARNING, sign, subject, summary, data)


def fail(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    return _observe(Status.FAILED, sign, subject, summary, data)


def unknown(sign: str, subject: str, summary: str, **data: Scalar) -> Observation:
    """Something that could not be examined: the summary says why and what it would have shown."""
    return _observe(Status.UNKNOWN, sign, subject, summary, data)


def counted(number: int, noun: str) -> str:
    """ "1 message", "2 messages"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def stated(judged: Judged, sign: str, subject: str, **data: Scalar) -> Observation:
    """A judged fact as an observation; its own data override `data`."""
    kind = {"kind": judged.kind} if judged.kind else {}
    return _observe(judged.status, sign, subject, judged.text, {**data, **kind, **judged.data})


def stamped(observation: Observation, at: datetime | None) -> Observation:
    """The observation with the time that it is about."""
    return replace(observation, at=at)

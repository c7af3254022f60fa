"""Finds secrets that the text itself marks as such: named values, providers' keys, logins in SMTP dialogues and on
command lines.

`found` returns spans, never copies; names of files and tables and words of prose are not secrets.
"""

from __future__ import annotations

import bisect
import re

from diagnose.parse.text.blocks import laid_out
from diagnose.parse.text.calls import arguments
from diagnose.parse.text.exchanges import exchanges
from diagnose.parse.text.named import NAME, SYSLOG, values
from diagnose.parse.text.shapes import shapes
from diagnose.parse.text.telling import random
from diagnose.patterns import late

Span = tuple[int, int]
_HEADS = late(rf"(?m)^(?:{SYSLOG.pattern})")


def speaks_of_one(text: str) -> bool:
    """Whether a text contains a word for a password, so that the password itself may be anywhere in it."""
    return NAME.search(text) is not None


def found(text: str) -> list[Span]:
    """Spans of secrets in a text of any number of lines, in order, not overlapping. Stamps and program names of log
    lines are skipped, so that text logged over several lines is read as one."""
    heads = [(each.start(), each.end()) for each in _HEADS.finditer(text)] if "\n" in text.strip() else []
    if not heads:
        return _found(text)
    bodies: list[str] = []
    places: list[tuple[int, int]] = []  # where a piece begins without the heads, and where in the text
    done = length = 0
    for begin, end in [*heads, (len(text), len(text))]:
        places.append((length, done))
        bodies.append(text[done:begin])
        length += begin - done
        done = end
    spans: list[Span] = []
    starts = [place[0] for place in places]
    for begin, end in _found("".join(bodies)):
        while begin < end:
            index = bisect.bisect_right(starts, begin) - 1
            stop = min(end, starts[index + 1] if index + 1 < len(starts) else end)
            shift = places[index][1] - places[index][0]
            spans.append((begin + shift, stop + shift))
            begin = stop
    return merged(spans)


def _found(text: str) -> list[Span]:
    lowered = text.lower()
    long = " ".join([word for word in text.split() if len(word) > 11])
    patterns, named = shapes(text, lowered, long)
    spans = [
        each.span(index)
        for pattern, sure in patterns
        for each in pattern.finditer(text)
        for index in _groups(each)
        if sure or random(each[index])
    ]
    if named:
        spans += values(text, lowered)
        spans += laid_out(text, NAME)
    if "(" in text or "[" in text:
        spans += arguments(text)
    spans += exchanges(text, lowered, bool(long) and not long.islower())
    return merged(spans)


def merged(spans: list[Span]) -> list[Span]:
    """The nonempty spans in order, joined where they overlap or touch."""
    out: list[Span] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif end > begin:
            out.append((begin, end))
    return out


def _groups(match: re.Match[str]) -> list[int]:
    taken = [index for index in range(1, (match.re.groups or 0) + 1) if match.start(index) >= 0]
    return taken or [0]

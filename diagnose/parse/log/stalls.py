"""Sizes of messages that stalled during transmission, and of those that were sent. Pure.

Sizes are those of qmgr's line (`QID: from=<…>, size=N`); Postfix reuses queue ids, so the latest size counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.parse.log.fields import fields
from diagnose.parse.log.logline import parse
from diagnose.record import dataclass

MARK = "timed out while sending message body"


@dataclass(frozen=True)
class Stalls:
    """count: messages that stalled; smallest: of those; largest_sent: of those sent. Sizes in bytes, 0 if unknown."""

    count: int
    smallest: int = 0
    largest_sent: int = 0


def stalls(lines: Sequence[str]) -> Stalls:
    """Stalled and sent messages in a log's lines. Without a stall, one search and no parsing."""
    if not any(MARK in line for line in lines):
        return Stalls(0)
    sizes: dict[str, int] = {}
    stalled: dict[str, int] = {}
    largest = 0
    for raw in lines:
        if MARK not in raw and "size=" not in raw and "status=sent" not in raw:
            continue
        line = parse(raw)
        if line is None or line.queue_id is None:
            continue
        name, found = line.queue_id, fields(line.text)
        if line.service == "qmgr" and found.get("size", "").isdecimal():
            sizes[name] = int(found["size"])
        elif line.service == "smtp" and MARK in line.text:
            stalled[name] = sizes.get(name, 0)
        elif line.service == "smtp" and found.get("status") == "sent":
            largest = max(largest, sizes.get(name, 0))
            stalled.pop(name, None)
    known = [size for size in stalled.values() if size]
    return Stalls(len(stalled), min(known, default=0), largest)

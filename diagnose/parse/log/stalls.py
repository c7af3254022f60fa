"""Messages that stalled while they were being sent, and how large those were that went through. Pure.

Sizes are those of qmgr's line (`QID: from=<…>, size=N`); queue ids are used again by Postfix, so the latest size counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SIZE = re.compile(r"/qmgr\[\d+\]: ([0-9A-Za-z]+): from=<[^>]*>, size=(\d{1,12}),")
_STALL = re.compile(r"/smtp\[\d+\]: ([0-9A-Za-z]+): .*timed out while sending message body")
_SENT = re.compile(r"/smtp\[\d+\]: ([0-9A-Za-z]+): .*\bstatus=sent\b")
MARK = "timed out while sending message body"


@dataclass(frozen=True, slots=True)
class Stalls:
    """count: messages that stalled; smallest of them and the largest that was sent, in bytes (0 where unknown)."""

    count: int
    smallest: int = 0
    largest_sent: int = 0


def stalls(lines: Sequence[str]) -> Stalls:
    """What a log's lines say; a count of 0 costs one search through them."""
    if not any(MARK in line for line in lines):
        return Stalls(0)
    sizes: dict[str, int] = {}
    stalled: dict[str, int] = {}
    largest = 0
    for line in lines:
        if match := _SIZE.search(line):
            sizes[match[1]] = int(match[2])
        elif match := _STALL.search(line):
            stalled[match[1]] = sizes.get(match[1], 0)
        elif match := _SENT.search(line):
            largest = max(largest, sizes.get(match[1], 0))
            stalled.pop(match[1], None)
    known = [size for size in stalled.values() if size]
    return Stalls(len(stalled), min(known, default=0), largest)

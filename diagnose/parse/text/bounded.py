"""Reads JSON and TOML from untrusted files: any fault in them gives a ValueError of one line."""

from __future__ import annotations

import math
import re
from typing import Any, NoReturn

_PARTS = 3_000_000  # values; 64 bytes and more each
_LARGEST = 2**63
_DIGITS = re.compile(r"[0-9_]{400}")
_KEY = re.compile(r"^[^=\n\"'#]*(?:\.[^=\n\"'#.]*){64}", re.M)


def json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError, also for too deep nesting, too many values, or a number out of range."""
    import json as reader

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if sum(map(text.count, ",[{")) > _PARTS:
            raise ValueError("too many values")
        return reader.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except MemoryError:
        raise ValueError("too large for this host's memory") from None


def toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises ValueError likewise, with "at line N" if the reader gives the line."""
    from diagnose import toml as reader

    # Both take the reader quadratic time.
    if _DIGITS.search(text):
        raise ValueError("a number without end")
    if _KEY.search(text):
        raise ValueError("a key of too many parts")
    try:
        data: dict[str, Any] = reader.loads(text, parse_float=_finite)
        return data
    except RecursionError:
        raise ValueError("nested too deep") from None
    except MemoryError:
        raise ValueError("too large for this host's memory") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number) or abs(number) >= _LARGEST:
        raise ValueError(f"the number {word[:20]} is out of range")
    return number


def _whole(word: str) -> int:
    if len(word) > 20 or abs(number := int(word)) >= _LARGEST:
        raise ValueError(f"the number {word[:20]} is out of range")
    return number

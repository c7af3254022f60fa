"""Texts that any match of a pattern must contain, so that a plain search spares most patterns their compilation."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["required_literals"]

_TOKEN = re.compile(
    r"((?:[^\\\[(|)?*+{.^$]|\\[^\w])+(?![?*{]))|([?*+]\??|\{\d*,?\d*\}\??)|(\((?:\?(?:P<\w+>|:|<?[=!]|[a-z]+\)))?)|(\))|(\|)|"
    r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\?.",
    re.DOTALL,
)
_MOST = 24  # searches beyond which compiling is cheaper
_Literals = tuple[str, ...]


def required_literals(pattern: str) -> _Literals:
    """Texts in lower case of which every match contains one, those in groups included; empty when none is certain.

    Of each alternative the literals that tell most; what may be left out, is a class or looks around tells nothing.
    """
    found, least = _of_group(iter(_TOKEN.findall(pattern)))
    return tuple(sorted(set(found))) if least > 1 and all(map(str.isascii, found)) else ()


def _of_group(tokens: Iterator[tuple[str, ...]]) -> tuple[_Literals, int]:
    """Reads a group to its end: its literals, and the length of the shortest."""
    alternatives: list[tuple[_Literals, int]] = []
    best: _Literals = ()
    longest = 0
    group: tuple[_Literals, int] = ((), 0)  # the one just read, which a repetition may still make optional
    for plain, repeat, opened, closed, bar in tokens:
        if group[1] > longest and not (repeat and repeat[0] not in "+" and not repeat.startswith(("{1", "{2"))):
            best, longest = group
        group = ((), 0)
        if plain:
            text = plain.replace("\\", "").lower()
            if len(text) > longest:
                best, longest = (text,), len(text)
        elif opened and not opened.endswith(")"):
            inner = _of_group(tokens)
            if opened[1:3] in ("", "?:", "?P"):
                group = inner
        elif bar:
            alternatives.append((best, longest))
            best, longest = (), 0
        elif closed:
            break
    if group[1] > longest:
        best, longest = group
    alternatives.append((best, longest))
    together = tuple(text for texts, _ in alternatives for text in texts)
    least = min(length for _, length in alternatives)
    return (together, least) if len(together) <= _MOST else ((), 0)

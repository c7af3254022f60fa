"""Secrets of every kind, spelling and shape: what is planted, and how to know it again however it was rewritten.

Values are random, so that none can be a special case; PLANTED_SEED=N makes others than CI has.
"""

from __future__ import annotations

import base64
import html
import json
import os
import random
import string
from collections.abc import Callable
from urllib.parse import quote

PLAIN = "word"  # a value that any syntax can hold

RANDOM = random.Random(int(os.environ.get("PLANTED_SEED", "1")))
_ALPHABET = string.ascii_letters + string.digits


def _token(length: int) -> str:
    while True:
        text = "".join(RANDOM.choice(_ALPHABET) for _ in range(length))
        if any(c.isdigit() for c in text) and not text.isalpha() and not text.isdigit() and text[0].isalpha():
            return text


SHAPES: dict[str, Callable[[], str]] = {
    "word": lambda: _token(14),
    "long": lambda: _token(56),
    "short": lambda: _token(7),
    "dashes": lambda: f"{_token(5)}-{_token(4)}_{_token(5)}",
    "signs": lambda: f"{_token(4)}!{_token(3)}#{_token(3)}%{_token(3)}",
    "colons": lambda: f"{_token(4)}:{_token(3)}/{_token(4)}",
    "dots": lambda: f"{_token(6)}.{_token(8)}",
    "hex": lambda: RANDOM.randbytes(16).hex(),
    "base64": lambda: base64.b64encode(RANDOM.randbytes(21)).decode(),
    "lower": lambda: "".join(RANDOM.choice(string.ascii_lowercase) for _ in range(13)),
    "umlaut": lambda: f"{_token(5)}ü{_token(4)}ß",
    "at": lambda: f"{_token(5)}@{_token(5)}",
    "blank": lambda: f"{_token(4)} {_token(4)} {_token(5)}",
    "app-password": lambda: " ".join("".join(RANDOM.choice("bcdfghjkmpqrtvwxz") for _ in range(4)) for _ in range(4)),
}
WORDS = ("word", "long", "short", "dashes", "signs", "dots", "hex", "umlaut", "base64")
LINES = (*WORDS, "blank", "colons", "at", "lower", "app-password")  # what stands in quotes, or to the end of its line


def forms(value: str) -> set[str]:
    """The value, each longer part between its blanks, and what common encodings make of it."""
    octets = value.encode()
    found = {value, quote(value, safe=""), json.dumps(value)[1:-1], html.escape(value), octets.hex(), value[::-1]}
    found |= {part for part in value.split() if len(part) >= 4 and " " in value}
    for lead in range(3):
        coded = base64.b64encode(b"\0" * lead + octets).decode().rstrip("=")
        found.add(coded[(lead * 8 + 5) // 6 : len(coded) - (1 if (lead + len(octets)) % 3 else 0)])
    return {form for form in found if len(form) >= 4}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def leaked(text: str, value: str) -> str:
    """The form of the value that stands in the text, "" where none does."""
    return next((form for form in forms(value) if form in text), "")

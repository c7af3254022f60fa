"""Commands to paste, built of a template and values that strangers may have chosen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from diagnose.parse.text.masking import STARS, mask
from diagnose.patterns import late

_HOLE = late(r"\{\{|\}\}|\{(\w+)\}")
_HARMLESS = late(r"[A-Za-z0-9_][A-Za-z0-9._:/-]*")  # in sed's, grep's and a shell's own language too
_NAME = late(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# What stands for a name or number: postconf takes "name=value" for an order to write.
_NAMES = frozenset("parameter service type line port wrapper wanted_level package device process unit".split())
_TAKES_TEXT = ("postmap", "postconf", "echo")  # in quotes it is a value to them, and no language


def command(template: str, values: Mapping[str, str]) -> str | None:
    """The template with each {name} filled, quoted whole; None where a value cannot be put so that it stays one value:
    it holds a line end or invisible characters, would be read as an option, or stands inside a language of its own.
    What has no value stands as <NAME>."""
    parts: list[str] = []
    state, end = "", 0
    for hole in _HOLE.finditer(template):
        before = template[end : hole.start()]
        parts.append(before)
        end = hole.end()
        state = _state(before, state)
        name = hole[1]
        if name is None:
            parts.append(hole[0][0])
            continue
        if name not in values:
            parts.append(f"<{name.upper().replace('_', '-')}>")
            continue
        so_far = "".join(parts)
        put = _put(name, values[name], state, so_far)
        if put is None:
            return None
        parts.append(put)
    return "".join(parts) + template[end:]


def _put(name: str, value: str, state: str, before: str) -> str | None:
    if (
        not value.isprintable()
        or STARS in value
        or mask(value) != value
        or (name in _NAMES and not _NAME.fullmatch(value))
    ):
        return None
    if state == "#":
        return value
    program = re.split(r"[|;&]\s*", before)[-1].split()[:1]
    if state == "'":
        if program and program[0] in _TAKES_TEXT:
            # "$" in a value of main.cf is a parameter's; postmap's key in quotes must be no option either.
            if (program[0] == "postconf" and "$" in value) or (before.endswith("'") and value.startswith("-")):
                return None
            return value.replace("'", "'\"'\"'")
        return value if _HARMLESS.fullmatch(value) else None
    if state == '"':
        return value if _HARMLESS.fullmatch(value) else None
    option = value.startswith("-") or (program == ["dig"] and value.startswith(("+", "@")))
    if option and before[-1:].isspace():
        return f"./{shlex.quote(value)}" if name == "path" else None
    return shlex.quote(value)


def _state(text: str, state: str) -> str:
    """The quote or comment that a shell is in behind the text."""
    last = " "
    for char in text:
        if state == "#":
            break
        if state:
            state = "" if char == state else state
        elif char in "'\"":
            state = char
        elif char == "#" and last.isspace():
            state = "#"
        last = char
    return state

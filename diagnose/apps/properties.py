r"""Java .properties files as java.util.Properties reads them, with line numbers.

The grammar is that of javaproperties, which keeps each entry's source text, continuations included. Added here:
tolerance of a malformed \u escape, at which Java loads nothing at all, and remarks on lines swallowed by
continuations. A value whose key names a secret is not kept.
"""

import io
import re
from collections.abc import Callable

from diagnose.parse.text.finding import Finding
from diagnose.parse.text.paste import artifacts, homoglyphs
from diagnose.parse.text.secret import STARS, Shape, shape
from diagnose.patterns import late
from diagnose.record import frozen

SECRET_KEY = late(r"passw|passwd|pwd|secret|token|api[-_.]?key|credential", re.I)
_SECRET_INSIDE = late(r"((?:passw|passwd|pwd|secret|token|api[-_.]?key)[\w.-]*\s*[=:]).*$", re.I | re.S)
_BAD_ESCAPE = late(r"(?<!\\)((?:\\\\)*)\\u(?![0-9a-fA-F]{4})")
_ENTRY = late(r"[\w.\-]+\s*[=:]")


@frozen
class Property:
    """One entry. line: its first; value: '' if the key names a secret, whose shape is then in `secret`.

    lines: number of its physical lines; more than one means continuation.
    """

    line: int
    key: str
    value: str
    secret: Shape | None
    lines: int


@frozen
class Properties:
    """The entries in order, and the findings by line. loads: False if Java would throw and load nothing."""

    entries: tuple[Property, ...]
    findings: tuple[Finding, ...]
    loads: bool

    def get(self, key: str) -> Property | None:
        """The entry that applies: the last one with the key; None if there is none."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)


def parse(text: str) -> Properties:
    r"""Parses the decoded text of a .properties file (Java decodes a stream as ISO-8859-1).

    Kinds of finding: malformed-escape, swallowed-line (a setting joined to the previous one by a backslash),
    swallowed-comment, trailing-backslash (nothing swallowed: harmless), duplicate, trailing-blank, quoted-value,
    inline-comment, unrendered (a template's <% %> is left), name-not-ascii, and those of paste.artifacts.
    """
    import javaproperties  # few hosts need it, and it imports urllib

    findings: list[Finding] = []

    def find(line: int, kind: str, remark: str) -> None:
        findings.append(Finding(line=line, kind=kind, text=remark))

    text = text.replace("\r\n", "\n").replace("\r", "\n")
    loads = True
    for bad in _BAD_ESCAPE.finditer(text):
        loads = False
        find(text.count("\n", 0, bad.end()) + 1, "malformed-escape", "\\u needs four hexadecimal digits")
    text = _BAD_ESCAPE.sub(r"\1u", text)
    entries: list[Property] = []
    number = 1
    for element in javaproperties.parse(io.StringIO(text)):
        source = element.source
        if isinstance(element, javaproperties.KeyValue):
            entry = _property(number, element.key, element.value, source)
            physical = source.rstrip("\n").split("\n")
            _remark(find, entry, element.value, physical)
            if any(other.key == entry.key for other in entries):
                find(number, "duplicate", entry.key)
            entries.append(entry)
        number += source.count("\n")
    findings.sort(key=lambda finding: (finding.line, finding.kind, finding.text))
    return Properties(entries=tuple(entries), findings=tuple(findings), loads=loads)


def _property(line: int, key: str, value: str, source: str) -> Property:
    lines = source.rstrip("\n").count("\n") + 1
    if SECRET_KEY.search(key):
        return Property(
            line=line, key=_SECRET_INSIDE.sub(r"\1" + STARS, key), value="", secret=shape(value), lines=lines
        )
    return Property(line=line, key=key, value=_SECRET_INSIDE.sub(r"\1" + STARS, value), secret=None, lines=lines)


def _remark(find: Callable[[int, str, str], None], entry: Property, value: str, physical: list[str]) -> None:
    line, key = entry.line, entry.key
    for offset, part in enumerate(physical):
        body = part.strip()
        if offset and body.startswith(("#", "!")):
            find(line + offset, "swallowed-comment", key)
        elif offset and (match := _ENTRY.match(body)):
            find(line + offset, "swallowed-line", match[0].rstrip(" =:"))
        for kind in artifacts(part):
            if kind not in ("trailing-backslash", "prompt"):
                find(line + offset, kind, key)
    last = physical[-1]
    swallows = len(physical) > 1 and not physical[-1].strip()
    if (len(last) - len(last.rstrip("\\"))) % 2 or swallows:
        find(line, "trailing-backslash", key)
    if value and value != value.rstrip(" \t\f"):
        find(line, "trailing-blank", key)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        find(line, "quoted-value", key)
    if entry.secret is None and re.search(r"\s#\s", value):
        find(line, "inline-comment", key)
    if "<%" in value or "<%" in key:
        find(line, "unrendered", key)
    if not key.isascii():
        find(line, "name-not-ascii", ", ".join(homoglyphs(key)))

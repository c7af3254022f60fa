"""Parses the settings and warnings that postconf(1) prints, and expands $name as Postfix does."""

import re
from collections.abc import Mapping
from typing import TypeVar

from diagnose.record import frozen

_Ordered = TypeVar("_Ordered", str, tuple[int, ...])
_NAME = re.compile(r"[A-Za-z0-9_]+")
_OPERATOR = re.compile(r"(==|!=|<=|>=|<|>)(level)?\s*")
_WARNING = re.compile(r"^(?:\S*?/)?postconf: (?P<level>warning|fatal|error): (?P<text>.*)$")
_PLACE = re.compile(r"^(?:file )?(?P<file>/\S+?)[,:] line (?P<line>\d+): (?P<rest>.*)$")
_NAME_VALUE = re.compile(r"^(?P<name>[^=\s]+)\s*=\s*(?P<value>.*)$", re.S)
_KINDS = (
    ("unused-parameter", re.compile(r"unused parameter: (?P<pair>.*)$")),
    ("overridden-entry", re.compile(r"overriding earlier entry: (?P<pair>.*)$")),
    ("undefined-parameter", re.compile(r"undefined parameter: (?P<pair>\S*)")),
    ("deprecated-parameter", re.compile(r'support for (?:parameter|configuration|feature) "(?P<pair>[^"]+)" will be')),
    ("missing-equals", re.compile(r"missing '=' after attribute name: \"(?P<pair>.*)\"")),
    ("missing-name", re.compile(r"missing attribute name")),
    ("bad-field-count", re.compile(r"bad field count")),
    ("cannot-open", re.compile(r"open (?P<pair>\S+): ")),
    ("leading-whitespace", re.compile(r"logical line must not start with whitespace")),
    ("bad-value", re.compile(r"(?:bad|invalid) .*(?:value|configuration|entry|type)|is not allowed")),
)


@frozen
class Complaint:
    """One line of postconf's stderr. `line` is 0 and `file` empty if it names no place.

    Kinds: unused-parameter, overridden-entry, undefined-parameter, deprecated-parameter, missing-equals, missing-name,
    bad-field-count, cannot-open, leading-whitespace, bad-value, other. `parameter` and `value` are empty if not named.
    """

    kind: str
    fatal: bool
    file: str
    line: int
    parameter: str
    value: str
    text: str


def parse_settings(text: str) -> dict[str, str]:
    """Settings in the output of `postconf`, `-n` or `-d`, folded (`-f`) or not, in the order printed, without warnings."""
    settings: dict[str, str] = {}
    name = ""
    for raw in text.splitlines():
        if raw[:1] in (" ", "\t"):
            if name and raw.strip():
                settings[name] = f"{settings[name]} {raw.strip()}".strip()
            continue
        if _WARNING.match(raw):
            continue
        match = _NAME_VALUE.match(raw)
        if match:
            name = match["name"]
            settings[name] = match["value"].strip()
    return settings


def complaints(text: str) -> tuple[Complaint, ...]:
    """The warnings and fatal errors in postconf's stderr (or in both streams mixed), each once, in order."""
    found: dict[Complaint, None] = {}
    for raw in text.splitlines():
        match = _WARNING.match(raw.strip())
        if not match:
            continue
        body = match["text"]
        place = _PLACE.match(body)
        file, line, rest = (place["file"], int(place["line"]), place["rest"]) if place else ("", 0, body)
        if not place and (inner := re.match(r"(/\S+?): ", body)):
            file = inner[1]
        kind, parameter, value = "other", "", ""
        for name, pattern in _KINDS:
            hit = pattern.search(rest)
            if hit:
                kind = name
                pair = hit.groupdict().get("pair") or ""
                parameter, _, value = (part.strip() for part in pair.partition("="))
                break
        fatal = match["level"] != "warning"
        found[Complaint(kind=kind, fatal=fatal, file=file, line=line, parameter=parameter, value=value, text=body)] = (
            None
        )
    return tuple(found)


class _Malformed(Exception):
    """A macro that Postfix refuses; expand() then leaves the text as it is."""


def expand(text: str, settings: Mapping[str, str]) -> str:
    """Expand $name, ${name}, $(name), ${name?x}, ${name:y}, ${name?{x}:{y}} and ${{a} == {b} ? {x} : {y}}.

    `settings` should hold the defaults too (`postconf`, or `-d` overlaid with `-n`). An unknown name becomes empty,
    as in Postfix; text that Postfix would refuse, and circular references, are returned unexpanded.
    """
    try:
        return _Expansion(settings).text(text, 0)
    except _Malformed:
        return text


def refers_badly(text: str) -> bool:
    """Whether the text has a reference to a parameter that Postfix cannot read, such as ${name without its end."""
    try:
        _Expansion({}).text(text, 0)
    except _Malformed:
        return True
    return False


class _Expansion:
    """One call of expand(), with a limit on macros, because nested references can grow without bound."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._budget = 5_000

    def text(self, text: str, depth: int) -> str:
        if depth > 60:
            raise _Malformed
        out: list[str] = []
        at = 0
        while at < len(text):
            dollar = text.find("$", at)
            if dollar < 0:
                out.append(text[at:])
                break
            out.append(text[at:dollar])
            after = text[dollar + 1 : dollar + 2]
            if after == "$":
                out.append("$")
                at = dollar + 2
                continue
            self._budget -= 1
            if self._budget < 0:
                raise _Malformed
            if after and after in "{(":
                end = _closing(text, dollar + 1)
                out.append(self._macro(text[dollar + 2 : end], depth + 1))
                at = end + 1
            else:
                match = _NAME.match(text, dollar + 1)
                if not match:
                    raise _Malformed
                out.append(self._named(match[0], depth + 1))
                at = match.end()
        result = "".join(out)
        if len(result) > 100_000:
            raise _Malformed
        return result

    def _named(self, name: str, depth: int) -> str:
        return self.text(self._settings.get(name, ""), depth)

    def _macro(self, body: str, depth: int) -> str:
        stripped = body.lstrip()
        if stripped.startswith("{"):
            truth, rest = self._comparison(stripped, depth)
            if not rest:
                return "true" if truth else ""
        else:
            match = _NAME.match(body)
            if not match:
                raise _Malformed
            rest = body[match.end() :]
            if not rest:
                return self._named(match[0], depth)
            truth = bool(self._settings.get(match[0], ""))
        operator, rest = rest[0], rest[1:]
        if operator == "?":
            chosen, rest = _branch(rest)
            if not rest:
                return self.text(chosen, depth) if truth else ""
            if not rest.startswith(":"):
                raise _Malformed
            otherwise, rest = _branch(rest[1:])
        elif operator == ":":
            chosen = ""
            otherwise, rest = _branch(rest)
        else:
            raise _Malformed
        if rest:
            raise _Malformed
        return self.text(chosen if truth else otherwise, depth)

    def _comparison(self, text: str, depth: int) -> tuple[bool, str]:
        left, rest = _braced(text)
        match = _OPERATOR.match(rest)
        if not match or not rest[match.end() :].startswith("{"):
            raise _Malformed
        right, rest = _braced(rest[match.end() :])
        a, b = self.text(left, depth), self.text(right, depth)
        order = _order(_level(a), _level(b)) if match[2] else _order(a, b)
        truth = {"==": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}
        return truth[match[1]], rest


def _closing(text: str, start: int) -> int:
    opening, level = text[start], 0
    closing = "}" if opening == "{" else ")"
    for at in range(start, len(text)):
        level += (text[at] == opening) - (text[at] == closing)
        if level == 0:
            return at
    raise _Malformed


def _braced(text: str) -> tuple[str, str]:
    """Split '{ payload } rest' into payload and rest, both stripped."""
    end = _closing(text, 0)
    return text[1:end].strip(), text[end + 1 :].lstrip()


def _branch(text: str) -> tuple[str, str]:
    return _braced(text.lstrip()) if text.lstrip().startswith("{") else (text, "")


def _level(text: str) -> tuple[int, ...]:
    parts = text.strip().split(".")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise _Malformed
    return tuple(int(part) for part in parts) + (0,) * (3 - len(parts))


def _order(a: _Ordered, b: _Ordered) -> int:
    return 0 if a == b else -1 if a < b else 1

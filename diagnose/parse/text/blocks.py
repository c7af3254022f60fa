"""Secrets whose name is on another line: YAML blocks, columns under a heading, Kubernetes Secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.parse.text.telling import telling
from diagnose.patterns import late

Span = tuple[int, int]

_BLOCK = late(
    r"""["']?[ \t]*[:=][ \t]*(?:![\w-]{1,20}[ \t]+)?(?:[|>][+-]?\d?)?[ \t]*\n(?P<indent>[ \t]+)(?=[^\s#-])(?![^\n]{0,60}?\w["']?[ \t]*[:=](?:[ \t]|$|\n))"""
)
_CONTINUED = late(r"""(?:\\|.["']?[ \t]{0,9}\\)\n[ \t][^\n]*""")
_SEPARATORS = ",;|\t"
_RULE = late(r"[\s|+=-]*")  # between a table's head and its rows
_ROWS = 200
_INSERT = late(r"(?i)\(\s*(?P<names>[\w`\"\[\]., ]{3,400})\)\s*VALUES\s*\(")
_VALUES = late(r"\s*('(?:[^'\n]|'')*'|[^,()\n]*)\s*(?:,|\))")
_SECRET = late(r"""(?m)^\s*["']?kind["']?:\s*["']?Secret\b""")
_DATA = late(r"""(?m)^(?P<indent>[ \t]*)["']?(?:string)?[dD]ata["']?:[ \t]*\{?[ \t]*\n""")
_ENTRY = late(r"""["']?[\w.-]{1,100}["']?:[ \t]*["']?(?P<value>[^\s"'][^\n"']*)""")


def block(text: str, begin: int, end: int) -> Span | None:
    """Span of the indented lines below a name that ends at `end`, if they are its value (YAML, ini); else None."""
    found = _BLOCK.match(text, end)
    line = text.rfind("\n", 0, begin) + 1
    if found is None or len(found["indent"]) <= len(text[line:begin]) - len(text[line:begin].lstrip(" \t-")):
        return None
    stop = found.end()
    while (after := text.find("\n", stop)) >= 0 and text.startswith(found["indent"], after + 1):
        stop = after + 1
    return found.end(), len(text[: after if after >= 0 else len(text)].rstrip())


def continued(text: str, end: int) -> int:
    """The end of a value including lines continued by a backslash, quoted or not."""
    while (found := _CONTINUED.match(text, end - 1)) is not None:
        end = found.end()
    return end


def laid_out(text: str, secret: re.Pattern[str]) -> Iterator[Span]:
    """Spans of the cells in columns headed by a secret's name, and of the values of Kubernetes Secrets."""
    at = 0
    lines: list[Span] = []
    for line in text.split("\n"):
        lines.append((at, at + len(line)))
        at += len(line) + 1
    for index, (begin, end) in enumerate(lines):
        columns = any(text.count(sign, begin, end) > 1 for sign in (*_SEPARATORS, "  "))
        if columns and end - begin < 2000 and secret.search(text, begin, end) is not None:
            yield from _column(text, lines[index : index + _ROWS], secret)
    yield from _inserted(text, secret)
    if _SECRET.search(text) is not None:
        for data in _DATA.finditer(text):
            yield from _members(text, data.end(), len(data["indent"]))


def _column(text: str, lines: list[Span], secret: re.Pattern[str]) -> Iterator[Span]:
    head = text[slice(*lines[0])]
    sign = max(_SEPARATORS, key=head.count)
    aligned = sign not in head  # by blanks
    names = re.split(" {2,}", head.strip()) if aligned else head.split(sign)
    wanted = [index for index, name in enumerate(names) if _names(name, secret)]
    if len(names) < 3 or not wanted:
        return
    cell = (
        late(r"(\S+)")
        if aligned
        else re.compile(rf"((?:\"[^\"\n]*\"|[^{re.escape(sign)}\"\n])*)(?:{re.escape(sign)}|$)")
    )
    for begin, end in lines[1:]:
        if _RULE.fullmatch(text, begin, end) and begin < end:
            continue
        cells = [each.span(1) for each in cell.finditer(text, begin, end)]
        if len(cells) < len(names):
            return
        found = _bare(text, [cells[index] for index in wanted])
        yield from (each for each in found if not aligned or (len(cells) == len(names) and telling(text[slice(*each)])))


def _names(heading: str, secret: re.Pattern[str]) -> bool:
    """Whether a column's heading ends in a secret's name (password_policy does not)."""
    title = heading.strip(" \"'`[]")
    return re.fullmatch(r"[\w .-]{1,40}", title) is not None and any(
        found.end() == len(title) for found in secret.finditer(title)
    )


def _bare(text: str, cells: list[Span]) -> Iterator[Span]:
    """Spans of nonempty cells without surrounding blanks and quotation marks."""
    for begin, end in cells:
        value = text[begin:end].strip(" \"'")
        if value:
            first = begin + text[begin:end].index(value)
            yield first, first + len(value)


def _inserted(text: str, secret: re.Pattern[str]) -> Iterator[Span]:
    """Spans of the secrets in `INSERT INTO t (user, password) VALUES ('x', '…')`."""
    for found in _INSERT.finditer(text):
        wanted = [index for index, name in enumerate(found["names"].split(",")) if _names(name, secret)]
        values = [each.span(1) for each in _VALUES.finditer(text, found.end(), min(len(text), found.end() + 2000))]
        yield from _bare(text, [values[index] for index in wanted if index < len(values)])


def _members(text: str, at: int, indent: int) -> Iterator[Span]:
    """Spans of the values in the lines from `at` on that are indented deeper than `indent`."""
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if len(line) - len(line.lstrip()) <= indent:
            return
        if (found := _ENTRY.match(line.lstrip())) is not None:
            shift = at + len(line) - len(line.lstrip())
            yield shift + found.start("value"), shift + found.end("value")
        at = end + 1

"""Changes settings in an application's own file (YAML, JSON, PHP, Python, Ruby, ini), line by line. Pure.

changes(path, text, wanted)   the changes that set the wanted values, None if unknown
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose.apps import formats, grammars
from diagnose.apps.entry import Entry, Malformed, named
from diagnose.apps.reading import Reader
from diagnose.parse.text.masking import STARS
from diagnose.record import frozen

_GRAMMARS = ("yaml", "code", "ini")
_PAIR = re.compile(
    r"""(?P<before>(?:[\w$]+\[)?['"]?)(?P<key>[A-Za-z_][\w.]*)['"]?\]?\s*(?:=>|[:=])\s*(?P<literal>(?P<quote>['"]?)(?P<value>[\w.:+-]*)(?P=quote))"""
)
_DEFINED = re.compile(r"define\(\s*['\"](\w+)['\"]\s*,\s*(['\"]?[\w.+-]*['\"]?)\s*\);?")  # PHP's constants
_OFF = ("", "false", "no", "none", "0")  # values that equal a missing setting


@frozen
class Change:
    """A line (from 1) in which `find`, which occurs once, becomes `put`; line 0: `put` is a new line at the end.
    below: `put` is a new line below it, and `find` the line's own text; these come last."""

    line: int
    find: str
    put: str
    below: bool = False


def changes(path: str, text: str, wanted: str) -> tuple[Change, ...] | None:
    """The changes that set the wanted values; None if unknown. text: secrets masked; wanted: as from
    `formats.lines`, separated by "; " or ", "."""
    grammar = grammars.grammar_of(path, text)
    wanted = _DEFINED.sub(r"\1 = \2;", wanted)
    parts = [part.strip() for part in re.split(r"[;,](?:\s+|$)", wanted) if part.strip()]
    pairs = [_PAIR.fullmatch(part) for part in parts]
    if grammar not in _GRAMMARS or not pairs or not all(pairs):
        return None
    try:
        reader = formats.reader(path, text, grammar)
        made = (
            list(_made(path, text, reader, [(p, part) for p, part in zip(pairs, parts, strict=True) if p]))
            if reader
            else []
        )
        after = formats.reader(path, applied(text, made), grammar) if made else None
    except (Malformed, _Unclear):
        return None
    # Verifies that the changed file, read as its application does, has the wanted values.
    if after is None or not all(_says(after, pair) for pair in pairs if pair):
        return None
    return tuple(made)


def _says(reader: Reader, pair: re.Match[str]) -> bool:
    entry = _entry(reader, pair["key"])
    wanted = pair["value"].lower()
    return wanted in _OFF if entry is None else (entry.value or "").lower() == wanted


def applied(text: str, made: list[Change]) -> str:
    lines = text.split("\n")
    for change in made:
        if change.below:
            lines.insert(change.line, change.put)
        elif change.line:
            lines[change.line - 1] = lines[change.line - 1].replace(change.find, change.put, 1)
        else:
            lines = [*(lines[:-1] if not lines[-1] else lines), change.put, ""]
    return "\n".join(lines)


class _Unclear(Exception):
    """A setting's place in the file is not clear."""


def _made(path: str, text: str, reader: Reader, pairs: list[tuple[re.Match[str], str]]) -> Iterator[Change]:
    lines = text.split("\n")
    missing: list[str] = []
    made: list[Change] = []
    for pair, part in pairs:
        entry = _entry(reader, pair["key"])
        if entry is None:
            missing += [part] if pair["value"].lower() not in _OFF else []
        elif (entry.value or "").lower() != pair["value"].lower():
            made.append(_changed(text, lines, entry, pair))
    for part in missing:
        if path.endswith(".py"):
            key, _, value = part.partition("=")
            made.append(Change(line=0, find="", put=f"{key.strip()} = {value.strip()}"))
        elif reader.id == "spring" and "\n---" not in text:
            made.append(Change(line=0, find="", put=part))
        elif (
            made and made[0].line and re.search(r"[{(\[]", text) and (path.endswith(".php") or text.lstrip()[:1] == "{")
        ):
            made[0] = replace(made[0], put=f"{made[0].put}, {part}")  # beside the port
        elif re.search(r"\.(?:ya?ml|ini|cnf|conf)$", path) and text.lstrip()[:1] != "{":
            made.append(_below(text, lines, reader, [pair for pair, _ in pairs], part, made))
        else:
            raise _Unclear
    yield from made


def _below(
    text: str, lines: list[str], reader: Reader, pairs: list[re.Match[str]], part: str, made: list[Change]
) -> Change:
    """A new line below a related setting, with its indentation: in the same section or under the same parent."""
    beside = [entry for pair in pairs if (entry := _entry(reader, pair["key"])) is not None]
    if not beside:
        raise _Unclear
    number = text.count("\n", 0, beside[-1].start) + 1
    raw = lines[number - 1]
    for change in made:
        raw = raw.replace(change.find, change.put, 1) if change.line == number and not change.below else raw
    if STARS in raw or not re.match(r"[ \t]*[\w.-]+[ \t]*[:=]", raw) or not raw.isprintable():
        raise _Unclear
    return Change(line=number, find=raw, put=raw[: len(raw) - len(raw.lstrip())] + part, below=True)


def _changed(text: str, lines: list[str], entry: Entry, pair: re.Match[str]) -> Change:
    begin = text.rfind("\n", 0, entry.start) + 1
    number = text.count("\n", 0, entry.start) + 1
    raw, old = lines[number - 1], text[entry.start : entry.end]
    find = text[begin : entry.end].lstrip()
    if (
        "\n" in find
        or STARS in find
        or entry.encoded
        or entry.variable
        or entry.value is None
        or not old
        or raw.count(find) != 1
    ):
        raise _Unclear
    new = f"{entry.quote}{pair['value']}{entry.quote}" if entry.quote and old[:1] == entry.quote else pair["value"]
    return Change(line=number, find=find, put=f"{find[: -len(old)]}{new}")


def _entry(reader: Reader | None, key: str) -> Entry | None:
    """The last entry with the name, or with one in the application's table that ends in it; None if there is none.
    Raises _Unclear."""
    if reader is None:
        return None
    names = [name for field in ("port", "host", "at") for name in reader.table.get(field, ())]
    names += [row[0].lstrip("!").split("~")[0].rstrip("!") for row in reader.table.get("tls", ())]
    ends = re.compile(rf"(?:^|[.*]){re.escape(key)}$", re.I)
    hits = [
        each
        for each in reader.entries
        if any(named(name, each.key) for name in {n for n in names if ends.search(n)} | {key})
    ]
    if len({each.key.lower() for each in hits}) > 1:
        raise _Unclear
    return hits[-1] if hits else None

"""Decides which branches of a settings program apply: `if` and `else` blocks, and conditional expressions.

conditions(text)     the ranges of text under a condition
condition(source)    an expression as a condition
taken(entries)       the entries that apply, by the values that the file itself sets

A condition is `name`, `name=value`, or `?NUMBER` if it is not understood; a leading `!` negates it. For a name that
the file does not set, the name decides: debugging is off, production is on. Otherwise the branch that names a server
applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from diagnose.apps.entry import Entry
from diagnose.patterns import late

_MOST = 400  # conditions examined in a file
Place = tuple[int, int, str]
"""Begin, end, condition."""
ENVIRONMENT = (
    r"os\.environ(?:\.get)?|(?:os\.)?getenv|ENV(?:\.fetch)?|env(?:\.\w+)?|config|process\.env|\$_(?:ENV|SERVER)"
)
_ASKED = (
    rf"(?:{ENVIRONMENT}|defined)"
    r"""\s*(?:[\[(]\s*['"](?P<asked>\w+)['"][^\])]*[\])]|\.(?P<dotted>[A-Z_]\w*))"""
)
_CONDITION = late(
    rf"""\(*\s*(?P<not>not\s+|!\s*)?(?:{_ASKED}|[$@]?(?P<name>[A-Za-z_][\w.]*\??))\)*(?:\.(?:lower|strip|downcase|to_s)(?:\(\))?)*
    \s*(?:\.?(?P<blank>blank\?|empty\?|nil\?|present\?)|(?P<sign>[!=]==?|is\s+not|is)\s*(?P<quote>['"]?)(?P<with>[\w.-]+)(?P=quote))?\s*\)*\s*""",
    re.X,
)
_OFF = late(r"debug|dev(?:el|$|_|\.)|development|local|test|console", re.I)
_ON = late(r"prod(?:uction|$|_|\.)", re.I)
_FALSE = ("", "0", "false", "no", "off", "none", "nil", "null")
_SERVER = late(r"host|server|address|smarthost|url|dsn", re.I)


def condition(source: str, at: int = 0) -> str:
    """The condition for an expression; at: its place, which makes one that is not understood unique."""
    found = _CONDITION.fullmatch(source.strip())
    if found is None:
        return f"?{at}"
    name = found["asked"] or found["dotted"] or (found["name"] or "").rstrip("?")
    negated = bool(found["not"]) != (found["blank"] in ("blank?", "empty?", "nil?"))
    value = found["with"]
    negated = negated != bool(value and (found["sign"].startswith("!") or "not" in found["sign"]))
    if value and value.lower() in ("true", "false", *_FALSE[5:]):
        negated, value = negated != (value.lower() != "true"), ""
    return f"{'!' * negated}{name}{f'={value}' if value else ''}"


def opposite(given: str) -> str:
    return given[1:] if given.startswith("!") else f"!{given}"


def conditions(text: str) -> list[Place]:
    """(begin, end, condition) of every range under a condition, in Python, Ruby, PHP and JavaScript."""
    if re.search(r"^[ \t]*(?:if|try)\b[^\n{]*:[ \t]*(?:#.*)?$", text, re.M):
        found = _indented(text)
    else:
        found = _ended(text) if re.search(r"^[ \t]*end\b", text, re.M) else _braced(text)
    return list(islice(found, _MOST))


def _indented(text: str) -> Iterator[Place]:
    before: dict[str, list[str]] = {}
    pattern = r"^(?P<margin>[ \t]*)(?P<word>if|elif|else|try|except)\b(?P<test>[^\n]*?):[ \t]*(?:#[^\n]*)?(?:\n|\Z)"
    for found in re.finditer(pattern, text, re.M):
        margin, word = found["margin"], found["word"]
        block = re.compile(rf"(?:[ \t]*(?:#[^\n]*)?\n|{margin}[ \t][^\n]*(?:\n|\Z))*").match(text, found.end())
        end = block.end() if block else found.end()
        if word in ("try", "except"):
            if word == "except":
                yield found.end(), end, "!True"  # assumes no exception
            continue
        earlier = before.get(margin, []) if word != "if" else []
        own = condition(found["test"], found.start()) if word != "else" else ""
        for each in earlier:
            yield found.end(), end, opposite(each)
        if own:
            yield found.end(), end, own
        before[margin] = [*earlier, own]


def _ended(text: str) -> Iterator[Place]:
    stack: list[tuple[int, list[str]]] = []
    pattern = (
        r"^[ \t]*(?:(?P<word>if|unless|elsif|else|end)\b|(?:case|def|class|module|begin|while|until|for)\b)"
        r"(?P<test>[^\n#]*)|\bdo\b[ \t]*(?:\|[^|\n]*\|)?[ \t]*$|=[ \t]*(?:if|case|begin)\b[^\n]*$"
    )
    for found in re.finditer(pattern, text, re.M):
        word, at = found["word"], found.start()
        if word in ("elsif", "else", "end"):
            if not stack:
                return
            begin, held = stack.pop()
            yield from ((begin, at, each) for each in held)
            if word != "end":
                first = [condition(found["test"], at)] if word == "elsif" else []
                stack.append((found.end(), [*first, *map(opposite, held[:1]), *held[1:]]))
            continue
        own = condition(found["test"], at) if word else ""
        own = opposite(own) if word == "unless" else own
        if not re.search(r"\bend\s*$", found[0]):
            stack.append((found.end(), [own] if own else []))


def _braced(text: str) -> Iterator[Place]:
    plain = re.sub(
        r"/\*[\s\S]*?\*/|(?<!:)//[^\n]*|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", lambda m: "_" * len(m[0]), text
    )
    closed = closings(plain)
    for found in islice(re.finditer(r"\bif\s*\(", plain), _MOST):
        inner = closed.get(found.end() - 1, len(plain))
        held = [condition(text[found.end() : inner], found.start())]
        here = re.compile(r"\)\s*\{").match(plain, inner)
        while here is not None:
            end = closed.get(here.end() - 1, len(plain))
            yield from ((here.end(), end, each) for each in held)
            held = [opposite(held[0])]
            here = re.compile(r"\}\s*else\s*\{").match(plain, end)


def closings(text: str) -> dict[int, int]:
    """The place of each opening bracket to that of its closing one; unclosed brackets are left out."""
    opened: list[int] = []
    out = {}
    for found in re.finditer(r"[(){}\[\]]", text):
        if found[0] in "({[":
            opened.append(found.start())
        elif opened:
            out[opened.pop()] = found.start()
    return out


def taken(entries: Sequence[Entry]) -> list[Entry]:
    """The entries whose conditions hold; of two undecided branches, those of the one that names a server."""
    if not any(each.when for each in entries):
        return list(entries)
    values: dict[str, str | None] = {}
    for each in entries:
        for name in (each.key.rpartition(".")[2], each.variable):
            if name and not each.when:
                values[name] = each.value
    kept = [each for each in entries if all(_holds(one, values) is not False for one in each.when)]
    for one in dict.fromkeys(one for each in kept for one in each.when if _holds(one, values) is None):
        if one.startswith("!"):
            continue
        sides = [[e for e in kept if side in e.when] for side in (one, opposite(one))]
        if all(sides):
            out = sides[_weight(sides[0]) > _weight(sides[1])]
            kept = [each for each in kept if each not in out]
    return [replace(each, when=()) for each in kept]


def _weight(side: Sequence[Entry]) -> tuple[int, int]:
    return sum(bool(_SERVER.search(e.key)) and e.value != "" for e in side), sum(e.value is not None for e in side)


def _holds(given: str, values: dict[str, str | None]) -> bool | None:
    """Whether a condition holds; None if unknown."""
    if given.startswith("!"):
        plain = _holds(given[1:], values)
        return None if plain is None else not plain
    name, _, wanted = given.partition("=")
    value = values.get(name.rpartition(".")[2])
    if value is not None:
        return value.lower() == wanted.lower() if wanted else value.lower() not in _FALSE
    words = wanted or name
    return True if words == "True" or _ON.search(words) else False if _OFF.search(words) else None

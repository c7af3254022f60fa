"""Finds where a value begins and ends: quoted in any language's syntax, wrapped in a call, or up to the end of its
line."""

from __future__ import annotations

import re

from diagnose.patterns import late

_VALUE = late(r"\S{0,400}")  # so much of a word is read; masking covers the whole word
LEAD = late(
    r"""(?:!!?(?!(?:secret|vault|env|ref|include|file)\b)\w+[ \t]+|string(?:\(\d{1,5}\)\s|\s(?=["']))|<%=?\s*(?=[\w.]{1,60}\([^()\n]{1,80},\s*["'])|(?:process\.env|ENV|getenv|os\.environ|os\.getenv|\$_(?:ENV|SERVER))[\w.(\["']{1,80}[\])"']{0,3}\s{0,3}(?:\|\||\?\?|\?:|\bor\b)\s{0,3}|(?:env|getenv|get|config|fetch|ENV\.fetch|os\.(?:environ\.get|getenv))\(\s{0,9}["'][\w.]{1,80}["']\s{0,9},\s{0,9}|[|>][+-]?\d?[ \t]*\n[ \t]+|<!\[CDATA\[|(?:[brfu]{1,2}|@|\$|L|N)(?=["'])|\{\s*["']?(?:value|plain)["']?\s*[:=]\s*"""
    r"""|<<(?=")|[A-Za-z]\w{0,20}(?:<\w+>|\[\])?\??\s*=\s*(?=["'])|(?:String|SecureString|bytes|str|sensitive|Secret|quote)\(\s*|new \w+\(\s*)""",
    re.I,
)
_OPEN = late(
    r"""\\{0,3}(?:\"\"\"|'''|["'`])|[«“”„‘’‚‹「]|\[=?\[|%?[qQwW]{1,2}[{(\[<|/!]|<<[<~-]?['"]?(?P<here>\w+)['"]?[^\n]{0,200}\n"""
)
_CLOSING = {
    "«": "»",
    "“": "”",
    "”": "”",
    "„": "“",
    "‘": "’",
    "’": "’",
    "‚": "‘",
    "‹": "›",
    "「": "」",
    "{": "}",
    "(": ")",
    "[": "]",
    "<": ">",
}
_DELIMITER = late(r"""[\s,;)\]}>:+.]|$|\\n|\\?["']|</|/>|=>""")
_CUT = late(r"""\\?["'](?=[\s,;)\]}]|$|\\n)|[,;&|](?=\s*["']?[\w.-]{1,30}\s?[=:])|\\n|</|(?<=\w),(?=\s|$)""")
_CLOSERS = ")]}\"';,>."
_LINE_END = late(
    r"""\n|\\n|"(?=\s*[,}\]])|\s(?=[2345]\d\d[ -]|[\w.-]+(?:=|: )|\(|&&|\|\|?|--?\w|[#;]\s|\d\.\d\.\d)|$"""
)


def find(text: str, what: str, start: int) -> int:
    """Position of `what` within 2000 characters after `start`; else the assumed end of an unterminated value."""
    at = text.find(what, start, start + 2000)
    return at if at >= 0 else min(len(text), start + 200)


def ending(text: str, mark: str, start: int) -> int:
    """The end of a value after the quotation mark `mark`, also if the mark is not closed."""
    end = _closed(text, mark, start)
    return find(text, mark, start) if end is None else end


def bounds(text: str, at: int, whole: bool) -> tuple[int, int, bool]:
    """(begin, end, quoted) of the value at `at`. whole: it may extend to the end of its line."""
    for _ in range(3):
        lead = LEAD.match(text, at)
        if lead is None:
            break
        at = lead.end()
    if text[at : at + 1] == "[" and text[at + 1 : at + 2] in ("'", '"'):
        listed = text.find("]", at, at + 400)
        if listed >= 0:
            return at + 1, listed, True
    opening = _OPEN.match(text, at)
    if opening is not None:
        mark = opening[0]
        begin = opening.end()
        if opening["here"]:
            return begin, find(text, f"\n{opening['here']}", begin), True
        closing = _CLOSING.get(mark[-1], mark if mark[-1] not in "|/!" else mark[-1])
        closing = closing if mark[0] != "[" else mark.replace("[", "]")
        end = _closed(text, closing, begin)
        if end is not None:
            behind = end + len(closing)
            if _DELIMITER.match(text, behind):
                return begin, end, True
            tail = _VALUE.match(text, behind)
            return begin, tail.end() if tail else behind, True
    stop = _VALUE.match(text, at)
    end = stop.end() if stop else at
    if whole:
        line = _LINE_END.search(text, end)
        return at, len(text[: line.start() if line else end].rstrip()), False
    cut = _CUT.search(text, at + 1, end)
    return at, cut.start() if cut else max(at + 1, at + len(text[at:end].rstrip(_CLOSERS))), False


def _closed(text: str, closing: str, start: int) -> int | None:
    at = start
    limit = min(len(text), start + 1000)
    while (at := text.find(closing, at, limit)) >= 0:
        slashes = at
        while slashes > start and text[slashes - 1] == "\\":
            slashes -= 1
        if closing in ("'", '"') and at > start and text[at + 1 : at + 2] == closing and at == slashes:
            at += 2  # an escaped quotation mark in SQL and YAML
            continue
        # Within JSON each backslash is two.
        if (at - slashes) % (4 if closing[0] == "\\" else 2) == 0:
            return at
        at += 1
    return None

"""Expressions that read the environment or a file, with their defaults, in Python, Ruby, PHP and JavaScript.

given(source, start, known)   the value of such an expression, as an entry without a name
declared(text)                defaults declared apart from the expression
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from diagnose.apps.branches import ENVIRONMENT, closings
from diagnose.apps.entry import Entry
from diagnose.patterns import late

_WRAPPED = (
    r"(?:(?:int|str|bool|float|Number|parseInt|parseFloat|Integer|String|Boolean|intval|strtobool|filter_var|trim)\s*\(\s*"
    r"|\((?:int|string|bool)\)\s*|\(\s*)*"
)
_WRAPPERS = late(_WRAPPED)
_LITERAL = r"""(?:(?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)|(?P<word>[\w.]+))"""
_ENVIRONMENT = rf"(?:{ENVIRONMENT})\s*"
_METHODS = r"(?:\??\.(?:presence|to_s|strip|chomp|trim)\b(?:\(\))?)*"
_VARIABLE = late(rf"""{_ENVIRONMENT}(?:[\[(]\s*['"](?P<name>\w+)['"]|\.(?P<dotted>[A-Z_]\w*))""")
DEFAULTS = (
    late(rf"""[^=]*?\bdefault\s*=\s*{_LITERAL}"""),
    late(rf"""\s*,\s*{_LITERAL}\s*(?=[,)\]])"""),
    late(rf"""\s*[\])]?{_METHODS}\s*(?:\|\||\?\?|\?:|\bor\b)\s*{_LITERAL}"""),
    late(rf"""\s*\)\s*\{{\s*{_LITERAL}\s*\}}"""),
)
# A second variable, used if the first is not set.
_CHAINED = late(
    rf"""\s*(?:,\s*(?:default\s*=\s*)?|[\])]?{_METHODS}\s*\)*\s*(?:\|\||\?\?|\?:|\bor\b)\s*)(?={_WRAPPED}{_ENVIRONMENT})"""
)
_COMPARED = late(r"""\s*(?P<sign>===?|in|!==?)\s*(?P<with>[\[({][^\])}]*|['"]?\w+)""")
_FILE = late(
    r"""(?:File\.read|IO\.read|file_get_contents|fs\.readFileSync|open|(?:pathlib\.)?Path)\s*\(\s*['"](?P<path>/[^'"]+)['"]"""
)


_DECLARED = late(rf"""(?P<name>[A-Z]\w*)\s*=\s*(?P<all>\(\s*\w+\s*,\s*{_LITERAL}\s*,?\s*\))""")


def declared(text: str) -> dict[str, Entry]:
    """The defaults that django-environ's `Env(NAME=(type, default))` declares, by name."""
    found = re.search(r"\bEnv\(", text)
    inside = range(found.end(), closings(text).get(found.end() - 1, len(text))) if found else range(0)
    out = {}
    for one in _DECLARED.finditer(text, inside.start, inside.stop):
        group = "text" if one["text"] is not None else "word"
        known = one[group] not in ("", "None", "NOTSET")
        start, end = one.span(group) if known else one.span("all")
        out[one["name"]] = Entry(key="", value=one[group] if known else None, line=0, start=start, end=end)
    return out


def given(source: str, start: int, known: Mapping[str, Entry], depth: int = 0) -> Entry | None:
    """The entry for an expression that reads the environment (variable, default) or a file (path); None for any other.

    start: the place of `source` in the text; known: earlier assignments by name.
    """
    wrapped = _WRAPPERS.match(source)
    at = wrapped.end() if wrapped else 0
    if file := _FILE.match(source, at):
        return Entry(key="", value=None, line=0, start=start, end=start + len(source), file=file["path"])
    found = _VARIABLE.match(source, at)
    if found is None:
        return None
    name, behind = found["name"] or found["dotted"], found.end()
    entry = Entry(key="", value=None, line=0, start=start, end=start + len(source), variable=name)
    if depth < 4 and (chained := _CHAINED.match(source, behind)):
        other = given(source[chained.end() :], start + chained.end(), known, depth + 1)
        if other is not None and other.variable:
            return replace(other, variable=name, also=(other.variable, *other.also))
    for pattern in DEFAULTS:
        default = pattern.match(source, behind)
        if default is None:
            continue
        value = default["text"] if default["text"] is not None else default["word"]
        first, last = default.span("text" if default["text"] is not None else "word")
        if default["text"] is None and not re.match(r"\d|(?:true|false|null|none|nil)$", value, re.I):
            meant = known.get(value.rpartition(".")[2])
            return replace(meant, key="", variable=name, when=()) if meant is not None else entry
        if re.match(r"['\"]?\s+if\b", source[last:]):
            return entry  # the default is conditional
        rest = re.compile(r"[^=!\n]*?(?=\s*(?:==|!=|\bin\b))").match(source, default.end())
        compared = _COMPARED.match(source, rest.end()) if rest else None
        if compared:
            held = value.lower() in re.findall(r"\w+", compared["with"].lower())
            value = str(held != compared["sign"].startswith("!")).lower()
        if value.lower() in ("null", "none", "nil"):
            value = ""
        if not value:
            break
        return Entry(key="", value=value, line=0, start=start + first, end=start + last, variable=name)
    return entry

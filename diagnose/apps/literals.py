"""Literals in PHP, Ruby, Python and JavaScript: what is assigned to which name, found without running anything.

    NAME = "x"   'name' => 'x'   name: "x"   define('NAME', 'x')   $mail->Host = 'x'   settings[:name] = 'x'

Strings that are put together, names that were assigned before, and what the environment or a file gives (`os.environ.get("X", "y")`,
`env('X', 'y')`, `ENV["X"] || "y"`, `process.env.X`, `File.read("/x")`) are followed; of everything else the value is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose.apps.entry import Entry
from diagnose.patterns import late

_TOKEN = late(
    r"""(?P<comment>/\*[\s\S]*?\*/|(?<![&$\\])\#(?!\{)[^\n]*|(?<!:)//[^\n]*|(?m:^)=begin\b[\s\S]*?^=end\b)
      | (?P<string>[rbuRBU]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3})|\b[fF][rR]?(?="|')|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`
        |(?<![\w)\]])%[qQ](?:\([^()\n]*\)|\{[^{}\n]*\}|\[[^\[\]\n]*\]|<[^<>\n]*>|\|[^|\n]*\||![^!\n]*!))
      | (?P<word>[$@]{0,2}[A-Za-z_][\w$]*|\d[\w.]*)
      | (?P<sign>===?|!==?|=>|=~|<=|>=|->|\?->|::|\|\||&&|\?\?|\?:|[=:,;()\[\]{}.+?|<>!])
      | (?P<line>\n)""",
    re.X,
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_ON = (".", "+", "||", "??", "?:", "?", ":", "(", "[", "{", ",", "=>", "=", "->", "&&", "\\")
_WRAPPERS = late(
    r"(?:(?:int|str|bool|float|Number|parseInt|parseFloat|Integer|String|Boolean|intval|strtobool|filter_var|trim)\s*\(\s*"
    r"|\((?:int|string|bool)\)\s*|\(\s*)*"
)
_LITERAL = r"""(?:(?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)|(?P<word>[\w.]+))"""
_VARIABLE = late(
    r"""(?:os\.environ(?:\.get)?|(?:os\.)?getenv|ENV(?:\.fetch)?|env(?:\.\w+)?|config|process\.env|\$_(?:ENV|SERVER))
        \s*(?:[\[(]\s*['"](?P<name>\w+)['"]|\.(?P<dotted>[A-Z_]\w*))""",
    re.X,
)
_DEFAULTS = (
    re.compile(rf"""[^=]*?\bdefault\s*=\s*{_LITERAL}"""),
    re.compile(rf"""\s*,\s*{_LITERAL}\s*(?=[,)\]])"""),
    re.compile(rf"""\s*[\])]?\s*(?:\|\||\?\?|\?:|\bor\b)\s*{_LITERAL}"""),
    re.compile(rf"""\s*\)\s*\{{\s*{_LITERAL}\s*\}}"""),
)
_COMPARED = late(r"""\s*(?P<sign>===?|in|!==?)\s*(?P<with>[\[({][^\])}]*|['"]?\w+)""")
_FILE = late(
    r"""(?:File\.read|IO\.read|file_get_contents|fs\.readFileSync|open|(?:pathlib\.)?Path)\s*\(\s*['"](?P<path>/[^'"]+)['"]"""
)
_INTERPOLATED = late(r"#\{|\$\{|\{\$|(?<!\\)\$[A-Za-z_]")


class _Token:
    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind, self.text, self.start, self.end = kind, text, start, end


def read(text: str) -> Iterator[Entry]:
    """Every assignment of a text whose value is a literal, or comes from somewhere else (value None)."""
    tokens = [
        _Token(found.lastgroup or "", found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "comment"
    ]
    known: dict[str, Entry] = {}
    stack: list[str] = []
    pending, at, line, counted = "", 0, 1, 0
    while at < len(tokens):
        token = tokens[at]
        found = _assigned(tokens, at, bool(stack))
        if found is None and (url := _connected(text, tokens, at)):
            yield url
        if found is None and (called := _called(tokens, at)):
            yield Entry(
                key=called, value="()", line=text.count("\n", 0, token.start) + 1, start=token.end, end=token.end
            )
        if found is None:
            if token.text in _PAIRS and token.kind == "sign":
                stack.append(pending)
                pending = ""
            elif token.text in _PAIRS.values() and token.kind == "sign" and stack:
                stack.pop()
            at += 1
            continue
        name, begins = found
        ends = _end(tokens, begins, bool(stack))
        while begins < ends and tokens[begins].kind == "line":
            begins += 1
        if begins == ends:
            at = max(ends, at + 1)
            continue
        connected = next((e for here in range(begins, ends) if (e := _connected(text, tokens, here))), None)
        if connected is not None:
            yield connected
            at = ends
            continue
        entry = _value(text, tokens[begins:ends], known)
        if entry is None and _holds(tokens[begins:ends]):
            pending, at = name, begins
            continue
        first = tokens[begins]
        line, counted = line + text.count("\n", counted, first.start), first.start
        entry = entry or Entry(key="", value=None, line=0, start=first.start, end=tokens[ends - 1].end)
        within = ".".join(each for each in stack if each)
        entry = replace(entry, key=name, line=line, within=within)
        if not stack and tokens[found[1] - 1].text == "=" and _tuple(tokens, at, ends):
            remark = f"setting-wrong: the comma at the end makes a tuple of {name}, which is not a string"
            entry = replace(entry, remark=remark)
        known[name.rpartition(".")[2]] = entry
        yield entry
        at = ends


def _tuple(tokens: list[_Token], at: int, ends: int) -> bool:
    """Whether an assignment of Python's ends in a comma: a statement that begins a line, and none of a declaration of several."""
    before = [each for each in tokens[:at] if each.kind != "line"][-1:]
    begins = at == 0 or tokens[at - 1].kind == "line"
    comma = [each.text for each in tokens[ends : ends + 1]] == [","]
    closed = ends + 1 >= len(tokens) or tokens[ends + 1].kind == "line"
    following = next((each for each in tokens[ends + 1 :] if each.kind != "line"), None)
    alone = following is None or following.kind == "word"
    return begins and comma and closed and alone and not (before and before[0].text == ",")


def _holds(tokens: list[_Token]) -> bool:
    """Whether names are given values inside of an expression."""
    return any(
        (each.kind == "sign" and each.text in ("[", "{", "=>"))
        or (each.kind in ("word", "string") and behind.kind == "sign" and behind.text in ("=", ":"))
        for each, behind in zip(tokens, [*tokens[1:], tokens[-1]], strict=True)
    )


def _assigned(tokens: list[_Token], at: int, inside: bool) -> tuple[str, int] | None:
    """The name that is given a value here, and where the value begins."""
    token = tokens[at]
    if token.text == "define" and [t.text for t in tokens[at + 1 : at + 2]] == ["("]:
        rest = tokens[at + 2 : at + 4]
        if len(rest) == 2 and rest[0].kind == "string" and rest[1].text == ",":
            return rest[0].text[1:-1], at + 4
    if (
        token.text == ":"
        and at + 1 < len(tokens)
        and tokens[at + 1].kind == "word"
        and token.end == tokens[at + 1].start
    ):
        at += 1  # Ruby's :name =>
        token = tokens[at]
    if token.kind == "string":
        if at + 1 < len(tokens) and tokens[at + 1].text in ("=>", ":") and (inside or tokens[at + 1].text == "=>"):
            return token.text.strip("\"'`"), at + 2
        return None
    if token.kind != "word" or (at and tokens[at - 1].text in (".", "->", "::") and tokens[at - 1].kind == "sign"):
        return None
    name, here = token.text.lstrip("$@:"), at + 1
    while here < len(tokens):
        sign = tokens[here]
        if sign.text in (".", "->", "::") and here + 1 < len(tokens) and tokens[here + 1].kind == "word":
            name += ("->" if sign.text == "->" else ".") + tokens[here + 1].text
            here += 2
        elif sign.text == "[" and (key := _index(tokens, here)):
            name, here = key[0], key[1]
        else:
            break
    if here >= len(tokens) or tokens[here].kind != "sign":
        return None
    sign, after = tokens[here], here + 1
    if sign.text in ("=", "=>") or (sign.text == ":" and after < len(tokens) and tokens[after].kind != "line"):
        typed = tokens[after : after + 2]
        if sign.text == ":" and len(typed) == 2 and typed[0].kind == "word" and typed[1].text == "=":
            after += 2  # Python's name: type = value
        return name, after
    return None


def _connected(text: str, tokens: list[_Token], at: int) -> Entry | None:
    """The URL of nodemailer's `createTransport("smtps://...")`."""
    if tokens[at].text != "createTransport" or [each.text for each in tokens[at + 1 : at + 2]] != ["("]:
        return None
    ends = _end(tokens, at + 2, True)
    url = _value(text, tokens[at + 2 : ends], {}) if ends > at + 2 and not _holds(tokens[at + 2 : ends]) else None
    line = text.count("\n", 0, tokens[at].start) + 1
    return replace(url, key="createTransport", line=line) if url is not None else None


def _called(tokens: list[_Token], at: int) -> str:
    """The name of PHP's `$object->method()`, "" where none stands here."""
    texts = [each.text for each in tokens[at : at + 5]]
    found = texts[1:2] == ["->"] and texts[3:] == ["(", ")"] and texts[0].startswith("$")
    return f"{texts[0].lstrip('$')}->{texts[2]}()" if found else ""


def _index(tokens: list[_Token], at: int) -> tuple[str, int] | None:
    """The key of `['key']` or `[:key]`, and where it ends."""
    inner = tokens[at + 1 : at + 4]
    if len(inner) >= 2 and inner[0].kind == "string" and inner[1].text == "]":
        return inner[0].text[1:-1], at + 3
    if len(inner) == 3 and inner[0].text == ":" and inner[1].kind == "word" and inner[2].text == "]":
        return inner[1].text, at + 4
    return None


def _end(tokens: list[_Token], at: int, inside: bool) -> int:
    """Where the expression ends that begins here."""
    depth, here = 0, at
    while here < len(tokens):
        token = tokens[here]
        if token.kind == "sign" and token.text in _PAIRS:
            depth += 1
        elif token.kind == "sign" and token.text in _PAIRS.values():
            if not depth:
                return here
            depth -= 1
        elif not depth and token.kind == "sign" and token.text in (",", ";"):
            return here
        elif not depth and token.kind == "line" and here > at:
            before = tokens[here - 1]
            following = next((t for t in tokens[here + 1 :] if t.kind != "line"), None)
            goes_on = (before.kind == "sign" and before.text in _ON) or (
                following is not None
                and following.kind == "sign"
                and following.text in (".", "+", "||", "??", "?:", "->")
            )
            if not goes_on:
                return here
        here += 1
    return here


def _value(text: str, tokens: list[_Token], known: dict[str, Entry]) -> Entry | None:
    """What the tokens of an expression come to, as an entry without name; None if nothing can be said of it."""
    tokens = [each for each in tokens if each.kind != "line"]
    while (
        len(tokens) > 2
        and tokens[0].text == "("
        and _end(tokens, 1, True) == len(tokens) - 1
        and tokens[-1].text == ")"
    ):
        tokens = tokens[1:-1]
        if tokens and tokens[-1].text == ",":
            tokens = tokens[:-1]
    if not tokens:
        return None
    first, last = tokens[0], tokens[-1]
    if first.text in ("not", "!"):
        other = _value(text, tokens[1:], known)
        flipped = {"true": "false", "false": "true"}.get((other.value or "").lower()) if other else None
        return replace(other, value=flipped, variable="") if other and flipped else None
    if tokens[0].text == ":" and len(tokens) == 2 and tokens[1].kind == "word":
        tokens = tokens[1:]  # a symbol
        first = tokens[0]
    if first.kind == "string":
        return _joined(tokens)
    if len(tokens) == 1 and first.kind == "word":
        if re.match(r"\d|(?i:true|false|null|none|nil|undefined)$", first.text) or text[first.start - 1] == ":":
            value = "" if re.match(r"(?i:null|none|nil|undefined)$", first.text) else first.text
            return Entry(key="", value=value, line=0, start=first.start, end=first.end)
        return known.get(first.text.lstrip("$@"))
    names = [each.text for each in tokens]
    path = all(t.kind == "word" or t.text in (".", "::", "->", "[", "]") or t.kind == "string" for t in tokens)
    if path and last.kind == "word" and last.text in known and not re.match(r"ENV|process|os$", first.text):
        return known[last.text]
    return _given(text[first.start : last.end], first.start) or (
        Entry(
            key="", value=".".join(n for n in names if n not in (".", "::")), line=0, start=first.start, end=first.start
        )
        if first.kind == "word" and names[1:2] == ["::"] and len(names) == 3
        else None
    )


def _joined(tokens: list[_Token]) -> Entry | None:
    """Strings one behind the other; None if anything else is among them."""
    strings = [each for each in tokens if each.kind == "string"]
    if any(each.kind != "string" and each.text not in (".", "+") for each in tokens):
        behind = "".join(each.text for each in tokens[len(strings) :])
        if len(strings) != 1 or not re.fullmatch(r"\.(?:strip|trim|chomp|to_s|freeze)(?:\(\))?", behind):
            return None
    quote, values = "", []
    for one in strings:
        if one.text.startswith("%"):  # Ruby's %q(...)
            one = _Token("string", f"'{one.text[3:-1]}'", one.start, one.end)
        found = re.fullmatch(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"{3}|'{3}|[\"'`])(?P<text>[\s\S]*)(?P=quote)", one.text)
        if found is None:
            return None
        quote = found["quote"]
        if quote in '"`' and _INTERPOLATED.search(found["text"]):
            return None
        values.append(re.sub(r"\\([\s\S])", r"\1", found["text"]))
    start, end = strings[0].start, strings[-1].end
    return Entry(key="", value="".join(values), line=0, start=start, end=end, quote=quote if len(strings) == 1 else '"')


def _given(source: str, start: int) -> Entry | None:
    """What the environment or a file gives: the variable's name with its default, the file's path."""
    wrapped = _WRAPPERS.match(source)
    at = wrapped.end() if wrapped else 0
    if file := _FILE.match(source, at):
        return Entry(key="", value=None, line=0, start=start, end=start + len(source), file=file["path"])
    found = _VARIABLE.match(source, at)
    if found is None:
        return None
    name, behind = found["name"] or found["dotted"], found.end()
    for pattern in _DEFAULTS:
        default = pattern.match(source, behind)
        if default is None:
            continue
        value = default["text"] if default["text"] is not None else default["word"]
        first, last = default.span("text" if default["text"] is not None else "word")
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
    return Entry(key="", value=None, line=0, start=start, end=start + len(source), variable=name)

"""Assignments of literals in PHP, Ruby, Python and JavaScript, found without executing the code.

    NAME = "x"   'name' => 'x'   name: "x"   define('NAME', 'x')   $mail->Host = 'x'   settings[:name] = 'x'

Concatenated strings, names assigned before, and values from the environment or a file (`os.environ.get("X", "y")`,
`env('X', 'y')`, `ENV["X"] || "y"`, `process.env.X`, `File.read("/x")`) are resolved; any other value is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from diagnose.apps import asked
from diagnose.apps.branches import closings, condition, conditions, opposite
from diagnose.apps.entry import Entry
from diagnose.apps.tokens import PAIRS, Token, end_of, next_of, tokens_of
from diagnose.patterns import late

_TUPLE = "the comma at the end makes a tuple of"
_DEEPEST = 12  # nesting: a value is examined once for each enclosing one
_INTERPOLATED = late(r"#\{|\$\{|\{\$|(?<!\\)\$[A-Za-z_]")


def read(text: str) -> Iterator[Entry]:
    """Every assignment in a text; value None if it comes from elsewhere or is not understood."""
    tokens = tokens_of(text)
    known: dict[str, Entry] = {}
    defaults, places, closed = asked.declared(text), conditions(text), closings(text)

    def held(at: int) -> tuple[str, ...]:
        return tuple(each for begin, end, each in places if begin <= at < end)

    stack: list[str] = []
    pending, at, line, counted, left = "", 0, 1, 0, _DEEPEST * len(tokens) + 5000
    while at < len(tokens) and left > 0:
        token = tokens[at]
        found = _targets(tokens, at, bool(stack))
        if found is None and (alone := _connected(text, tokens, at, known, closed) or _called(text, tokens, at, known)):
            yield replace(alone, when=held(token.start))
        if found is None:
            if token.text in PAIRS and token.kind == "sign":
                stack.append(pending)
                pending = ""
            elif token.text in PAIRS.values() and token.kind == "sign" and stack:
                stack.pop()
            at += 1
            continue
        (*others, name), begins = found
        ends = end_of(tokens, begins)
        left -= ends - begins
        while begins < ends and tokens[begins].kind == "line":
            begins += 1
        if begins == ends:
            at = max(ends, at + 1)
            continue
        connected = next(filter(None, (_connected(text, tokens, n, known, closed) for n in range(begins, ends))), None)
        if connected is not None:
            yield replace(connected, when=held(token.start))
            at = ends
            continue
        first = tokens[begins]
        sides = list(_sides(text, tokens[begins:ends]))
        if len(sides) == 1 and _holds(tokens[begins:ends]) and _value(text, tokens[begins:ends], known) is None:
            pending, at = name, begins
            continue
        line, counted = line + text.count("\n", counted, first.start), first.start
        within = ".".join(each for each in stack if each)
        declared = defaults.get(name)
        for part, when in sides:
            entry = _value(text, part, known) or Entry(
                key="", value=None, line=0, start=part[0].start, end=part[-1].end
            )
            if declared is not None and first.start <= declared.start < tokens[ends - 1].end:
                entry, within = declared, "Env"
            entry = replace(entry, key=name, line=line, within=within, when=(*held(token.start), *when))
            if not stack and tokens[found[1] - 1].text == "=" and _tuple(tokens, at, ends):
                entry = replace(entry, remark=f"setting-wrong: {_TUPLE} {name}, which is not a string")
            known |= {each.rpartition(".")[2]: replace(entry, key=each) for each in (*others, name)}
            yield from (replace(entry, key=each) for each in (*others, name))
        at = ends


def _sides(text: str, tokens: list[Token], depth: int = 0) -> Iterator[tuple[list[Token], tuple[str, ...]]]:
    """(tokens, conditions) of each branch of `a if c else b`, `c ? a : b` and Ruby's `a if c`; else the whole
    expression, without any."""
    if len(tokens) > 200:  # longer than any conditional
        yield tokens, ()
        return
    tokens = _bare(tokens)
    signs = {}
    level = 0
    for at, each in enumerate(tokens):
        level += (each.text in PAIRS) - (each.text in PAIRS.values()) if each.kind == "sign" else 0
        if not level and each.text in ("if", "unless", "else", "?", ":") and each.text not in signs:
            lone = each.text not in "?:" or (at and tokens[at - 1].end < each.start)
            if lone and (each.text != ":" or "?" in signs):
                signs[each.text] = at
    one, test, other = tokens, tokens[:0], tokens[:0]
    if "if" in signs or "unless" in signs:
        at = signs.get("if", signs.get("unless", 0))
        one, test = tokens[:at], tokens[at + 1 : signs.get("else")]
        other = tokens[signs["else"] + 1 :] if "else" in signs else other
    elif "?" in signs and ":" in signs:
        test, one, other = tokens[: signs["?"]], tokens[signs["?"] + 1 : signs[":"]], tokens[signs[":"] + 1 :]
    if not test or not one or depth > 3:
        yield tokens, ()
        return
    found = condition(text[test[0].start : test[-1].end], test[0].start)
    found = opposite(found) if "unless" in signs else found
    for part, when in ((one, found), (other, opposite(found))):
        if part:
            yield from ((inner, (when, *more)) for inner, more in _sides(text, part, depth + 1))


def _bare(tokens: list[Token]) -> list[Token]:
    """The tokens without line breaks and without brackets around the whole."""
    tokens = [each for each in tokens if each.kind != "line"]
    while len(tokens) > 2 and tokens[0].text == "(" and end_of(tokens, 1) == len(tokens) - 1 and tokens[-1].text == ")":
        tokens = tokens[1:-1]
        if tokens and tokens[-1].text == ",":
            tokens = tokens[:-1]
    return tokens


def _tuple(tokens: list[Token], at: int, ends: int) -> bool:
    """Whether a Python assignment is a statement that ends in a comma, rather than one item of several."""
    begins = at == 0 or tokens[at - 1].kind == "line"
    if not begins:
        return False
    before = next((tokens[here] for here in range(at - 1, -1, -1) if tokens[here].kind != "line"), None)
    comma = [each.text for each in tokens[ends : ends + 1]] == [","]
    closed = ends + 1 >= len(tokens) or tokens[ends + 1].kind == "line"
    following = next_of(tokens, ends)
    alone = following is None or following.kind == "word"
    return comma and closed and alone and not (before and before.text == ",")


def _holds(tokens: list[Token]) -> bool:
    """Whether an expression contains a collection or assignments."""
    return any(
        (each.kind == "sign" and each.text in ("[", "{", "=>"))
        or (each.kind in ("word", "string") and behind.kind == "sign" and behind.text in ("=", ":"))
        for each, behind in zip(tokens, [*tokens[1:], tokens[-1]], strict=True)
    )


def _targets(tokens: list[Token], at: int, inside: bool) -> tuple[list[str], int] | None:
    """(names, index of the value's first token) of an assignment that begins at `at`; two names in `A = B = value`. None
    if none does."""
    found = _assigned(tokens, at, inside)
    names = [found[0]] if found else []
    while found and tokens[found[1] - 1].text == "=" and found[1] < len(tokens):
        more = _assigned(tokens, found[1], inside)
        if more is None or tokens[more[1] - 1].text != "=":
            break
        names, found = [*names, more[0]], more
    return (names, found[1]) if found else None


def _assigned(tokens: list[Token], at: int, inside: bool) -> tuple[str, int] | None:
    """(name, index of the value's first token) of an assignment that begins at `at`; None if none does."""
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


_LONGEST = 200  # tokens of an expression for a URL or an address
_OF_URLS = ("createTransport", "email_url", "email", "dj_email_url", "parse", "config")


def _connected(
    text: str, tokens: list[Token], at: int, known: dict[str, Entry], closed: Mapping[int, int]
) -> Entry | None:
    """The URL passed to nodemailer's `createTransport("smtps://...")`, django-environ's `env.email_url("NAME")` or
    dj-email-url's `config()`; None for others."""
    if tokens[at].text not in _OF_URLS or [each.text for each in tokens[at + 1 : at + 2]] != ["("]:
        return None
    name, before = tokens[at].text, "".join(each.text for each in tokens[max(0, at - 2) : at])
    ends = end_of(tokens, at + 2)
    line = text.count("\n", 0, tokens[at].start) + 1
    if name == "createTransport" or (name == "parse" and before == "dj_email_url."):
        inner = tokens[at + 2 : ends] if ends < at + _LONGEST else []
        url = _value(text, inner, known) if inner and not _holds(inner) else None
        return replace(url, key="createTransport" if name[0] == "c" else "EMAIL_URL", line=line) if url else None
    start = tokens[at].start
    behind = min(closed.get(tokens[at + 1].start, len(text)) + 1, start + 10 * _LONGEST)
    if name in ("email_url", "email", "dj_email_url") and before.endswith("."):
        given = asked.given(f"env.{name}{text[tokens[at].end : behind]}", start - 4, known)
    elif name == "config" and before == "dj_email_url.":
        given = None
    else:
        return None
    default = asked.DEFAULTS[0].match(text, tokens[at + 1].end, behind)
    usual = Entry(key="", value=None, line=0, start=start, end=behind, variable="EMAIL_URL")
    if default and default["text"] and not re.match(r".\s+if\b", text[default.end("text") :]):
        usual = replace(usual, value=default["text"], start=default.start("text"), end=default.end("text"))
    return replace(given or usual, key="EMAIL_URL", line=line)


def _called(text: str, tokens: list[Token], at: int, known: dict[str, Entry]) -> Entry | None:
    """A call of PHP's `$object->method()` without arguments, or of PHPMailer's setFrom with the address as value."""
    texts = [each.text for each in tokens[at : at + 5]]
    if len(texts) < 5 or texts[1] != "->" or texts[3] != "(" or not texts[0].startswith("$"):
        return None
    line = text.count("\n", 0, tokens[at].start) + 1
    key = f"{texts[0].lstrip('$')}->{texts[2]}()"
    if texts[4] == ")":
        return Entry(key=key, value="()", line=line, start=tokens[at].end, end=tokens[at].end)
    ends = end_of(tokens, at + 4) if texts[2] == "setFrom" else len(tokens)
    given = _value(text, tokens[at + 4 : ends], known) if ends < at + _LONGEST else None
    return replace(given, key=key, line=line) if given else None


def _index(tokens: list[Token], at: int) -> tuple[str, int] | None:
    """(key, index behind it) of `['key']` or `[:key]`; None if it is neither."""
    inner = tokens[at + 1 : at + 4]
    if len(inner) >= 2 and inner[0].kind == "string" and inner[1].text == "]":
        return inner[0].text[1:-1], at + 3
    if len(inner) == 3 and inner[0].text == ":" and inner[1].kind == "word" and inner[2].text == "]":
        return inner[1].text, at + 4
    return None


def _value(text: str, tokens: list[Token], known: dict[str, Entry]) -> Entry | None:
    """The value of an expression, as an entry without a name; None if it is not understood."""
    tokens = _bare(tokens)
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
    return asked.given(text[first.start : last.end], first.start, known) or (
        Entry(
            key="", value=".".join(n for n in names if n not in (".", "::")), line=0, start=first.start, end=first.start
        )
        if first.kind == "word" and names[1:2] == ["::"] and len(names) == 3
        else None
    )


def _joined(tokens: list[Token]) -> Entry | None:
    """The entry for strings that are concatenated; None if there is anything else among them."""
    strings = [each for each in tokens if each.kind == "string"]
    if any(each.kind != "string" and each.text not in (".", "+") for each in tokens):
        behind = "".join(each.text for each in tokens[len(strings) :])
        if len(strings) != 1 or not re.fullmatch(r"\.(?:strip|trim|chomp|to_s|freeze)(?:\(\))?", behind):
            return None
    quote, values = "", []
    for one in strings:
        if one.text.startswith("%"):  # Ruby's %q(...)
            one = Token("string", f"'{one.text[3:-1]}'", one.start, one.end)
        found = re.fullmatch(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"{3}|'{3}|[\"'`])(?P<text>[\s\S]*)(?P=quote)", one.text)
        if found is None:
            return None
        quote = found["quote"]
        if quote in '"`' and _INTERPOLATED.search(found["text"]):
            return None
        values.append(re.sub(r"\\([\s\S])", r"\1", found["text"]))
    start, end = strings[0].start, strings[-1].end
    return Entry(key="", value="".join(values), line=0, start=start, end=end, quote=quote if len(strings) == 1 else '"')

"""The tokens of PHP, Ruby, Python and JavaScript, as far as assignments need them."""

from __future__ import annotations

import re

from diagnose.patterns import late

_TOKEN = late(
    r"""(?P<comment>/\*[\s\S]*?(?:\*/|\Z)|(?<![&$\\])\#(?!\{)[^\n]*|(?<!:)//[^\n]*|(?m:^)=begin\b[\s\S]*?(?:^=end\b|\Z))
      | (?P<string>[rbuRBU]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3})|\b[fF][rR]?(?="|')|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`
        |(?<![\w)\]])%[qQ](?:\([^()\n]*\)|\{[^{}\n]*\}|\[[^\[\]\n]*\]|<[^<>\n]*>|\|[^|\n]*\||![^!\n]*!))
      | (?P<word>[$@]{0,2}[A-Za-z_][\w$]*|\d[\w.]*)
      | (?P<sign>===?|!==?|=>|=~|<=|>=|->|\?->|::|\|\||&&|\?\?|\?:|[=:,;()\[\]{}.+?|<>!])
      | (?P<line>\n)""",
    re.X,
)
PAIRS = {"(": ")", "[": "]", "{": "}"}
_ON = (".", "+", "||", "??", "?:", "?", ":", "(", "[", "{", ",", "=>", "=", "->", "&&", "\\")


class Token:
    """far: for an opening bracket, the distance in tokens to its closing one; 0 if there is none."""

    __slots__ = ("end", "far", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind, self.text, self.start, self.end, self.far = kind, text, start, end, 0


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text without comments, lists of assignments taken apart (`_unpacked`)."""
    tokens = [
        Token(found.lastgroup or "", found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "comment"
    ]
    opened: list[tuple[int, Token]] = []
    for at, token in enumerate(tokens):
        if token.kind == "sign" and token.text in PAIRS:
            opened.append((at, token))
        elif token.kind == "sign" and token.text in PAIRS.values() and opened:
            begins, opening = opened.pop()
            opening.far = at - begins
    return _unpacked(tokens)


def end_of(tokens: list[Token], at: int) -> int:
    """The index behind the expression that begins at `at`."""
    here = at
    most = min(len(tokens), at + 2000)
    while here < most:
        token = tokens[here]
        if token.kind == "sign" and token.text in PAIRS:
            if not token.far:
                return most
            here += token.far
        elif token.kind == "sign" and token.text in (*PAIRS.values(), ",", ";"):
            return here
        elif token.kind == "line" and here > at:
            before = tokens[here - 1]
            asks = before.text == "?" and tokens[here - 2].end == before.start  # a Ruby name that ends in ?
            following = next_of(tokens, here)
            goes_on = (before.kind == "sign" and before.text in _ON and not asks) or (
                following is not None
                and following.kind == "sign"
                and following.text in (".", "+", "||", "??", "?:", "->")
            )
            if not goes_on:
                return here
        here += 1
    return min(here, most)


def next_of(tokens: list[Token], at: int) -> Token | None:
    """The next token behind `at` that is no line break, None at the end."""
    return next((tokens[here] for here in range(at + 1, len(tokens)) if tokens[here].kind != "line"), None)


def _unpacked(tokens: list[Token]) -> list[Token]:
    """The tokens with `a, b = x, y` outside brackets as `a = x` and `b = y`, as if each were on a line of its own."""
    out: list[Token] = []
    at = 0
    while at < len(tokens):
        sign, begins = at + 1, not out or out[-1].kind == "line"
        while begins and [each.text for each in tokens[sign : sign + 1]] == [","]:
            sign += 2
        names, values, ends = tokens[at:sign:2], list[list[Token]](), sign
        if len(names) > 1 and sign + 1 < len(tokens) and tokens[sign].text == "=":
            first = tokens[sign + 1]
            inside = first.text in ("(", "[") and end_of(tokens, sign + 1) == sign + first.far + 2
            ends += inside
            while not values or [each.text for each in tokens[ends : ends + 1]] == [","]:
                start, ends = ends + 1, end_of(tokens, ends + 1)
                values.append(tokens[start:ends])
            values = values if any(each.kind != "line" for each in values[-1]) else values[:-1]  # a comma at the end
            ends += inside
        if len(values) == len(names) > 1:
            for name, value in zip(names, values, strict=True):
                out += [name, tokens[sign], *value, Token("line", "\n", name.start, name.start)]
            at = ends
        else:
            far = tokens[at].far + 1
            out += tokens[at : at + far]
            at += far
    return out

"""A line of a regexp or pcre table, tried on a text: regexp_table(5), pcre_table(5). Pure.

Python's patterns are near enough to Postfix's to say which line did what Postfix was seen to do.
"""

from __future__ import annotations

import re

from diagnose.record import dataclass

_LINE = re.compile(
    r"(?P<mark>[^\w\s#])(?P<pattern>(?:\\.|(?!(?P=mark))[^\\])+)(?P=mark)(?P<flags>\w*)\s+(?P<result>\S.*)"
)
# What may take for ever to be tried in Python, as it may not in Postfix's libraries.
_COSTLY = re.compile(r"\)\s*[*+{]|\\\d")
_GROUP = re.compile(r"\$(?:(\d)|\{(\d)\}|\((\d)\))")


class Untried(ValueError):
    """Python cannot try the pattern, or might not end."""


@dataclass(frozen=True)
class Rule:
    """flags: letters behind the pattern, of which `i` turns the usual indifference to case off; result: as written."""

    pattern: str
    flags: str
    result: str

    def search(self, text: str) -> re.Match[str] | None:
        """Raises Untried."""
        if _COSTLY.search(self.pattern):
            raise Untried(self.pattern)
        try:
            return re.search(self.pattern, text, 0 if "i" in self.flags else re.I)
        except re.error as error:
            raise Untried(str(error)) from None

    def rewritten(self, text: str) -> str | None:
        """The result with $1, ${1} and $(1) filled in; None if the pattern does not fit. Raises Untried."""
        found = self.search(text)
        if found is None:
            return None
        try:
            return _GROUP.sub(lambda group: found[int(group[1] or group[2] or group[3])] or "", self.result)
        except IndexError:
            raise Untried(self.result) from None


def parse(line: str) -> Rule | None:
    """None of a comment, a condition (`if`), a negated pattern, and what is no rule."""
    match = _LINE.fullmatch(line.rstrip())
    return Rule(match["pattern"], match["flags"], match["result"]) if match else None

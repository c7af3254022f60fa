"""Matches a text against a line of a regexp or pcre table: regexp_table(5), pcre_table(5). Pure.

Python's patterns are close enough to Postfix's to tell which line caused an observed result.
"""

from __future__ import annotations

import re

from diagnose.record import dataclass

_LINE = re.compile(
    r"(?P<mark>[^\w\s#])(?P<pattern>(?:\\.|(?!(?P=mark))[^\\])+)(?P=mark)(?P<flags>\w*)\s+(?P<result>\S.*)"
)
# Patterns that may never end in Python, although they do in Postfix's libraries.
_COSTLY = re.compile(r"\)\s*[*+{]|\\\d")
_GROUP = re.compile(r"\$(?:(\d)|\{(\d)\}|\((\d)\))")


class Untried(ValueError):
    """Python cannot evaluate the pattern, or might never finish."""


@dataclass(frozen=True)
class Rule:
    """flags: letters after the pattern; `i` makes it case-sensitive; result: as written."""

    pattern: str
    flags: str
    result: str

    def search(self, text: str) -> re.Match[str] | None:
        """The pattern's first match in a text. Raises Untried."""
        if _COSTLY.search(self.pattern):
            raise Untried(self.pattern)
        try:
            return re.search(self.pattern, text, 0 if "i" in self.flags else re.I)
        except re.error as error:
            raise Untried(str(error)) from None

    def rewritten(self, text: str) -> str | None:
        """The result with $1, ${1} and $(1) filled in; None if the pattern does not match. Raises Untried."""
        found = self.search(text)
        if found is None:
            return None
        try:
            return _GROUP.sub(lambda group: found[int(group[1] or group[2] or group[3])] or "", self.result)
        except IndexError:
            raise Untried(self.result) from None


def parse(line: str) -> Rule | None:
    """The rule in a line; None for a comment, a condition (`if`), a negated pattern, or anything else."""
    match = _LINE.fullmatch(line.rstrip())
    return Rule(match["pattern"], match["flags"], match["result"]) if match else None

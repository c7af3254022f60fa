"""Regular expressions compiled only when a text may match: compiling took a third of a short command's time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

Groups = tuple[tuple[str, ...], ...]
_TOKEN = re.compile(
    r"((?:[^\\\[(|)?*+{.^$]|\\[^\w])+(?![?*{]))|([?*+]\??|\{\d*,?\d*\}\??)|"
    r"\(\?P=\w+\)|(\((?:\?(?:P<\w+>|[a-z-]*:|>|<?[=!]|[a-z]+\)))?)|(\))|(\|)|"
    r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\(?:x..|u.{4}|U.{8}|\d+)|\\?.",
    re.DOTALL,
)
_GROUPS = ("", "?:", "?P", "?>")
_PATIENCE = 100  # texts after which a pattern is compiled anyway: no short command has so many
_LONG = 5000  # characters beyond which searching for literals first takes longer


def required(pattern: str) -> Groups:
    """Groups of lower-case literals: any match of the pattern contains one of each group. () if there are none.
    Optional parts, classes and lookarounds are ignored; of alternatives the most selective literals are used."""
    return () if re.search(r"\(\?(?:[(#]|[a-z]*x)|\\N", pattern) else _either(_read(iter(_TOKEN.findall(pattern))))


def may_fit(groups: Groups, lowered: str) -> bool:
    """Whether a lower-case text contains a literal of each group."""
    for group in groups:
        for each in group:
            if each in lowered:
                break
        else:
            return False
    return True


def most_telling(groups: Groups) -> tuple[str, ...]:
    """The most selective group, with the longest and fewest literals; () without groups."""
    return max(groups, key=lambda group: (min(map(len, group)), -len(group)), default=())


def alternatives(pattern: str) -> tuple[str, ...]:
    """The top-level alternatives of a pattern, in order."""
    found, depth = [""], 0
    for token in _TOKEN.finditer(pattern):
        _, _, opened, closed, bar = token.groups()
        depth += bool(opened and not opened.endswith(")")) - bool(closed)
        if bar and not depth:
            found.append("")
        else:
            found[-1] += token[0]
    return tuple(found)


def _read(tokens: Iterator[tuple[str, ...]]) -> list[Groups]:
    """Reads tokens to the end of a group; the required literals of each of its alternatives."""
    found: list[Groups] = []
    sure: Groups = ()
    inner: Groups = ()  # from the group just read, which a quantifier may still make optional
    for plain, repeat, opened, closed, bar in tokens:
        if not repeat or repeat.startswith(("+", "{1", "{2")):
            sure += inner
        inner = ()
        if len(text := plain.replace("\\", "").lower()) > 1 and all(map(_is_plain, text)):
            sure += ((text,),)
        elif opened and not opened.endswith(")"):
            within = _either(_read(tokens))
            inner = within if opened[1:3] in _GROUPS or opened.endswith(":") else ()
        elif bar:
            found.append(sure)
            sure = ()
        elif closed:
            break
    return [*found, sure + inner]


def _is_plain(letter: str) -> bool:
    """Whether lower() finds all case variants of a letter: not for Latin letters beyond ASCII and Greek ones."""
    return letter.isascii() or letter >= "\u0400"


def _either(branches: list[Groups]) -> Groups:
    if len(branches) == 1:
        return branches[0]
    best = [most_telling(each) for each in branches]
    return (tuple(sorted({text for group in best for text in group})),) if all(best) else ()


class _Late:
    """Stands in for a compiled pattern; once compiled, it has the pattern's own methods."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags
        self._asked = 0
        self._needs: Groups | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled(), name)

    def _compiled(self) -> re.Pattern[str]:
        made = re.compile(self.pattern, self._flags)
        for name in ("search", "match", "fullmatch", "sub", "finditer", "findall", "split"):
            self.__dict__[name] = getattr(made, name)
        return made

    def _may_fit(self, text: str) -> bool:
        """Whether the pattern may match. Always True for non-ASCII text, where lower() does not find all case variants."""
        self._asked += 1
        if self._asked > _PATIENCE or len(text) > _LONG or not text.isascii():
            return True
        if self._needs is None:
            self._needs = required(self.pattern) if not self._flags & re.VERBOSE else ()
        return may_fit(self._needs, text.lower())

    def search(self, text: str, *span: int) -> re.Match[str] | None:
        return self._compiled().search(text, *span) if self._may_fit(text) else None

    def match(self, text: str, *span: int) -> re.Match[str] | None:
        return self._compiled().match(text, *span) if self._may_fit(text) else None

    def fullmatch(self, text: str, *span: int) -> re.Match[str] | None:
        return self._compiled().fullmatch(text, *span) if self._may_fit(text) else None

    def sub(self, new: Any, text: str, count: int = 0) -> str:
        return self._compiled().sub(new, text, count) if self._may_fit(text) else text

    def finditer(self, text: str, *span: int) -> Iterator[re.Match[str]]:
        return self._compiled().finditer(text, *span) if self._may_fit(text) else iter(())


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Like re.compile, but compiles on first use."""
    return cast("re.Pattern[str]", _Late(pattern, flags))

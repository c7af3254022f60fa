"""Files of logins by server: Exim's passwd.client (`host:user:password`) and dma's auth.conf (`user|host:password`).

find(text, names)         the entry that applies to a server under any of its names
masked(text, …)           the text with every password masked
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from diagnose.parse.text.masking import Secrets, mask
from diagnose.record import frozen

_PORT = r"(?:25|26|465|587|2465|2525|2587)"
_EXIM = re.compile(
    rf"[ \t]*(?P<host>\^?[^\s:#][^\s:]*|\*)(?P<port>::?{_PORT}(?=:[^:\n]*:))?[ \t]*:[ \t]*(?P<user>[^:\n]*):(?P<password>[^\n]*)"
)
_DMA = re.compile(rf"[ \t]*(?P<user>[^\s|#][^|\n]*)\|(?P<host>[^\s:|]+)(?P<port>:{_PORT}(?=:))?:(?P<password>[^\n]*)")


@frozen
class Entry:
    """host: a name, or Exim's `*.name`, `^pattern` or `*`; port: with its colons, if one was written, which Exim
    takes for the user, and dma for the password; begin, end: the password's place in the text."""

    host: str
    port: str
    user: str
    password: str
    begin: int
    end: int

    def counts_for(self, name: str) -> bool:
        """Whether the key matches, as in Exim's nwildlsearch (specification, "Query-style and single-key lookups")."""
        host, name = self.host.lower(), name.lower().rstrip(".")
        if host.startswith("^"):
            try:
                return re.search(self.host, name, re.I) is not None
            except re.error:
                return False
        return name.endswith(host[1:]) if host.startswith("*") else name == host


def entries(text: str) -> Iterator[Entry]:
    at = 0
    for line in text.split("\n"):
        found = _DMA.fullmatch(line.rstrip("\r")) or _EXIM.fullmatch(line.rstrip("\r"))
        if found is not None:
            begin, end = found.span("password")
            yield Entry(
                host=found["host"],
                port=found["port"] or "",
                user=found["user"].strip(),
                password=found["password"],
                begin=at + begin,
                end=at + end,
            )
        at += len(line) + 1


def find(text: str, names: Sequence[str]) -> Entry | None:
    """The first entry for the first name that has one; None if none has."""
    every = list(entries(text))
    return next((each for name in names for each in every if each.counts_for(name)), None)


def masked(text: str, secrets: Secrets, starred: Callable[[str, Secrets], str]) -> str:
    out, at = [], 0
    for each in entries(text):
        # Exim reads ^^ as one ^; masks the password in both forms.
        secrets.add(each.password.replace("^^", "^"))
        out += [_lines(text[at : each.begin]), starred(each.password, secrets)]
        at = each.end
    return "".join([*out, _lines(text[at:])])


def _lines(text: str) -> str:
    """The masked text between passwords; an entry that is commented out still contains one."""
    kept = []
    for line in text.split("\n"):
        comment = re.match(r"([ \t]*#[^:\n]*:[^:\n]*):\S", line)
        kept.append(f"{comment[1]}:********" if comment else mask(line))
    return "\n".join(kept)

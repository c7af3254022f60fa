"""Known texts, as patterns, each with the label of its meaning.

Phrases that anybody may use stand with their meaning (`sayings/<label>.toml`); those of one speaker (Postfix, a mail
server, a language's library) under that speaker (`speakers/<who>.toml`). Patterns are regular expressions, case-insensitive,
searched in the canonical text (see `diagnose.parse.words.smtp_reply`), each branch compiled when the literals that it needs
occur for the first time.

`codes.toml` says which enhanced status codes mean something by themselves, and so bound what words beside them may mean.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from diagnose.knowledge import documents
from diagnose.patterns import Groups, alternatives, late, may_fit, most_telling, required
from diagnose.record import frozen


class Grip(enum.IntEnum):
    """How much of a text a phrase understands."""

    HINT = 1  # a mere consequence, or a class of reply codes
    TOPIC = 2  # what it is about
    SENSE = 3  # the concepts of its words, of which no phrase is known
    CODE = 4  # an enhanced status code, without words
    WORD = 5  # a word that says what happened, not to what
    PHRASE = 6  # what happened to what
    NAMES = 7  # the root itself


@frozen
class Phrase:
    """One known text.

    speaker: the file that it stands in, "" for phrases of anybody. by: "postfix" or "program" where no server's reply is
    meant. peer: a pattern for the server's name: where it fits the phrase goes first, and with `only_peer` it counts nowhere
    else. ways: the pattern's branches, each with what it requires. grip: NAMES unless its row says less. stage:
    where in the dialogue such a text comes when nothing else says so; at: a pattern of the stages that the phrase
    is limited to, never: of those where a text cannot mean this. counter: texts that are near, and not meant.
    """

    id: str
    label: str
    pattern: str
    speaker: str = ""
    by: str = "anybody"
    peer: str | None = None
    only_peer: bool = False
    stage: str | None = None
    at: str | None = None
    never: str | None = None
    grip: Grip = Grip.NAMES
    harmless: bool = False
    meaning: str = ""
    source: str = ""
    evidence: str = ""
    examples: Sequence[str] = ()
    counter: Sequence[str] = ()
    example_peer: str | None = None
    ways: Sequence[tuple[str, Groups]] = ()

    @property
    def own(self) -> bool:
        """Whether it is a phrase of Postfix."""
        return self.speaker.startswith("postfix")

    def search(self, text: str, lowered: str) -> int:
        """How many characters of a text (with its lower-case twin) this phrase explains; 0 if it does not match."""
        begin, end = self.span(text, lowered)
        return end - begin

    def span(self, text: str, lowered: str) -> tuple[int, int]:
        """(begin, end) of the earliest match, at least one character; (0, 0) if there is none."""
        best: re.Match[str] | None = None
        for way, needs in self.ways:
            if may_fit(needs, lowered):
                found = compiled(way).search(text)
                if found and (best is None or found.start() < best.start()):
                    best = found
        return (best.start(), max(best.start() + 1, best.end())) if best else (0, 0)

    def comes_at(self, stage: str | None) -> bool:
        """Whether the phrase can come at this stage of the dialogue (None: unknown)."""
        if self.at is not None and (stage is None or re.fullmatch(self.at, stage) is None):
            return False
        return self.never is None or stage is None or re.fullmatch(self.never, stage) is None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return late(pattern, re.IGNORECASE | re.DOTALL)


_FOR_TESTS = frozenset({"examples", "counter", "example_peer", "source", "evidence"})
# A mailer's own words go before those of a program that quotes them, and both before a server's.
_FIRST = (
    "mailers other-mailers postfix-connect postfix-sasl postfix-tls postfix-tables postfix-daemon postfix-delivery "
    "postfix-noise libraries network-libraries system-messages program-roots java programs"
).split()


def rows_of_all() -> Iterator[dict[str, Any]]:
    """The rows of all phrases: speakers' first, in the order in which they are tried."""
    speakers = documents.folder("speakers")
    for name in sorted(speakers, key=lambda each: (_FIRST.index(each) if each in _FIRST else len(_FIRST), each)):
        for id, row in speakers[name].get("phrase", {}).items():
            yield {"id": id, "speaker": name, **speakers[name].get("all", {}), **row}
    for label, saying in documents.folder("sayings").items():
        for id, row in saying.get("phrase", {}).items():
            yield {"id": id, "label": label, **saying.get("all", {}), **row}


def plain() -> dict[str, Any]:
    """For the index: the rows of all phrases, and literal to the numbers of the rows that require it; "" for none."""
    rows = [{key: value for key, value in row.items() if key not in _FOR_TESTS} for row in rows_of_all()]
    keys: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        row["ways"] = [(each, required(each)) for each in alternatives(row["pattern"])]
        for _, groups in row["ways"]:
            for key in most_telling(groups) or ("",):
                keys.setdefault(key, []).append(number)
    return {"rows": rows, "keys": keys}


@cache
def _known() -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Sequence[int]]]:
    found = documents.indexed("phrases", plain)
    return found["rows"], found["keys"]


@cache
def _phrase(number: int) -> Phrase:
    return phrase(_known()[0][number])


def phrase(row: Mapping[str, Any]) -> Phrase:
    return Phrase(**{**row, "grip": Grip[row.get("grip", "names").upper()]})


def every() -> tuple[Phrase, ...]:
    """All phrases: those of one speaker each, in the order in which they are tried, then those of anybody."""
    return tuple(map(_phrase, range(len(_known()[0]))))


def possible(lowered: str) -> tuple[Phrase, ...]:
    """The phrases that a text in lower case may fit, in the order of `every`."""
    known = _known()[1]
    starts = _starts()
    near = starts.keys() & {lowered[at : at + _START] for at in range(len(lowered) - _START + 1)}
    # Phrases without a literal match codes, or words beyond ASCII.
    last = ("",) if CODED.search(lowered) or not lowered.isascii() else ()
    literals = [*(each for start in ("", *near) for each in starts[start] if each in lowered), *last]
    return tuple(map(_phrase, sorted({number for literal in literals for number in known[literal]})))


_START = 3  # characters
CODED = late(r"\d")  # what has a code has a digit


@cache
def _starts() -> Mapping[str, Sequence[str]]:
    """The phrases' literals by their first _START characters; "" has the shorter ones."""
    found: dict[str, list[str]] = {"": []}
    for literal in filter(None, _known()[1]):
        found.setdefault(literal[:_START] if len(literal) >= _START else "", []).append(literal)
    return found


@cache
def _peers() -> tuple[str, ...]:
    return tuple(sorted({row["peer"] for row in _known()[0] if "peer" in row}))


def speaking(host: str | None) -> tuple[str, ...]:
    """The values of `peer` that fit a host name."""
    return tuple(peer for peer in _peers() if compiled(peer).search(host)) if host else ()


@frozen
class Code:
    """What a status code says by itself. label: its meaning if no words are understood. allows: the labels that words
    beside it may mean, empty for all."""

    label: str
    allows: frozenset[str] = frozenset()
    grip: Grip = Grip.CODE


@cache
def _codes() -> tuple[tuple[re.Pattern[str], str | None, Code], ...]:
    rows = documents.document("codes.toml")["code"]
    return tuple(
        (
            late(row["code"]),
            row.get("at"),
            Code(
                label=row["label"],
                allows=frozenset((*row["allows"], row["label"])) if "allows" in row else frozenset(),
                grip=Grip[row.get("grip", "code").upper()],
            ),
        )
        for row in rows
    )


def code(reply: int | None, enhanced: str | None, stage: str | None) -> Code | None:
    """The meaning of a reply's codes: of both ("550 5.7.9"), else of the enhanced one, else of the plain one; None
    if none is known."""
    for said in (f"{reply} {enhanced}", enhanced, str(reply) if reply is not None else None):
        for pattern, at, meaning in _codes():
            if said and pattern.fullmatch(said) and (at is None or (stage is not None and re.fullmatch(at, stage))):
                return meaning
    return None

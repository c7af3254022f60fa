"""What is said, as patterns: each to the label of what it means.

Phrases that anybody may use stand with their meaning (`sayings/<label>.toml`); those of one speaker (Postfix, a mail
server, a language's library) under that speaker (`speakers/<who>.toml`). Patterns are regular expressions, case-insensitive,
searched in the canonical text (see `diagnose.parse.words.smtp_reply`), compiled when a literal that they need occurs for the
first time.

`codes.toml` says which enhanced status codes mean something by themselves, and so bound what words beside them may mean.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from diagnose.knowledge.literals import required_literals


class Grip(enum.IntEnum):
    """How much of a text a phrase understands."""

    HINT = 1  # a mere consequence, or a class of reply codes
    TOPIC = 2  # what it is about
    CODE = 3  # an enhanced status code, without words
    WORD = 4  # a word that says what happened, not to what
    PHRASE = 5  # what happened to what
    NAMES = 6  # the root itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One known text.

    speaker: the file that it stands in, "" for phrases of anybody. by: "postfix" or "program" where no server's reply is
    meant. peer: a pattern for the server's name: where it fits the phrase goes first, and with `only_peer` it counts nowhere
    else. stage: where in the dialogue such a text comes when nothing else says so; at: a pattern of the stages that the
    phrase is limited to, never: of those where a text cannot mean this. counter: texts that are near, and not meant.
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
    grip: Grip = Grip.PHRASE
    harmless: bool = False
    meaning: str = ""
    source: str = ""
    evidence: str = ""
    examples: tuple[str, ...] = ()
    counter: tuple[str, ...] = ()
    example_peer: str | None = None
    needs: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """Whether Postfix says so."""
        return self.speaker.startswith("postfix")

    def search(self, text: str, lowered: str) -> int:
        """How many characters of a text (with its lower-case twin) this phrase explains; 0 where it is none of its."""
        if self.needs and not any(each in lowered for each in self.needs):
            return 0
        found = compiled(self.pattern).search(text)
        return max(1, found.end() - found.start()) if found else 0

    def comes_at(self, stage: str | None) -> bool:
        """Whether a text of this stage of the dialogue can be meant."""
        if self.at is not None and (stage is None or re.fullmatch(self.at, stage) is None):
            return False
        return self.never is None or stage is None or re.fullmatch(self.never, stage) is None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


# A mailer's own words go before those of a program that quotes them, and both before a server's.
_FIRST = (
    *(
        "mailers",
        "postfix-connect",
        "postfix-sasl",
        "postfix-tls",
        "postfix-tables",
        "postfix-daemon",
        "postfix-delivery",
    ),
    *("postfix-noise", "program-roots", "java", "programs"),
)


def _order(name: str) -> tuple[int, str]:
    stem = name.removesuffix(".toml")
    return _FIRST.index(stem) if stem in _FIRST else len(_FIRST), stem


def _phrases(folder: str) -> Iterator[Phrase]:
    from diagnose import toml  # 10 ms that a program which reads no mail need not pay

    for place in sorted((files("diagnose.knowledge") / folder).iterdir(), key=lambda each: _order(each.name)):
        if place.name.endswith(".toml"):
            document = toml.loads(place.read_text("utf-8"))
            name = place.name.removesuffix(".toml")
            shared = {"speaker": name} if folder == "speakers" else {"label": name}
            for row in document.get("phrase", ()):
                yield _phrase({**shared, **document.get("all", {}), **row})


def _phrase(row: Mapping[str, Any]) -> Phrase:
    values = dict(row)
    for key in ("examples", "counter"):
        values[key] = tuple(values.get(key, ()))
    values["grip"] = Grip[values.get("grip", "phrase").upper()]
    return Phrase(**values, needs=required_literals(values["pattern"]))


@cache
def of_speakers() -> tuple[Phrase, ...]:
    """The phrases of one speaker each, in the order in which they are tried."""
    return tuple(_phrases("speakers"))


@cache
def of_anybody() -> tuple[Phrase, ...]:
    """The phrases that anybody may use: the best of those that fit counts."""
    return tuple(_phrases("sayings"))


@cache
def _peers() -> tuple[str, ...]:
    return tuple(sorted({each.peer for each in (*of_speakers(), *of_anybody()) if each.peer is not None}))


def speaking(host: str | None) -> tuple[str, ...]:
    """The values of `peer` that fit a host name."""
    return tuple(peer for peer in _peers() if compiled(peer).search(host)) if host else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a status code says by itself. label: its reading where no words are understood. allows: the labels that words
    beside it may mean, empty for all."""

    label: str
    allows: frozenset[str] = frozenset()
    grip: Grip = Grip.CODE


@cache
def _codes() -> tuple[tuple[re.Pattern[str], str | None, Code], ...]:
    from diagnose import toml

    document = toml.loads((files("diagnose.knowledge") / "codes.toml").read_text("utf-8"))
    return tuple(
        (
            re.compile(row["code"]),
            row.get("at"),
            Code(
                label=row["label"],
                allows=frozenset((*row["allows"], row["label"])) if "allows" in row else frozenset(),
                grip=Grip[row.get("grip", "code").upper()],
            ),
        )
        for row in document["code"]
    )


def code(reply: int | None, enhanced: str | None, stage: str | None) -> Code | None:
    """What a reply's codes say: the enhanced one ("5.1.1") where that is specific, else the plain one."""
    for said in (enhanced, str(reply) if reply is not None else None):
        for pattern, at, meaning in _codes():
            if said and pattern.fullmatch(said) and (at is None or (stage is not None and re.fullmatch(at, stage))):
                return meaning
    return None

"""What a text means by the concepts of its words, where nobody has written down its phrase.

"Unable to sign in to the outgoing server" and "SMTP login was denied" name the same stage and the same outcome in other
words. `concepts.toml` names the words of each concept, and as rules which concepts within one clause mean which label.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from diagnose.knowledge import documents
from diagnose.patterns import late

_REACH = 12  # words between the first and the last that a rule takes together
_NEGATED = 4  # words after a negation that it still denies
_NOT = frozenset("not no never cannot without nor neither unable fails failed refused denied".split())
_CLAUSE = late(r"(?<=[.;!?])\s|\n|\s[|-]\s")
_ADVICE = late(
    r"\?$|\b(?:please|check|make sure|ensure|if|whether|when|should|how to|you (?:can|may|need))\b", re.IGNORECASE
)
_SETTING = late(r"\b[\w-]+=(?=\S)|\btime-? ?out\W{1,3}\d", re.IGNORECASE)
_ADDRESS = late(r"\S+@\S+")
_PATH = late(r"\S*[/\\]\S*")
_NAME = late(r"\b(?=[\d.]*[A-Za-z_-])[\w-]+(?:\.[\w-]+)+\b")  # a host's or a module's
_PART = late(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = late(r"[a-z]+")

_Term = tuple[str, ...]  # words, each with its star; the first may begin with "!"


@functools.cache
def _terms() -> tuple[Mapping[str, list[tuple[str, _Term, bool]]], frozenset[int]]:
    """By the first word without its star: concept, all words, whether negated; and how long those with a star are."""
    found: dict[str, list[tuple[str, _Term, bool]]] = {}
    for concept, terms in documents.document("concepts.toml")["words"].items():
        for term in terms.split():
            words = tuple(term.removeprefix("!").split("_"))
            found.setdefault(words[0], []).append((concept, words, term.startswith("!")))
    return found, frozenset(len(word) - 1 for word in found if word.endswith("*"))


@functools.cache
def _rules() -> tuple[tuple[str, tuple[frozenset[str], ...], frozenset[str]], ...]:
    return tuple(
        (
            row["label"],
            tuple(frozenset(need.split("|")) for need in row["needs"].split()),
            frozenset(row.get("but", "").split()),
        )
        for row in documents.document("concepts.toml")["rules"]
    )


def meaning(text: str) -> str | None:
    """The label of the first rule that a clause of the text fits."""
    clauses = [_concepts(_words(clause)) for clause in _CLAUSE.split(text) if not _ADVICE.search(clause)]
    fitting = (label for label, needs, but in _rules() if any(_fits(found, needs, but) for found in clauses))
    return next(fitting, None)


def _fits(found: Mapping[str, list[int]], needs: tuple[frozenset[str], ...], but: frozenset[str]) -> bool:
    """Whether there is one place of each need, all different, near one another."""
    if any(need.isdisjoint(found) for need in needs) or not but.isdisjoint(found):
        return False
    places = [{at for each in need for at in found.get(each, ())} for need in needs]
    return any(max(chosen) - min(chosen) <= _REACH for chosen in _choices(places, ()))


def _words(clause: str) -> list[str]:
    clause = _SETTING.sub(" ", clause)
    clause = _NAME.sub(" sitename ", _PATH.sub(" ", _ADDRESS.sub(" mailaddress ", clause)))
    clause = _PART.sub(" ", clause).lower()
    return _WORD.findall(clause.replace("n't", " not").replace("n’t", " not"))


def _concepts(words: list[str]) -> dict[str, list[int]]:
    """The concepts of a clause, each with the places of its words."""
    terms, lengths = _terms()
    found: dict[str, list[int]] = {}
    for at, word in enumerate(words):
        keys = (word, *(f"{word[:length]}*" for length in lengths if length <= len(word)))
        for concept, term, negated in (each for key in keys for each in terms.get(key, ())):
            if len(term) > 1 and not _goes_on(term, words[at : at + len(term)]):
                continue
            if not negated or not _NOT.isdisjoint(words[max(0, at - _NEGATED) : at]):
                found.setdefault(concept, []).append(at)
    return found


def _goes_on(term: _Term, words: list[str]) -> bool:
    return len(words) == len(term) and all(
        word.startswith(each[:-1]) if each.endswith("*") else word == each
        for each, word in zip(term, words, strict=True)
    )


def _choices(places: list[set[int]], chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if not places:
        yield chosen
        return
    for at in places[0]:
        if at not in chosen and (not chosen or abs(at - chosen[0]) <= _REACH):
            yield from _choices(places[1:], (*chosen, at))

"""The meaning of a text by the concepts of its words, for texts without a known phrase.

"Unable to sign in to the outgoing server" and "SMTP login was denied" express the same stage and outcome in
different words. `concepts.toml` lists the words of each concept, in English and other languages, and rules that map
concepts within one clause to a label.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping

from diagnose.knowledge import documents
from diagnose.patterns import late

_REACH = 12  # words between the first and the last concept of a rule
_NEGATED = 4  # words after a negation to which it still applies
_NOT = frozenset(
    "not no never cannot without nor neither unable fails failed refused denied "
    "nicht kein keine keinen keiner n ne pas non nao nie niet geen не нет tidak inte ikke nem nu".split()
)
_NOT_BEHIND = frozenset("nicht niet".split())  # the verb, at most two words
_STOP = "colon"  # stands for one: a negation does not go beyond it
_CLAUSE = late(
    r"(?<=[.;!?])\s|,?\s(?=(?:please|check|make sure|ensure|bitte)\b)|[。！？，]|\n|(?:\\r)?\\n(?![a-z])|\s[|-]\s",
    re.IGNORECASE,
)
_ADVICE = late(
    r"\?$|\b(?:want to|avoid|prevent|worry|please(?! (?:enable|configure)\b)|check|make sure|ensure|if|whether|when|should|how to|you (?:can(?! send)|may|need)|bitte|v[ée]rifi(?:ez|que)|"
    r"compruebe|sprawdź|проверьте|raise|throw new|or die)\b|请|請|ください",
    re.IGNORECASE,
)
_SETTING = late(
    r"\b[\w-]+=(?=\S)|\btime-? ?out *[:=] ?\d|\bbad sequence of commands|\b(?:terminated with )?exit (?:code|status) \d",
    re.IGNORECASE,
)
_UNAUTHORIZED = late(r"\b(?:HTTP|status(?:[ _]?code)?)\W{1,4}40[13]\b|\b40[13] HTTP\b", re.IGNORECASE)  # RFC 9110, 15.5
_VERSION = late(r"\b(?:TLS|SSL) ?v?\d(?:\.\d)?\b", re.IGNORECASE)
_GREETING = late(r"\b220[ -]")  # of a server without TLS (RFC 5321, section 4.2)
_ADDRESS = late(r"(?<!\S)\S+@\S+")
_PATH = late(
    r"(?<!\w)[/\\]\S+|(?<!\S)[^\s/\\]*[/\\][^\s/\\]*[/\\]\S*|\bno such file\b", re.IGNORECASE
)  # or the message that it is missing
_IDENTIFIER = late(
    r"(?<![\w.-])(?:[\w-]+\.)+(?=[a-z]*[A-Z][a-z]+[A-Z]|[a-z]+[A-Z]|(?:auth|log_?[io]n|connect|send|deliver|start_?tls)\w*\b(?![.-]))"
)  # its modules, before the name itself
_NAME = late(r"\b(?=[\d.]*[A-Za-z_-])[\w-]+(?:\.[\w-]+)+\b")  # a host's or a module's
_PART = late(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = late(r"[^\W\d_]+")
_UNSPACED = late(r"[\u3040-\u30ff\u4e00-\u9fff]+")  # a run of Chinese or Japanese

_Term = tuple[str, ...]  # words, with "*" for a prefix


@functools.cache
def _terms() -> tuple[Mapping[str, list[tuple[str, _Term, bool]]], frozenset[int]]:
    """(concept, words of the term, whether negated) by the term's first word; and the lengths of first words with a
    star."""
    found: dict[str, list[tuple[str, _Term, bool]]] = {}
    known = documents.document("concepts.toml")
    for concept, terms in (*known["words"].items(), *known["abroad"].items()):
        for term in _folded(terms).split():
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
    """The label of the first rule that a clause of the text matches, None if there is none."""
    clauses = [_concepts(_words(clause)) for clause in _CLAUSE.split(text) if not _ADVICE.search(clause)]
    fitting = (label for label, needs, but in _rules() if any(_fits(found, needs, but) for found in clauses))
    return next(fitting, None)


def _fits(found: Mapping[str, list[int]], needs: tuple[frozenset[str], ...], but: frozenset[str]) -> bool:
    """Whether a clause has all needed concepts near each other and none of `but`."""
    if any(need.isdisjoint(found) for need in needs) or not but.isdisjoint(found):
        return False
    places = [{at for each in need for at in found.get(each, ())} for need in needs]
    return any(all(any(0 <= at - first <= _REACH for at in each) for each in places) for first in set().union(*places))


def _words(clause: str) -> list[str]:
    for pattern, said in (
        *((_UNAUTHORIZED, " unauthorized "), (_GREETING, " plaintext "), (_VERSION, " tls version "), (_SETTING, " ")),
        *((_ADDRESS, " mailaddress "), (_PATH, " "), (_IDENTIFIER, " "), (_NAME, " sitename ")),
    ):
        clause = pattern.sub(said, clause)
    clause = _folded(_PART.sub(" ", clause).replace("n't", " not").replace("n’t", " not").replace(": ", f" {_STOP} "))
    return _WORD.findall(_UNSPACED.sub(lambda run: " ".join(("", *_unspaced().findall(run[0]), "")), clause))


def _folded(text: str) -> str:
    """The text in lower case, without accents."""
    text = text.lower()
    if text.isascii():
        return text
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return plain.translate(_LETTERS)


_LETTERS = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "ß": "ss"})


@functools.cache
def _unspaced() -> re.Pattern[str]:
    """A pattern of the known words in languages without spaces between words, the longest first."""
    words = {term[0] for rows in _terms()[0].values() for _, term, _ in rows if _UNSPACED.fullmatch(term[0])}
    return re.compile("|".join(sorted(words, key=lambda each: (-len(each), each))))


def _concepts(words: list[str]) -> dict[str, list[int]]:
    """The positions of each concept in a clause's words."""
    terms, lengths = _terms()
    found: dict[str, list[int]] = {}
    for at, word in enumerate(words):
        keys = (word, *(f"{word[:length]}*" for length in lengths if length <= len(word)))
        for concept, term, negated in (each for key in keys for each in terms.get(key, ())):
            if len(term) > 1 and not _goes_on(term, words[at : at + len(term)]):
                continue
            if not negated or _is_denied(words, at):
                found.setdefault(concept, []).append(at)
    return found


def _is_denied(words: list[str], at: int) -> bool:
    before = words[max(0, at - _NEGATED) : at]
    if _STOP in before:
        before = before[len(before) - before[::-1].index(_STOP) :]
    return not (_NOT.isdisjoint(before) and _NOT_BEHIND.isdisjoint(words[at : at + 3]))


def _goes_on(term: _Term, words: list[str]) -> bool:
    return len(words) == len(term) and all(
        word.startswith(each[:-1]) if each.endswith("*") else word == each
        for each, word in zip(term, words, strict=True)
    )

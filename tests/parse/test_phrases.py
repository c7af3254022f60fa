"""Every phrase is tested by its own examples."""

from __future__ import annotations

import re

import pytest

from diagnose.knowledge import phrases
from diagnose.knowledge.literals import required_literals
from diagnose.knowledge.phrases import Phrase
from diagnose.knowledge.sayings import sayings
from diagnose.parse.words import reason

PHRASES = (*phrases.of_speakers(), *phrases.of_anybody())


def _said(phrase: Phrase, text: str) -> reason.Reason | None:
    stage = phrase.at.partition("|")[0] if phrase.at else None
    return reason.classify(text, peer=phrase.example_peer, stage=stage)


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.id)
def test_examples_get_the_label(phrase: Phrase) -> None:
    """Each example means the phrase's label, and one of them by this very phrase; near misses do not."""
    assert phrase.examples
    found = [_said(phrase, text) for text in phrase.examples]
    assert [each and each.label for each in found] == [phrase.label] * len(found)
    assert phrase.id in {each.entry for each in found if each}
    assert not [text for text in phrase.counter if (said := _said(phrase, text)) and said.label == phrase.label]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.id)
def test_phrases_are_well_formed(phrase: Phrase) -> None:
    """Labels are known, patterns compile, what is harmless says why, ids are unique."""
    assert phrase.label in sayings()
    assert re.compile(phrase.pattern)
    assert phrase.meaning or not phrase.harmless
    assert phrase.by in {"anybody", "postfix", "program"}
    assert phrase.evidence in {"", "official", "lab", "repo", "thirdparty", "recall"}
    assert [each.id for each in PHRASES].count(phrase.id) == 1


def test_codes_mean_labels_that_exist() -> None:
    for pattern, _, code in phrases._codes():
        assert {code.label, *code.allows} <= set(sayings()), pattern


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (r"connect to \S+: (?:a|b)", ("connect to ",)),
        (r"a|b", ()),
        (r"^535 5\.7\.8\b", ("535 5.7.8",)),
        (r"abcd?", ("abc",)),
        (r"(?:x|y)z+", ()),
        (r"[a-z]lit\?eral", ("lit?eral",)),
        (r"ab{2}c", ()),
        (r"one|t(?:w|v)o three|fo?ur", ("o three", "one", "ur")),
        (r"No Such", ("no such",)),
        (r"(?:not |un)known (?:user|host)", ("known ",)),
        (r"(?:user|host)(?: is)? (?:un)?\w+", ("host", "user")),
        (r"(?:abc|def)?xy", ("xy",)),
        (r"a(?!bcd)ef", ("ef",)),
    ],
)
def test_required_literals(pattern: str, literals: tuple[str, ...]) -> None:
    """The literal that gates a pattern is part of every text that the pattern matches."""
    assert required_literals(pattern) == literals


def test_literals_are_in_what_the_patterns_match() -> None:
    """Of every entry, in every example."""
    for phrase in PHRASES:
        for example in phrase.examples:
            found = re.search(phrase.pattern, example, re.IGNORECASE | re.DOTALL)
            if found and phrase.needs:
                assert any(each in found[0].lower() for each in phrase.needs), (phrase.id, example)
    assert sum(not phrase.needs for phrase in PHRASES) < 0.1 * len(PHRASES)

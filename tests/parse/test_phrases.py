"""Every phrase is tested by its own examples."""

from __future__ import annotations

import re

import pytest

from diagnose.knowledge import phrases
from diagnose.knowledge.phrases import Phrase
from diagnose.knowledge.sayings import sayings
from diagnose.parse.words import reason

PHRASES = tuple(map(phrases.phrase, phrases.rows_of_all()))


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


def test_literals_are_in_what_the_patterns_match() -> None:
    """Every example is found by its literals, as the whole pattern finds it, which no branch can end or name."""
    for phrase, made in zip(PHRASES, phrases.every(), strict=True):
        assert not re.search(r"\(\?[Pa-z]", phrase.pattern), phrase.id
        for example in phrase.examples:
            found = re.search(phrase.pattern, example, re.IGNORECASE | re.DOTALL)
            length = max(1, len(found[0])) if found else 0
            assert made.search(example, example.lower()) == length, (phrase.id, example)
            assert not found or made in phrases.possible(example.lower())
    assert sum(not all(groups for _, groups in made.ways) for made in phrases.every()) < 0.02 * len(PHRASES)

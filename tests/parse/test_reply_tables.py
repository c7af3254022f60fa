"""Every entry of the reply tables is tested by its own examples."""

from __future__ import annotations

import re

import pytest

from diagnose.knowledge.sayings import sayings
from diagnose.parse.text.literals import required_literals
from diagnose.parse.words import reason, reply_table

ENTRIES = reply_table.entries()


def _stage(entry: reply_table.Entry) -> str | None:
    return entry.at.partition("|")[0] if entry.at else None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_examples_get_the_label(entry: reply_table.Entry) -> None:
    """Each example of an entry is classified with the entry's label, and one of them by this very entry."""
    assert entry.examples
    found = [reason.classify(text, peer=entry.example_peer, stage=_stage(entry)) for text in entry.examples]
    assert [each and each.label for each in found] == [entry.label] * len(found)
    assert entry.id in {each.entry for each in found if each}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_entries_are_well_formed(entry: reply_table.Entry) -> None:
    """Labels are known, patterns compile, meaning and source are stated, the required literal is in every example."""
    assert entry.label in sayings()
    assert re.compile(entry.pattern)
    assert entry.meaning
    assert entry.source
    assert entry.evidence in {"official", "lab", "repo", "thirdparty", "recall"}
    assert 1 <= entry.weight <= 9
    for other in ENTRIES:
        assert other is entry or other.id != entry.id


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
    for entry in ENTRIES:
        for example in entry.examples:
            found = re.search(entry.pattern, example, re.IGNORECASE | re.DOTALL)
            if found and entry.needs:
                assert any(each in found[0].lower() for each in entry.needs), (entry.id, example)
    assert sum(not entry.needs for entry in ENTRIES) < 0.1 * len(ENTRIES)

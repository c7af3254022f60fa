"""The words of causes: what they assert, how long they are, and that nothing in them stays open."""

from __future__ import annotations

import re

import pytest

from diagnose.knowledge import sayings
from diagnose.knowledge.causes import all_causes
from diagnose.model import Cause
from diagnose.rank import diagnose_words, fill, worded
from diagnose.report import digest
from diagnose.report.json_ import as_plain
from diagnose.report.page import Terminal
from diagnose.report.text import render
from diagnose.statement import fail
from tests.test_report import report

# What only a probe or a look at this host can have shown. A text says none of it.
MEASURED = re.compile(
    r"from here|from this host|was reached|is reached|was seen|were seen|other ports connect|while others? |unrelated|"
    r"nothing on this host|no rule of this host|answers? here|follows\b",
    re.I,
)
OURS = re.compile(r"\b(anew|beside|by way of|a name that is none|tells? apart|stand-in|deciban|line 0)\b", re.I)
HOLE = re.compile(r"<[A-Z][A-Z-]*>|[{}|]")
# A noun that stands for what is not known, where the sentence has that noun already, or wants a value.
DOUBLED = re.compile(r"\b(\w+) (?:the|this) \1\b|(?:TCP|=) ?(?:the|this)\b")


@pytest.mark.parametrize("cause", all_causes(), ids=lambda cause: cause.id)
def test_a_cause_is_worded_for_whatever_is_known(cause: Cause) -> None:
    bare = worded(cause, {})
    for text in (bare.title, bare.explanation, bare.otherwise):
        assert not HOLE.search(text), text
        assert not MEASURED.search(text), text
        assert not OURS.search(text), text
    assert not DOUBLED.search(fill(cause.remedy, {}))
    assert len(bare.title) <= 74
    assert not bare.title.endswith(".")


@pytest.mark.parametrize("label", sorted(sayings.sayings()))
def test_a_text_alone_asserts_nothing_that_was_not_measured(label: str) -> None:
    """Whatever words suggest, the report names the words and measures nothing."""
    found = diagnose_words([fail(f"mail.{label}", "line 1", "line 1: WORDS", label=label)])
    for number in range(len(found)):
        plain = as_plain(report(*found[number:]))
        for diagnosis in plain["diagnoses"]:
            diagnosis["remedy"]["text"] = ""  # what to do is not what is so
            diagnosis["against"] = []
        text = render(plain, Terminal(width=200), about=())
        assert not MEASURED.search(text), text
        assert not re.search(r"<[A-Z][A-Z-]*>", digest.verdict(plain))

"""Patterns that are compiled late find what the compiled ones find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.patterns import alternatives, late, may_fit, required


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"connect to \S+: (?:a|b)", (("connect to ",), (": ",))),
        (r"a|b", ()),
        (r"^535 5\.7\.8\b", (("535 5.7.8",),)),
        (r"abcd?", (("abc",),)),
        (r"(?:x|y)z+", ()),
        (r"[a-z]lit\?eral", (("lit?eral",),)),
        (r"ab{2}c", ()),
        (r"one|t(?:w|v)o three|fo?ur", (("o three", "one", "ur"),)),
        (r"No Such .*(?:User|Host)", (("no such ",), ("host", "user"))),
        (r"(?:user|host)(?: is)? (?:un)?\w+", (("host", "user"),)),
        (r"(?:abc|def)?xy", (("xy",),)),
        (r"a(?!bcd)ef(?<=ghi)", (("ef",),)),
        (r"(?P<q>['\"])ab(?P=q)cd", (("ab",), ("cd",))),
        (r"\x41bc\012de\u0041fg", (("bc",), ("de",), ("fg",))),
        (r"(?i:abc)(?>de)", (("abc",), ("de",))),
        (r"(ab)(?(1)cd|ef)", ()),
        (r"(?x) a b", ()),
        (r"(?:(?:ab|cd)ef)+|gh", (("ef", "gh"),)),
    ],
)
def test_what_a_pattern_requires(pattern: str, groups: object) -> None:
    assert required(pattern) == groups


def test_branches_are_those_outside_of_groups() -> None:
    assert alternatives(r"a(?:b|c)[|]\||d(?=e|f)|") == (r"a(?:b|c)[|]\|", "d(?=e|f)", "")


_PATTERNS = (
    r"(?P<head>from|to)=<(?P<who>[^>]*)>(?:, size=\d+)?",
    r"connect(?:ed|ion)? (?:to|from) \[?(\d+)\]?",
    r"^(?:4\d\d|5\d\d) .*(?:too many|rate)\b",
    r"(?:ab|cd){0,2}ef",
    r"(['\"])x\1yz",
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(_PATTERNS), st.sampled_from([0, re.IGNORECASE]), st.booleans())
def test_late_patterns_match_the_same(data: st.DataObject, pattern: str, flags: int, fitting: bool) -> None:
    text = data.draw(st.from_regex(re.compile(pattern, flags)) if fitting else st.text(max_size=30))
    compiled, found = re.compile(pattern, flags), late(pattern, flags).search(text)
    assert (found and found.span()) == ((again := compiled.search(text)) and again.span())
    assert not found or not text.isascii() or may_fit(required(pattern), text.lower())
    assert late(pattern, flags).sub("-", text) == compiled.sub("-", text)
    assert [each.span() for each in late(pattern, flags).finditer(text)] == [
        each.span() for each in compiled.finditer(text)
    ]

"""Replies in words that no table quotes: made up by someone who did not look at the tables, then kept."""

import json
from pathlib import Path

from diagnose.mail.fate import meaning
from diagnose.parse.words.reason import classify

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "reply_words.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_the_words_tell_the_cause() -> None:
    """At least 97 in 100 replies are understood by their words and the stage at which they came."""
    wrong = []
    for case in CASES:
        found = classify(case["text"], peer=case["peer"], stage=case["stage"])
        means = meaning(found)
        said = means.cause if means is not None else ""
        if said not in case["accept"]:
            wrong.append((case["text"], case["accept"], said))
    assert len(wrong) <= 0.03 * len(CASES), wrong

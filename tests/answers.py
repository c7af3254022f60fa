"""The golden file of answers to every kept case: `python -m tests.answers` rewrites it.

A change of an answer is then a line of a reviewed diff.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from diagnose.mail.explain import explain
from diagnose.model import Confidence, Report

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "answers.tsv"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)


def told(report: Report) -> str:
    """The first three causes that nothing else explains; the certain ones marked."""
    first = [d for d in report.diagnoses if d.explained_by is None][:3]
    marks = {Confidence.CERTAIN: "!", Confidence.LIKELY: "", Confidence.POSSIBLE: "?"}
    return " ".join(f"{d.cause.id}{marks[d.confidence]}" for d in first) or "-"


def answers() -> Iterator[str]:
    """Lines of file, case and answer, tab separated."""
    for name in ("field_cases", "more_cases", "posted_cases", "stranger_cases", "reply_words"):
        for number, line in enumerate((DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
            text = json.loads(line)["text"]
            yield f"{name}\t{number}\t{told(explain(text.splitlines(), name, NOW))}"


def main() -> None:
    GOLDEN.write_text("\n".join(answers()) + "\n", encoding="utf-8")
    sys.stdout.write(f"{GOLDEN}: {len(GOLDEN.read_text(encoding='utf-8').splitlines())} answers\n")


if __name__ == "__main__":
    main()

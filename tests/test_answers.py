"""The kept answers are today's."""

from tests.answers import GOLDEN, answers


def test_answers_are_those_that_were_reviewed() -> None:
    """A difference is either a bug or a wanted change: then run `python -m tests.answers` and read the diff."""
    assert list(answers()) == GOLDEN.read_text(encoding="utf-8").splitlines()

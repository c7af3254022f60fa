"""Quick dataclasses compare, hash and print as the standard's."""

from __future__ import annotations

import dataclasses
from dataclasses import field

from diagnose.record import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    number: int
    words: tuple[str, ...] = field(default=("a",))


@dataclass(slots=True)
class Open:
    number: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    number: int
    words: tuple[str, ...] = field(default=("a",))


def test_they_are_dataclasses() -> None:
    one = Ours(number=1)
    assert repr(one) == repr(Theirs(number=1)).replace("Theirs", "Ours")
    assert one == Ours(number=1) == dataclasses.replace(Ours(number=2), number=1)
    assert one != Ours(number=1, words=())
    assert len({one, Ours(number=1), Ours(number=2)}) == 2
    assert dataclasses.asdict(one) == {"number": 1, "words": ("a",)}
    assert not hasattr(one, "__dict__")


def test_what_may_change_has_no_hash() -> None:
    assert Open(1) == Open(1)
    assert Open.__hash__ is None

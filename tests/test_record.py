"""Quick dataclasses compare, hash and print as the standard's."""

from __future__ import annotations

import dataclasses
from dataclasses import field

import pytest

from diagnose.record import dataclass, frozen


@frozen
class Ours:
    number: int
    words: tuple[str, ...] = field(default=("a",))


@dataclass
class Open:
    number: int


@dataclass
class Kept(Open):
    """Of each way to be given, after one that is inherited."""

    name: str = "n"
    found: list[int] = field(default_factory=list)
    late: int = field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        self.found.append(self.number)


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


def test_fields_are_given_as_to_the_standard_ones() -> None:
    first, second = Kept(1), Kept(2, "m", [0], late=4)
    assert (first.name, first.found, first.late) == ("n", [1], 3)
    assert (second.number, second.name, second.found, second.late) == (2, "m", [0, 2], 4)
    assert Kept(5).found == [5]
    with pytest.raises(TypeError):
        Kept()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Kept(1, "m", [], 4)  # type: ignore[call-arg]

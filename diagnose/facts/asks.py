"""What a fact needs of a check's context, and asking several questions at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from diagnose import threads
from diagnose.errors import Late
from diagnose.host.query import Glob, Query
from diagnose.model import Target

R = TypeVar("R")


class Asks(Protocol):
    """What a fact needs of a check's context. deadline: on the monotonic clock, in seconds."""

    target: Target

    @property
    def settings(self) -> Any: ...

    @property
    def deadline(self) -> float: ...

    def ask(self, query: Query[R]) -> R: ...

    def settle(self, query: Query[R], reply: R) -> R: ...

    def claim(self, query: Query[Any]) -> bool: ...

    def has(self, query: Query[Any], until: float = 0.0) -> bool: ...


class Same(Generic[R]):
    """Replies as a key by identity: hashing them costs more than reading them."""

    def __init__(self, *replies: R) -> None:
        self.replies = replies

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and all(a is b for a, b in zip(self.replies, other.replies, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.replies)))


def globbed(ctx: Asks, patterns: Iterable[str], most: int | None = None) -> Iterator[str]:
    """The paths that each of the patterns fits, at most so many of each."""
    for pattern in patterns:
        yield from ctx.ask(Glob(pattern)).paths[:most]


def ask_all(ctx: Asks, queries: Sequence[Query[R]]) -> list[R]:
    """The answers to several questions asked at once, in the order of the questions. Raises Late if the check's time
    ends before all have answered; each question's own timeout should be shorter.
    """
    answers: dict[Query[R], R] = {}
    errors: list[BaseException] = []

    def work(query: Query[R]) -> None:
        try:
            answers[query] = ctx.ask(query)
        except BaseException as error:  # handed to the asker below
            errors.append(error)

    ask_each(ctx, queries, work, ctx.deadline)
    if errors:
        raise errors[0]
    if any(query not in answers for query in queries):
        raise Late("not all questions were answered in time")
    return [answers[query] for query in queries]


def ask_each(ctx: Asks, queries: Sequence[Query[Any]], work: Callable[[Query[Any]], None], until: float) -> None:
    """`work`, which asks, for all questions at once; back `until` then. A thread takes longer than an answer that is there, and for
    what another check has asked it would only wait: that is taken here, as it comes."""
    claimed = {query: ctx.claim(query) for query in dict.fromkeys(queries)}
    threads.together([functools.partial(work, query) for query, mine in claimed.items() if mine], until)
    for query, mine in claimed.items():
        if not mine and ctx.has(query, until):
            work(query)

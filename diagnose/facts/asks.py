"""The part of a check's context that facts use, and parallel queries."""

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
    """The part of a check's context that facts use. deadline: seconds on the monotonic clock."""

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
    """A cache key that compares replies by identity: hashing their contents costs more than parsing them."""

    def __init__(self, *replies: R) -> None:
        self.replies = replies

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and all(a is b for a, b in zip(self.replies, other.replies, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.replies)))


def globbed(ctx: Asks, patterns: Iterable[str], most: int | None = None) -> Iterator[str]:
    """The paths that match the patterns, at most `most` for each pattern."""
    for pattern in patterns:
        yield from ctx.ask(Glob(pattern)).paths[:most]


def ask_all(ctx: Asks, queries: Sequence[Query[R]]) -> list[R]:
    """The replies to queries asked in parallel, in the order of the queries. Raises Late if the check's deadline
    passes before all are answered; each query's own timeout should be shorter."""
    answers: dict[Query[R], R] = {}
    errors: list[BaseException] = []

    def work(query: Query[R]) -> None:
        try:
            answers[query] = ctx.ask(query)
        except BaseException as error:  # raised below
            errors.append(error)

    ask_each(ctx, queries, work, ctx.deadline)
    if errors:
        raise errors[0]
    if any(query not in answers for query in queries):
        raise Late("not all questions were answered in time")
    return [answers[query] for query in queries]


def ask_each(ctx: Asks, queries: Sequence[Query[Any]], work: Callable[[Query[Any]], None], until: float) -> None:
    """Calls `work`, which asks, for each distinct query, in parallel; returns at `until` at the latest. Only queries
    not asked before get a thread; the replies to others are awaited in this thread."""
    claimed = {query: ctx.claim(query) for query in dict.fromkeys(queries)}
    threads.together([functools.partial(work, query) for query, mine in claimed.items() if mine], until)
    for query, mine in claimed.items():
        if not mine and ctx.has(query, until):
            work(query)

"""What a fact needs of a check's context, and asking several questions at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from diagnose import threads
from diagnose.errors import Late
from diagnose.host.query import Query
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


def ask_all(ctx: Asks, queries: Sequence[Query[R]]) -> list[R]:
    """The answers to several questions asked at once, in the order of the questions.

    Late when the check's time ends before all have answered; each question's own time-out should be shorter.
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

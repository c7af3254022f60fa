"""What a fact needs of a check's context, and asking several questions at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
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

    def has(self, query: Query[Any]) -> bool: ...


def ask_all(ctx: Asks, queries: Sequence[Query[R]]) -> list[R]:
    """The answers to several questions asked at once, in the order of the questions.

    Late when the check's time ends before all have answered; each question's own time-out should be shorter.
    """
    if all(map(ctx.has, queries)):  # a thread takes longer than an answer that is there
        return [ctx.ask(query) for query in queries]
    answers: list[R | None] = [None] * len(queries)
    errors: list[BaseException] = []

    def work(index: int, query: Query[R]) -> None:
        try:
            answers[index] = ctx.ask(query)
        except BaseException as error:  # handed to the asker below
            errors.append(error)

    threads.together([functools.partial(work, *pair) for pair in enumerate(queries)], ctx.deadline)
    if errors:
        raise errors[0]
    if any(answer is None for answer in answers):
        raise Late("not all questions were answered in time")
    return [answer for answer in answers if answer is not None]

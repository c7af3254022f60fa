"""A question whose answer is fetched while the program still loads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

from diagnose import threads

if TYPE_CHECKING:
    from diagnose.host.live import LiveHost
    from diagnose.host.query import Query

R = TypeVar("R")


class Ahead(Generic[R]):
    """Asks at once, in a thread of its own; `reply` waits for the answer, or raises what asking raised."""

    def __init__(self, host: LiveHost, query: Query[R], seconds: float) -> None:
        """seconds: the time limit, from now."""
        self._deadline = time.monotonic() + seconds
        self._answers: list[R] = []
        self._error: Exception | None = None
        self._thread = threads.begin(lambda: self._ask(host, query))
        if self._thread is None:
            self._ask(host, query)

    def _ask(self, host: LiveHost, query: Query[R]) -> None:
        try:
            self._answers.append(host.answer(query, self._deadline))
        except Exception as error:
            self._error = error

    @property
    def done(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def reply(self) -> R:
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._answers[0]

"""A question whose answer is fetched while the program still loads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from diagnose.host.live import LiveHost
    from diagnose.host.query import Query

R = TypeVar("R")


class Ahead(Generic[R]):
    """Asks at once, in a thread of its own; `reply` waits for the answer, or raises what asking raised."""

    def __init__(self, host: LiveHost, query: Query[R], seconds: float) -> None:
        """seconds: the time there is, from now."""
        self._deadline = time.monotonic() + seconds
        self._answers: list[R] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._ask, args=(host, query), daemon=True)
        self._thread.start()

    def _ask(self, host: LiveHost, query: Query[R]) -> None:
        try:
            self._answers.append(host.answer(query, self._deadline))
        except Exception as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def reply(self) -> R:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._answers[0]

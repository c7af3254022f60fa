"""Pings a dead man's switch, a service that alerts when pings stop (API of healthchecks.io)."""

from __future__ import annotations

import functools
import threading
import time
import uuid
from dataclasses import field

from diagnose import threads
from diagnose.errors import UsageError
from diagnose.record import dataclass

TRIES = 3
ONE = 5.0  # seconds that a single ping may take


@dataclass
class Heartbeat:
    """url: the check's ping address, a secret; statuses: whether to report each pass's exit status, not only a ping;
    problems: what went wrong, without any part of the address."""

    url: str
    statuses: bool = False
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    problems: list[str] = field(default_factory=list)
    _started: threading.Thread | None = None

    def __post_init__(self) -> None:
        from diagnose.host.gather import parts
        from diagnose.host.live.web import check_url
        from diagnose.parse.text.masking import KNOWN

        wrong = check_url(self.url)
        if wrong:
            raise UsageError(f"--heartbeat: {wrong}")
        KNOWN.add(*parts(self.url))

    def start(self, deadline: float) -> None:
        """Pings in a thread of its own, if one can be started: a service that hangs must not delay the pass."""
        ping = functools.partial(self._ping, "start", "", deadline, 1)
        self._started = threads.begin(ping)
        if self._started is None:
            ping()

    def end(self, status: int, text: str, deadline: float, *, silent: bool = False) -> None:
        """silent: the watch itself failed, or no alarm can be delivered; then the dead man's switch is what remains."""
        if self._started:
            self._started.join(max(0.0, deadline - time.monotonic()))
        told = status if self.statuses else int(silent)
        self._ping(str(told), text, deadline, TRIES)

    def _ping(self, what: str, text: str, deadline: float, tries: int) -> None:
        from urllib.parse import urlsplit, urlunsplit

        from diagnose.host.live.web import send
        from diagnose.parse.text.masking import leaving

        parts = urlsplit(self.url)
        query = f"{parts.query}&rid={self.run}" if parts.query else f"rid={self.run}"
        url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{what}", query=query))
        problem = "no time was left for it"
        for attempt in range(tries):
            left = deadline - time.monotonic()
            if left <= attempt:
                break
            time.sleep(attempt)
            begun = time.monotonic()
            answer = send(
                url, leaving(text).encode()[:9000], {"Content-Type": "text/plain; charset=utf-8"}, min(ONE, left)
            )
            problem = answer.problem
            if not problem:
                return
            if time.monotonic() - begun >= 0.9 * ONE:
                break  # it hangs: once is enough
        self.problems.append(f"heartbeat ({'start' if what == 'start' else 'end'}): {problem}")

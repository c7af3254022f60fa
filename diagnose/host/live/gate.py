"""Limits this process's sockets: few in all, and one session at a time per remote address and port."""

from __future__ import annotations

import threading
import time

Peer = tuple[str, int]


class Gate:
    def __init__(self, sockets: int = 48) -> None:
        self._free = sockets
        self._busy: set[Peer] = set()
        self._silent: dict[Peer, tuple[float, float]] = {}
        self._changed = threading.Condition()

    def enter(self, peer: Peer) -> bool:
        """Reserves a socket and the peer; False at once if either is taken."""
        with self._changed:
            if self._free < 1 or peer in self._busy:
                return False
            self._free -= 1
            self._busy.add(peer)
            return True

    def leave(self, peer: Peer) -> None:
        with self._changed:
            self._free += 1
            self._busy.discard(peer)
            self._changed.notify_all()

    def silence(self, peer: Peer, seconds: float) -> None:
        """Records that the peer left a connect unanswered for so many seconds, until now."""
        with self._changed:
            self._silent[peer] = (time.monotonic(), seconds)

    def silent_since(self, peer: Peer, moment: float) -> float | None:
        """How long (seconds) the peer left a connect unanswered that ended after `moment` (monotonic)."""
        with self._changed:
            ended, seconds = self._silent.get(peer, (0.0, 0.0))
        return seconds if ended > moment else None

    def pause(self, seconds: float) -> None:
        """Returns when a reservation ends, or after `seconds`."""
        with self._changed:
            self._changed.wait(max(0.0, seconds))

    def take(self, sockets: int, deadline: float) -> bool:
        """Reserves several sockets at once, waiting until `deadline` (monotonic); False if they did not become free."""
        with self._changed:
            while self._free < sockets:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            self._free -= sockets
            return True

    def give(self, sockets: int) -> None:
        with self._changed:
            self._free += sockets
            self._changed.notify_all()


GATE = Gate()

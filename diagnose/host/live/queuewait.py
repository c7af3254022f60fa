"""How many messages wait, and when the next is retried: from the queue files' metadata alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from diagnose.host.live.queuefiles import directories
from diagnose.record import frozen

_MOST = 50_000  # files that are looked at


@frozen
class Waiting:
    """moving: active or incoming; next: seconds until the next deferred one is due, None if there is none or the mailer does not tell."""

    moving: int = 0
    deferred: int = 0
    held: int = 0
    next: float | None = None

    @property
    def total(self) -> int:
        return self.moving + self.deferred

    @property
    def words(self) -> str:
        """Such as "2 messages wait, next try in 52 s"."""
        if not self.total:
            return "no message waits"
        count = f"{self.total} message{'s wait' if self.total > 1 else ' waits'}"
        if self.next is None:
            return f"{count}, tried right now" if self.moving else count
        return f"{count}, next try in {self.next:.0f} s" if self.next > 0 else f"{count}, next try within minutes"


def waiting(root: str) -> Waiting:
    """Counts the waiting messages. root: queue_directory; "" gives an empty result."""
    if not root:
        return Waiting()
    now = time.time()
    due = [entry.stat(follow_symlinks=False).st_mtime for entry in _entries(root, "deferred")]
    return Waiting(
        moving=sum(1 for queue in ("active", "incoming", "maildrop") for _ in _entries(root, queue)),
        deferred=len(due),
        held=sum(1 for _ in _entries(root, "hold")),
        next=max(0.0, min(due) - now) if due else None,
    )


def _entries(root: str, queue: str) -> Iterator[os.DirEntry[str]]:
    left = _MOST
    for directory in directories(root, queue):
        try:
            with os.scandir(os.path.join(root, directory)) as entries:
                for entry in entries:
                    if len(entry.name) > 5 and entry.is_file(follow_symlinks=False):
                        yield entry
                        left -= 1
                        if not left:
                            return
        except OSError:
            continue

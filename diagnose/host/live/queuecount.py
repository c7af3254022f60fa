"""How many messages wait in Postfix's queue, counted without reading any."""

from __future__ import annotations

import subprocess
import time

from diagnose.host.live import queuefiles
from diagnose.host.live.system import decode, find, heard, lock
from diagnose.host.query import Lock
from diagnose.record import dataclass


@dataclass(frozen=True)
class Count:
    """Messages by queue. exact: every directory was listed; else the rest is estimated."""

    queues: dict[str, int]
    exact: bool

    @property
    def total(self) -> int:
        return sum(self.queues.values())


def count(queue_directory: str, deadline: float, enough: int = 1 << 62) -> Count | None:
    """How many messages wait, by listing the queue's directories; estimated for directories not listed by the
    deadline, or once a queue has shown enough. None if not root. Costs 3 % of postqueue(1)."""
    queues: dict[str, int] = {}
    exact = True
    for queue in queuefiles.QUEUES:
        found = queuefiles.directories(queue_directory, queue)
        counts: list[int] = []
        for directory in found:
            try:
                counts.append(queuefiles.count(queue_directory, directory))
            except OSError:
                continue
            if time.monotonic() >= deadline or sum(counts) >= enough:
                break
        if not counts and not found:
            return None
        if len(counts) < len(found) and counts:
            exact = False
            # The first is the queue's own directory, where a hashed queue has no files.
            shares = [_share(directory) for directory in found]
            listed = sum(shares[1 : len(counts)])
            each = sum(counts[1:]) / listed if listed else counts[0]
            queues[queue] = counts[0] + round(each * sum(shares[1:]))
        else:
            queues[queue] = sum(counts)
    return Count(queues, exact)


def _share(directory: str) -> float:
    """The share of messages in a hash directory. Directories are named after the first of the five hexadecimal digits
    of a number of microseconds, and a second has 0xF4240 of these."""
    return 0x4240 / 0x10000 if directory.split("/")[1:2] == ["F"] else 1.0


def down(queue_directory: str) -> bool:
    """Whether no master holds its lock, as far as this user may see that; else False."""
    found = lock(Lock(f"{queue_directory}/pid/master.pid"))
    return not found.held and found.problem in (None, "not found")


def queue_directory() -> str | None:
    """Postfix's queue_directory by postconf(1); None if that fails."""
    program = find("postconf")
    if program is None:
        return None
    try:
        _, out, _ = heard([program, "-h", "queue_directory"], 3)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return decode(out).strip() or None

"""Threads, if the host allows them; otherwise the work is done in sequence."""

from __future__ import annotations

import math
import resource
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

STACK = 1_000_000  # octets; the usual eight million per thread exceed some limits
threading.stack_size(STACK)
_ARENAS = -8  # M_ARENA_MAX of mallopt(3)
if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
    # glibc reserves 64 MB of address space per thread; a thread that gets no memory on start hangs its starter.
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_ARENAS, 1)


def begin(work: Callable[[], object], name: str = "") -> threading.Thread | None:
    """A daemon thread that does the work; None if no thread can be started."""
    thread = threading.Thread(target=work, daemon=True, name=name or None)
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        return None
    return thread


def together(works: Sequence[Callable[[], object]], until: float) -> None:
    """Calls all works in parallel; returns when all are done, or at `until` on the monotonic clock. Without threads
    it calls them itself, in sequence."""
    begun = []
    for work in works:
        thread = begin(work)
        if thread is not None:
            begun.append(thread)
        elif time.monotonic() < until:
            work()
    for thread in begun:
        thread.join(None if until == math.inf else max(0.0, until - time.monotonic()))

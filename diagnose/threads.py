"""Threads where the host has some to spare; without them the work is done one after the other."""

from __future__ import annotations

import math
import resource
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

STACK = 1_000_000  # octets; the usual eight million for each are more than some limits allow
threading.stack_size(STACK)
_ARENAS = -8  # M_ARENA_MAX of mallopt(3)
if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
    # glibc sets 64 MB of address space aside for each thread's memory; a thread that gets no memory at its start hangs who starts it.
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
    """All of it at once; back when all is done, or at `until` on the monotonic clock. What finds no thread is done here."""
    begun = []
    for work in works:
        thread = begin(work)
        if thread is not None:
            begun.append(thread)
        elif time.monotonic() < until:
            work()
    for thread in begun:
        thread.join(None if until == math.inf else max(0.0, until - time.monotonic()))

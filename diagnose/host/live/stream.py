"""The output of a long-running command, read while it runs."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import threading
import time
from collections.abc import Iterator

from diagnose.host.live.quiet import popen
from diagnose.host.live.system import environment

_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031


@contextlib.contextmanager
def streamed(argv: list[str], errors: int, deadline: float | None) -> Iterator[subprocess.Popen[bytes]]:
    """The running command with a large output pipe; killed at the deadline (monotonic) or when the block ends."""
    with popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment(),
        cwd="/",
        bufsize=1 << 18,
    ) as child:
        assert child.stdout is not None
        widen(child.stdout.fileno())
        timer = None
        if deadline is not None:
            timer = threading.Timer(max(0.05, deadline - time.monotonic()), child.kill)
            timer.daemon = True
            timer.start()
        try:
            yield child
        finally:
            if timer is not None:
                timer.cancel()
            child.kill()


def widen(fd: int) -> None:
    """Enlarges a pipe, so that the writer does not wait for us at every 64 KiB."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_SIZE)

"""The tool on a terminal of its own in a lab machine: what it asks is answered as a person would."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Sequence

from .machine import CHECKOUT, Machine


def talk(m: Machine, *args: str, answers: Sequence[tuple[str, str]], timeout: float = 120) -> tuple[int, str]:
    """Exit status, and all that the terminal showed. answers: what is waited for, and what is typed then. Raises TimeoutError."""
    inner = ("env", "-C", str(CHECKOUT), f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8")
    return conversation(m.command((*inner, sys.executable, "-m", "diagnose", *args)), answers, timeout)


def conversation(argv: Sequence[str], answers: Sequence[tuple[str, str]], timeout: float = 120) -> tuple[int, str]:
    """The same with any command."""
    child, handle = pty.fork()
    if child == 0:
        os.execvp(argv[0], list(argv))
    shown, waiting, end = "", list(answers), time.monotonic() + timeout
    seen = 0
    try:
        while time.monotonic() < end:
            if not select.select([handle], [], [], 0.2)[0]:
                continue
            with contextlib.suppress(OSError):  # its end is an error on Linux
                if data := os.read(handle, 65536):
                    shown += data.decode("utf-8", "replace")
                    if waiting and waiting[0][0] in shown[seen:]:
                        seen = len(shown)
                        time.sleep(0.3)  # for echo to be switched off, as by a person's slowness
                        os.write(handle, waiting.pop(0)[1].encode())
                    continue
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status), shown
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise TimeoutError(shown)
    finally:
        os.close(handle)

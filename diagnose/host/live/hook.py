"""Runs an administrator's program with text on its standard input; and names the parent processes of this one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from diagnose.host.live.quiet import limited


def feed(argv: Sequence[str], text: str, timeout: float, environment: Mapping[str, str]) -> str:
    """Returns why it failed, "" for success. Its output is discarded, its memory limited; it and its children are
    killed at the time-out."""
    if shutil.which(argv[0]) is None:
        return "cannot be started: No such file or directory"
    try:
        process = subprocess.Popen(
            limited(argv, writes=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"cannot be started: {getattr(error, 'strerror', None) or type(error).__name__}"
    try:
        process.communicate(text.encode("utf-8", "replace"), timeout=max(0.1, timeout))
    except subprocess.TimeoutExpired:
        _end(process)
        return f"not finished after {timeout:.0f} s"
    except OSError:
        process.wait()
    if process.returncode < 0:
        return f"ended by signal {-process.returncode}"
    return f"exit status {process.returncode}" if process.returncode else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        process.kill()
    process.wait()


def ancestors(limit: int = 20) -> list[str]:
    """Names of this process's ancestors, nearest first."""
    found: list[str] = []
    pid = os.getppid()
    while pid > 0 and len(found) < limit:
        try:
            lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
        except OSError:
            break
        fields = dict(line.partition(":\t")[::2] for line in lines)
        found.append(fields.get("Name", ""))
        try:
            pid = int(fields.get("PPid", "0"))
        except ValueError:
            break
    return found

"""Runs a command that changes this host, for `fix` alone: all queries only read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from diagnose.host.live.system import decode, environment, find, scratch
from diagnose.parse.text.masking import leaving, mask, plain
from diagnose.record import dataclass

_SAID = 4000  # bytes of what a command said, from its end


@dataclass(frozen=True)
class Carried:
    """code: exit status, None if it could not be started or timed out. said: its output without secrets; raw: its
    standard output with secrets, for comparison only."""

    code: int | None
    said: str
    raw: str = ""


def carry_out(argv: Sequence[str], timeout: float, keep: Sequence[int] = ()) -> Carried:
    """Runs it without a shell.

    keep: descriptors that it inherits, such as a lock, which is then held until the command ends even if this
    process is killed. Ctrl-C at our terminal does not end it.
    """
    program = find(argv[0])
    if program is None:
        return Carried(None, f"{argv[0]}: not found")
    with scratch() as out, scratch() as complaints:
        try:
            child = subprocess.Popen(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=complaints,
                env={**environment(), "DEBIAN_FRONTEND": "noninteractive"},
                cwd="/",
                start_new_session=True,
                pass_fds=tuple(keep),
            )
        except OSError as error:
            return Carried(None, f"{argv[0]}: {error.strerror}")
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            return Carried(None, f"{argv[0]}: not finished after {timeout:.0f} s")
        raw, words = _end(out.fileno()), _end(complaints.fileno())
        return Carried(code, leaving(plain(mask(f"{raw}\n{words}".strip()))), raw)


def _end(file: int) -> str:
    return decode(os.pread(file, _SAID, max(0, os.fstat(file).st_size - _SAID))).strip()

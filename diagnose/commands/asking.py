"""What `fix` asks a person: on the terminal itself, whatever standard input is; secrets without echo."""

from __future__ import annotations

import getpass
import io
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from diagnose.errors import UsageError
from diagnose.parse.text.masking import KNOWN, leaving, plain

if TYPE_CHECKING:
    from diagnose.remedy import Ask

_LIMIT = 64_000  # bytes of a file with secrets


def terminal() -> TextIO | None:
    """The terminal that this was started from; None for cron, ssh without one, and the like."""
    try:
        handle = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    return io.TextIOWrapper(io.FileIO(handle, "w+"), line_buffering=True, errors="replace")


def answer(question: str, tty: TextIO) -> str:
    """One line; "" at its end."""
    tty.write(leaving(plain(question)))
    tty.flush()
    return tty.readline().strip()


def agreed(question: str, tty: TextIO) -> bool:
    return answer(f"{question} [y/N] ", tty).lower() in ("y", "yes")


def given(asks: Sequence[Ask], secret_file: str | None, tty: TextIO | None) -> dict[str, str]:
    """What the plan asks for, by name. Raises UsageError if it cannot be had."""
    found = _from_file(secret_file, asks) if secret_file is not None and asks else {}
    for ask in asks:
        if ask.name in found:
            continue
        if tty is None and ask.known:
            found[ask.name] = ask.known
            continue
        if tty is None:
            raise UsageError(
                f"needed: {ask.what}{f' ({ask.where})' if ask.where else ''}; "
                f"give it with --secret-file FILE (a line {ask.name}=VALUE), or run this on a terminal"
            )
        words = f"{ask.what}{f' ({ask.where})' if ask.where else ''}{f' [{ask.known}]' if ask.known else ''}: "
        typed = getpass.getpass(leaving(plain(words)), tty) if ask.secret else answer(words, tty)
        found[ask.name] = typed or ask.known
    for ask in asks:
        value = found[ask.name]
        if not value or not value.isprintable():
            raise UsageError(f"{ask.what}: one line of printable characters is needed")
        if ask.secret:
            KNOWN.add(value)
    return found


def _from_file(name: str, asks: Sequence[Ask]) -> dict[str, str]:
    """Lines NAME=VALUE; where one thing is asked for, a line alone is its value."""
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(_LIMIT)
        else:
            from diagnose import files

            if os.stat(name).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageError(f"--secret-file {name}: other users can read it; chmod 600 it")
            raw = files.read(Path(name), _LIMIT)
        lines = raw.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"--secret-file {name}: {reason}") from None
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    found = {ask.name: pairs[ask.name] for ask in asks if ask.name in pairs}
    # The one that is secret, or the only one, may stand alone.
    missing = [ask for ask in asks if ask.name not in found]
    alone = [line for line in lines if line.strip() and line.split("=", 1)[0] not in found]
    if len(missing) == len(alone) == 1:
        found[missing[0].name] = alone[0].strip("\r\n")
    return found

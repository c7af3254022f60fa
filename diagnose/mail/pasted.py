"""Text from a file or a pipe: opened, unpacked and split into lines of bounded length."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import io
import json
import os
import select
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from diagnose import files
from diagnose.errors import UsageError
from diagnose.parse.text.masking import mask

PATIENCE = 15.0  # seconds to wait for a FIFO
ENOUGH = 15.0  # seconds to read a text for, if bounded
_TOGETHER = 400  # lines searched for secrets at once
LONGEST = 65_536  # octets kept of a line
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def name_of(path: Path | None) -> str:
    """The text's name for a report."""
    return "standard input" if path is None or str(path) == "-" else str(path)


_EXPORTS = (b"{", b"__CURSOR=", b"__REALTIME_TIMESTAMP=", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\x1b[")


def is_export(path: str) -> bool:
    """Whether a log file begins with JSON (journal, container), a journal export, UTF-16 or colours, not plain lines."""
    try:
        return files.head(path, 64)[0].startswith(_EXPORTS)
    except OSError:
        return False


def log_lines(path: str, since: float, now: datetime) -> Iterator[bytes]:
    """The mail lines of such a file in syslog's format, in chunks of many lines; without those stamped before
    `since` (seconds since 1970)."""
    from diagnose.parse.log.logline import parse
    from diagnose.parse.pasted.pasted_line import cleaned, parts

    held: list[bytes] = []
    with opened(Path(path)) as lines:
        for raw in lines:
            for part in parts(cleaned(raw)):
                line = parse(part.strip(), now)
                if line is None or line.service is None or (line.at is not None and line.at.timestamp() < since):
                    continue
                name = f"{line.syslog_name}/{line.service}" if line.syslog_name else line.service
                pid = "" if line.pid is None else f"[{line.pid}]"
                head = "" if line.queue_id is None else f"{line.queue_id}: "
                level = "" if line.level == "info" else f"{line.level}: "
                stamp = "" if line.at is None else f"{line.at.isoformat()} {line.host or 'localhost'} "
                text = f"{stamp}{name}{pid}: {head}{level}{line.text}\n"
                held.append(text.encode("utf-8", "replace"))
            if len(held) > 5000:
                yield b"".join(held)
                held.clear()
    yield b"".join(held)


class Bound:
    """A time limit for reading a text, from now on; cut: whether it was reached."""

    def __init__(self, seconds: float = ENOUGH) -> None:
        self.end = time.monotonic() + seconds
        self.cut = False

    def over(self) -> bool:
        self.cut = self.cut or time.monotonic() > self.end
        return self.cut


@contextlib.contextmanager
def opened(path: Path | None, bound: Bound | None = None) -> Iterator[Iterator[str | bytes]]:
    """The lines of a file, or of standard input (None or "-"), until `bound` is over. Raises UsageError if it cannot
    be read or is empty."""
    if path is None or str(path) in ("-", "/dev/stdin"):
        if sys.stdin is None or sys.stdin.closed:
            raise UsageError("standard input is closed; name a file: mail-diagnose explain FILE")
        if sys.stdin.isatty():
            sys.stderr.write("Paste the log lines or the error message, then press Ctrl-D:\n")
        yield _lines(sys.stdin.buffer, "standard input", bound)
        return
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise UsageError(f"{path} is a directory; name a file in it")
        if stat.S_ISFIFO(info.st_mode):
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as pipe:
                yield _lines(cast(IO[bytes], io.BufferedReader(_Pipe(pipe.fileno()))), str(path), bound)
            return
        with files.opened(path) as file:
            yield _lines(cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, file))), str(path), bound)
    except OSError as error:
        why = {errno.ENOENT: "no such file", errno.EACCES: "permission denied; try as root"}.get(
            error.errno or 0, (error.strerror or str(error)).lower()
        )
        raise UsageError(f"cannot read {path}: {why}") from None


class _Pipe(io.RawIOBase):
    """A FIFO that raises TimeoutError after PATIENCE seconds, since nobody may ever write into it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._end = time.monotonic() + PATIENCE
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while (left := self._end - time.monotonic()) > 0:
            if select.select([self._handle], [], [], left)[0]:
                with contextlib.suppress(BlockingIOError):
                    data = os.read(self._handle, len(buffer))
                    if data or self._begun:
                        self._begun = True
                        buffer[: len(data)] = data
                        return len(data)
                time.sleep(0.05)  # a FIFO reports end of file until its first writer opens it
        raise TimeoutError(errno.ETIMEDOUT, f"nothing more was written into it within {PATIENCE:.0f} s")


def without_secrets(lines: Iterator[str | bytes]) -> Iterator[bytes]:
    """The lines with secrets masked, in blocks of _TOGETHER lines, since a login spans several."""
    held: list[bytes] = []
    for line in lines:
        held.append((line.encode("utf-8", "replace") if isinstance(line, str) else line).rstrip(b"\n"))
        if len(held) >= _TOGETHER:
            yield from _masked(held)
            held.clear()
    yield from _masked(held)


def _masked(held: list[bytes]) -> list[bytes]:
    text = b"\n".join(held).decode("utf-8", "surrogateescape")
    return mask(text).encode("utf-8", "surrogateescape").split(b"\n") if held else []


def _lines(file: IO[bytes], name: str, bound: Bound | None) -> Iterator[str | bytes]:
    stream = io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file
    head = _peek(stream)
    if head.startswith(b"\x1f\x8b"):
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=stream))
        head = b""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            yield from _utf16(stream, encoding, bound)
            return
    lines = _cut(stream, name, bound)
    first: list[str | bytes] = []
    for line in lines:
        first.append(line)
        if line.strip() or len(first) > 100:
            break
    if not any(line.strip() for line in first) and len(first) <= 100:
        raise UsageError(f"{name} is empty: paste log lines, a reply or an error message into it")
    if isinstance(first[-1], bytes) and first[-1].startswith((b"__CURSOR=", b"__REALTIME_TIMESTAMP=")):
        yield from _from_export(_chain(first[-1:], lines))
    else:
        yield from first
        yield from lines


def _chain(first: list[str | bytes], rest: Iterator[str | bytes]) -> Iterator[str | bytes]:
    yield from first
    yield from rest


def _peek(stream: IO[bytes]) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(4)[:4]) if peek is not None else b""


def _cut(stream: IO[bytes], name: str, bound: Bound | None) -> Iterator[str | bytes]:
    """The lines, each cut to LONGEST octets. Raises UsageError for a damaged archive."""
    within = False
    try:
        while (piece := stream.readline(LONGEST)) and not (bound and bound.over()):
            if not within:
                # Old Mac line ends, and progress bars of terminals.
                yield from piece.split(b"\r") if b"\r" in piece.rstrip(b"\r\n") else (piece,)
            within = not piece.endswith(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UsageError(f"{name} is damaged: it cannot be unpacked to its end (try: zcat {name})") from None


def _utf16(stream: IO[bytes], encoding: str, bound: Bound | None) -> Iterator[str | bytes]:
    with io.TextIOWrapper(stream, encoding, errors="replace") as text:
        while (piece := text.readline(LONGEST)) and not (bound and bound.over()):
            yield piece


def _from_export(lines: Iterator[str | bytes]) -> Iterator[str | bytes]:
    """Output of `journalctl -o export` as the JSON lines of `-o json`. Binary fields are left out."""
    entry: dict[str, str] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        line = line.rstrip("\r\n")
        if not line:
            if "MESSAGE" in entry:
                yield json.dumps(entry)
            entry = {}
            continue
        key, equals, value = line.partition("=")
        if equals and len(entry) < 100:
            entry[key] = value
    if "MESSAGE" in entry:
        yield json.dumps(entry)

"""The part of a log file that lies between two moments, found by bisecting on time stamps.

The cost grows with the window and not with the file. Real files are handled: lines out of order, a clock set back or
forth, lines without a stamp, blocks of NUL after a crash, the turn of the year, rotation during reading.
"""

from __future__ import annotations

import bz2
import contextlib
import lzma
import os
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from diagnose import files
from diagnose.host.live.logstamp import epoch

CHUNK = (
    120 << 10
)  # below what malloc(3) asks the kernel for afresh: a page fault for each page took as long as the search
_LONGEST = 1 << 20  # octets of a line
_ENDLESS = 1 << 28  # octets without a line's end after which it is no log
SLACK = 120.0  # seconds by which neighbouring lines may be out of order
_PROBE = 8192
_SEARCH = 1 << 20  # octets without any stamp after which a probe gives up
_LINES = 20_000  # and so many lines
_ROTATIONS = 3
_EARLIEST_CREDIBLE = 946_684_800.0  # the year 2000: a file from before has lost its time of change
COMPRESSED = (".gz", ".bz2", ".xz")


def window(path: str, since: float, until: float | None = None, limit: int | None = None) -> Iterator[bytes]:
    """Whole lines stamped in [since, until], as chunks of about 120 KiB that end at a line's end, oldest first.

    limit: the most octets read from the end of the file. A line without a stamp goes with the line before
    it. Compressed files are recognised by their suffix and streamed. Raises OSError if the file cannot be read; ends
    silently where a compressed file is cut off.
    """
    if path.endswith(COMPRESSED):
        with files.opened(path) as file:
            near = _near(os.fstat(file.fileno()))
            yield from _between(_whole_lines(_decompress(file, path)), since, until, near, keep=True)
        return
    for _ in range(_ROTATIONS):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            opened = os.fstat(fd)
            yield from read_open(fd, since, until, limit)
            try:
                current = os.stat(path)
            except OSError:
                return
        finally:
            os.close(fd)
        if (current.st_dev, current.st_ino) == (opened.st_dev, opened.st_ino):
            return


def read_open(fd: int, since: float, until: float | None, limit: int | None) -> Iterator[bytes]:
    """`window` of a file that is open already, so that rotation cannot take it away."""
    info = os.fstat(fd)
    near = _near(info)
    begin = start(fd, since, info.st_size, near) if since > 0 else 0
    if limit is not None and info.st_size - begin > limit:
        begin = _next_line(fd, info.st_size - limit, info.st_size)
    yield from _between(_aligned(fd, begin), since, until, near, keep=begin == 0)


def covers(path: str, since: float) -> bool:
    """Whether the file's first line is older than `since`, so that no older file has to be asked. False if unknown."""
    try:
        with files.opened(path) as file:
            near = _near(os.fstat(file.fileno()))
            head = next(iter(_decompress(file, path)), b"") if path.endswith(COMPRESSED) else file.read(_PROBE * 8)
    except OSError:
        return False
    for line in head.split(b"\n")[:200]:
        when = epoch(line, near)
        if when is not None:
            return when < since - SLACK
    return False


def start(fd: int, since: float, size: int, near: float) -> int:
    """Offset of a line's start at or shortly before the first line stamped `since`; 0 if there are no stamps."""
    wanted = since - SLACK
    begin = _bisect(fd, wanted, 0, size, near)
    # A clock that jumped back looks like the window's beginning, one that jumped forth hides it: look around. Rather
    # too much than too little: who has gone back does not go forth again.
    for forth in (False, True):
        looked = begin
        for _ in range(8):
            odd = _odd(fd, wanted, begin, size, near, forth=forth)
            if odd is None:
                break
            begin = _bisect(fd, wanted, odd, size, near) if forth else _bisect(fd, wanted, 0, odd, near)
        if begin != looked:
            break
    return begin


def _bisect(fd: int, wanted: float, low: int, high: int, near: float) -> int:
    while high - low > _PROBE:
        middle = (low + high) // 2
        at, when = _stamped(fd, middle, high, near)
        if when is None or when >= wanted:
            high = middle
        else:
            low = at
    return low


def _odd(fd: int, wanted: float, begin: int, size: int, near: float, *, forth: bool) -> int | None:
    """An offset, searched at growing distance from `begin`, whose line is on the wrong side of it; None if there is
    none."""
    distance = 64 * 1024
    while True:
        at = begin + distance if forth else begin - distance
        if not 0 < at < size:
            return None
        line, when = _stamped(fd, at, size if forth else begin, near)
        if when is not None and (when < wanted if forth else when >= wanted):
            return line if forth else at
        distance *= 4


def _stamped(fd: int, offset: int, end: int, near: float) -> tuple[int, float | None]:
    """Start and stamp of the first stamped line that begins in [offset, end)."""
    at = offset
    rest = b""
    width = _PROBE
    skip = offset > 0
    if skip:
        at -= 1  # so that a line which begins right at the offset is not passed over
    stop, lines = min(end, offset + _SEARCH), 0
    while at < stop and lines < _LINES:
        block = os.pread(fd, width, at)
        if not block:
            break
        data = rest + block
        base = at - len(rest)
        position = 0
        if skip:
            position = data.find(b"\n") + 1
            if not position:
                at += len(block)
                rest = b""
                continue
            skip = False
        while (line_end := data.find(b"\n", position)) >= 0:
            if base + position >= end:
                return end, None
            when = epoch(data[position : min(line_end, position + 160)], near)
            if when is not None:
                return base + position, when
            position, lines = line_end + 1, lines + 1
        rest = data[position:]
        if len(rest) > _SEARCH:
            return end, None
        at += len(block)
        width = 1 << 16
    return end, None


def _next_line(fd: int, offset: int, size: int) -> int:
    at = offset
    while at < size:
        block = os.pread(fd, 1 << 16, at)
        if not block:
            return size
        end = block.find(b"\n")
        if end >= 0:
            return at + end + 1
        at += len(block)
    return size


def _aligned(fd: int, offset: int) -> Iterator[bytes]:
    """Whole lines; a partial last line is read again with the next block, which is cheaper than joining the two."""
    while block := os.pread(fd, CHUNK, offset):
        cut = block.rfind(b"\n") + 1
        if not cut:
            yield from _whole_lines(_blocks(fd, offset))
            return
        offset += cut
        yield block if cut == len(block) else block[:cut]


def _blocks(fd: int, offset: int) -> Iterator[bytes]:
    while block := os.pread(fd, CHUNK, offset):
        offset += len(block)
        yield block


def _decompress(file: Any, path: str) -> Iterator[bytes]:
    """The readable part of a compressed file, all members of a concatenation included."""
    make: Callable[[], Any] = {
        ".gz": lambda: zlib.decompressobj(31),
        ".bz2": bz2.BZ2Decompressor,
        ".xz": lzma.LZMADecompressor,
    }[os.path.splitext(path)[1]]
    machine = make()
    with contextlib.suppress(zlib.error, lzma.LZMAError, EOFError, ValueError, OSError):
        while raw := file.read(1 << 16):
            while raw:
                limit = {"max_length": CHUNK}
                out = machine.decompress(raw, **limit)
                if out:
                    yield out
                if machine.eof:
                    raw = machine.unused_data
                    machine = make()
                elif isinstance(machine, (bz2.BZ2Decompressor, lzma.LZMADecompressor)):
                    while not machine.needs_input and not machine.eof:
                        yield machine.decompress(b"", **limit)
                    raw = machine.unused_data if machine.eof else b""
                    machine = make() if machine.eof else machine
                else:
                    raw = machine.unconsumed_tail


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks of whole lines; a line longer than a chunk is cut, an unfinished last one is included."""
    rest: list[bytes] = []
    held = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*rest, block[:cut]])
            rest, held = [block[cut:]] if cut < len(block) else [], len(block) - cut
        elif held < _LONGEST:
            rest.append(block)
            held += len(block)
        else:  # the middle of a line of more than a megabyte: nobody reads it
            held += len(block)
            if held > _ENDLESS:
                break
    if rest:
        yield b"".join(rest)


def _between(chunks: Iterator[bytes], since: float, until: float | None, near: float, *, keep: bool) -> Iterator[bytes]:
    """The lines of the window; only its edges are searched line by line. keep: whether leading lines without a stamp
    belong to it."""
    inside = False
    for chunk in chunks:
        first, last = _first_stamp(chunk, near), _last_stamp(chunk, near)
        if not inside and last is not None and first is not None and max(first, last) < since - SLACK:
            keep = False
            continue
        if until is not None and first is not None and last is not None and min(first, last) > until + SLACK:
            return
        early = inside or (first is not None and last is not None and min(first, last) >= since)
        late = until is None or (first is not None and last is not None and max(first, last) <= until)
        if early and late:
            inside = keep = True
            yield chunk
            continue
        kept: list[bytes] = []
        for line in chunk.removesuffix(b"\n").split(b"\n"):
            when = epoch(line[:160], near)
            if when is not None:
                keep = (inside or when >= since) and (until is None or when <= until)
                inside = inside or when >= since + SLACK
            if keep:
                kept.append(line)
        if kept:
            yield b"\n".join([*kept, b""])


def _first_stamp(chunk: bytes, near: float) -> float | None:
    position = 0
    for _ in range(20):
        end = chunk.find(b"\n", position)
        when = epoch(chunk[position : position + 160] if end < 0 else chunk[position : min(end, position + 160)], near)
        if when is not None or end < 0:
            return when
        position = end + 1
    return None


def _last_stamp(chunk: bytes, near: float) -> float | None:
    end = len(chunk) - 1 if chunk.endswith(b"\n") else len(chunk)
    for _ in range(20):
        begin = chunk.rfind(b"\n", 0, end) + 1
        when = epoch(chunk[begin : min(end, begin + 160)], near)
        if when is not None or not begin:
            return when
        end = begin - 1
    return None


def _near(info: os.stat_result) -> float:
    return info.st_mtime if info.st_mtime > _EARLIEST_CREDIBLE else time.time()

"""Postfix' queue files read directly, as root: the lines that `postqueue -j` would print, in the order of inodes.

showq(8) reads one file after the other, in the directory's own order, and waits for the disk at each; several threads,
in the order of inodes, read a cold queue of 100 000 messages in a third of its time. The format is private to Postfix (global/rec_type.h, record.c, bounce_log.c),
so `diagnose.host.live.mailqueue` compares a sample with what postqueue(1) says before it believes this module.

Runs as a program of its own (`python -I -S queuefiles.py DIRECTORY`), so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

QUEUES = ("maildrop", "active", "incoming", "deferred", "hold")
_FIRST = 4096  # octets that hold the envelope of nearly every message
_REST = 1 << 16
_LOG = 1 << 16
_LOG_MOST = 1 << 22
_READY = 0o100  # the owner's execute bit: the file is complete
_EXPIRED = 0o010
_PORTION = 64  # messages that a thread reads at a time
THREADS = 8  # a disk is the busier the more it is asked; more brought nothing
_EMPTY = "MAILER-DAEMON"


class Foreign(Exception):
    """The file is not laid out as this module knows it."""


def directories(root: str, queue: str) -> list[str]:
    """The directories of a queue that hold files, relative to `root`; hashed ones (of one character) are entered."""
    found: list[str] = []
    waiting = [queue]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(root, here)) as entries:
                below = sorted(entry.name for entry in entries if len(entry.name) == 1 and entry.is_dir())
        except OSError:
            continue
        found.append(here)
        waiting += [f"{here}/{name}" for name in reversed(below)]
    return found


def count(root: str, directory: str) -> int:
    """Messages in one directory (not below it). Raises OSError."""
    # A queue ID has at least six characters, a hash directory one.
    return sum(len(name) > 5 for name in os.listdir(os.path.join(root, directory)))


def lines(root: str, threads: int = THREADS) -> Iterator[bytes]:
    """A JSON line for each message, as postqueue prints it, by directory and inode. Raises Foreign."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[list[bytes]]] = deque()
        try:
            for part in _parts(root):
                waiting.append(pool.submit(_messages, *part))
                if len(waiting) > 4 * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _parts(root: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Portions of work: root, queue, directory and some of the names in it."""
    for queue in QUEUES:
        for directory in directories(root, queue):
            try:
                with os.scandir(os.path.join(root, directory)) as entries:
                    names = sorted((entry.inode(), entry.name) for entry in entries if len(entry.name) > 5)
            except OSError:
                continue
            for at in range(0, len(names), _PORTION):
                yield root, queue, directory, [name for _, name in names[at : at + _PORTION]]


def _messages(root: str, queue: str, directory: str, names: list[str]) -> list[bytes]:
    found = []
    for name in names:
        # A deferred message's log lies as deep as itself.
        path = f"{root}/defer{directory[len(queue) :]}/{name}" if queue == "deferred" else log_path(root, name)
        line = message(f"{root}/{directory}/{name}", queue, name, log(path))
        if line is not None:
            found.append(line)
    return found


def log_path(root: str, name: str) -> str:
    """Where the defer log of a message lies that is not in a hashed queue (hash_queue_depth 1, else unhashed)."""
    path = f"{root}/defer/{hash_character(name)}/{name}"
    return path if os.path.exists(path) else f"{root}/defer/{name}"


def hash_character(name: str) -> str:
    """The directory that Postfix puts a queue ID in: its first digit; of a long ID the first hexadecimal digit of the
    microseconds in it (mail_queue.c)."""
    z = name.rfind("z")
    if z < 8:  # a short ID has no z: its digits are hexadecimal
        return name[0]
    value = 0
    for digit in name[z - 4 : z]:
        at = _BASE52.find(digit)
        if at < 0:
            return name[0]
        value = value * 52 + at
    return f"{value:05X}"[0]


_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def message(path: str, queue: str, name: str, reasons: list[tuple[str, str]]) -> bytes | None:
    """The JSON line of one queue file; None where it is gone or not complete. Raises Foreign."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        mode = os.fstat(fd).st_mode
        if not mode & _READY:
            return None
        return _read(fd, queue, name, mode, reasons)
    finally:
        os.close(fd)


def _read(  # noqa: PLR0915  (one loop over one format, in the order of its records)
    fd: int, queue: str, name: str, mode: int, reasons: list[tuple[str, str]]
) -> bytes | None:
    data = os.read(fd, _FIRST)
    size = arrival = -1
    sender: str | None = None
    listed = {address for address, _ in reasons}
    recipients = reasons
    base = position = 0
    while True:
        # A record: its type, its length in groups of seven bits, the least significant first, its data.
        if position + 10 > len(data) and len(data) - position < 1 << 20:
            more = os.pread(fd, _REST, base + len(data))
            if more:
                data, base, position = data[position:] + more, base + position, 0
        if position + 2 > len(data):
            break
        kind = data[position]
        length = shift = 0
        at = position + 1
        while True:
            if at >= len(data) or shift > 28:
                raise Foreign(name)
            octet = data[at]
            at += 1
            length |= (octet & 0x7F) << shift
            if octet < 0x80:
                break
            shift += 7
        end = at + length
        if end > len(data):
            more = os.pread(fd, max(_REST, end - len(data)), base + len(data))
            data += more
            if end > len(data):
                raise Foreign(name)
        if kind == 82:  # R: a recipient not done yet
            address = quoted(data[at:end])
            if address not in listed:
                recipients = [*recipients, (address, "")]
        elif kind == 83 and sender is None:  # S
            sender = quoted(data[at:end])
        elif kind == 67 and size < 0:  # C: sizes
            size = int(data[at:end].split(None, 1)[0])
        elif kind == 84 and arrival < 0:  # T
            arrival = int(data[at:end].split(None, 1)[0])
        elif kind == 77:  # M: the content follows
            if size < 0:
                raise Foreign(name)
            base, position, data = base + end + size, 0, data[end + size :]
            continue
        elif kind == 69:  # E
            break
        elif kind == 112 and data[at:end].strip() != b"0":  # p: a pointer, left by a milter's edit
            base, position, data = int(data[at:end]), 0, b""
            continue
        position = end
    if sender is None or arrival < 0:
        raise Foreign(name)
    return _line(queue, name, arrival, size, bool(mode & _EXPIRED), sender, recipients)


def _line(
    queue: str, name: str, arrival: int, size: int, expired: bool, sender: str, recipients: list[tuple[str, str]]
) -> bytes:
    listed = ", ".join(
        f'{{"address": {_text(address)}, "delay_reason": {_text(reason)}}}' if reason else f'{{"address": {_text(address)}}}'
        for address, reason in recipients
    )
    return (
        f'{{"queue_name": "{queue}", "queue_id": "{name}", "arrival_time": {arrival}, "message_size": {size}, '
        f'"forced_expire": {"true" if expired else "false"}, "sender": {_text(sender)}, "recipients": [{listed}]}}\n'
    ).encode("utf-8", "replace")


def _text(value: str) -> str:
    if '"' in value or "\\" in value or not value.isprintable():
        return json.dumps(value)
    return f'"{value}"'


def quoted(address: bytes) -> str:
    """An envelope's address in external form (RFC 5322): the local part in quotes where it must be."""
    if not address:
        return _EMPTY
    text = address.decode("utf-8", "replace")
    local, at, domain = text.rpartition("@")
    if not at:
        local, domain = text, ""
    if local.isalnum():
        return text
    dots = local[:1] == "." or local[-1:] == "." or ".." in local
    if local and not dots and all(c.isalnum() or c in "!#$%&'*+-/=?^_`{|}~." or c > "\x7f" for c in local):
        return text
    escaped = "".join("\\" + c if c in '"\\\r' else c for c in local)
    return f'"{escaped}"{at}{domain}'


def log(path: str) -> list[tuple[str, str]]:
    """Recipients with their reasons from a defer log; empty where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return []
    try:
        data = os.read(fd, _LOG)
        while len(data) % _LOG == 0 and data and len(data) < _LOG_MOST:
            more = os.read(fd, _LOG)
            if not more:
                break
            data += more
    finally:
        os.close(fd)
    found: list[tuple[str, str]] = []
    for block in data.decode("utf-8", "replace").split("\n\n"):
        address = reason = ""
        for line in block.split("\n"):
            if line.startswith("recipient="):
                address = line[10:] or _EMPTY
            elif line.startswith("reason="):
                reason = line[7:]
        if address:
            found.append((address, reason))
    return found


def main(out: BinaryIO) -> int:
    """Writes the lines; ends with status 3 at the first file that is laid out otherwise."""
    held: list[bytes] = []
    try:
        for line in lines(sys.argv[1]):
            held.append(line)
            if len(held) == 256:
                out.write(b"".join(held))
                out.flush()
                held.clear()
        out.write(b"".join(held))
        out.flush()
    except BrokenPipeError:
        os._exit(0)
    except (Foreign, ValueError):
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdout.buffer))

"""Postfix' queue files read directly, as root: the lines that `postqueue -j` would print, in the order of inodes.

showq(8) reads one file after the other, in the directory's own order, and waits for the disk at each. In the order of
inodes, with the kernel told beforehand what will be needed, a cold queue is read several times faster. The format is private to Postfix (global/rec_type.h, record.c, bounce_log.c),
so `diagnose.host.live.mailqueue` compares a sample with what postqueue(1) says before it believes this module.

Runs as a program of its own (`python -I -S queuefiles.py DIRECTORY`), so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

QUEUES = ("maildrop", "active", "incoming", "deferred", "hold")
_FIRST = 4096  # octets that hold the envelope of nearly every message
_REST = 1 << 16
_LOG = 1 << 16
_LOG_MOST = 1 << 22
_READY = 0o100  # the owner's execute bit: the file is complete
_EXPIRED = 0o010
_PORTION = 200  # messages whose two files are open at once (the usual limit is 1024 files)
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


def lines(root: str) -> Iterator[bytes]:
    """A JSON line for each message, as postqueue prints it, by directory and inode. Raises Foreign."""
    for queue in QUEUES:
        for directory in directories(root, queue):
            folder = os.path.join(root, directory)
            try:
                with os.scandir(folder) as entries:
                    names = sorted((entry.inode(), entry.name) for entry in entries if len(entry.name) > 5)
            except OSError:
                continue
            # A deferred message's log lies as deep as itself.
            logs = f"{root}/defer{directory[len(queue) :]}" if queue == "deferred" else ""
            for at in range(0, len(names), _PORTION):
                yield from _portion(root, queue, folder, logs, [name for _, name in names[at : at + _PORTION]])


def _portion(root: str, queue: str, folder: str, logs: str, names: list[str]) -> Iterator[bytes]:
    opened = [_announce(f"{folder}/{name}") for name in names]
    with_logs = [_announce(f"{logs}/{name}" if logs else log_path(root, name)) for name in names]
    try:
        for at, name in enumerate(names):
            fd = opened[at]
            line = None if fd is None else _message(fd, queue, name, _log(with_logs[at]))
            if line is not None:
                yield line
    finally:
        for fd in [*opened, *with_logs]:
            if fd is not None:
                os.close(fd)


def _announce(path: str) -> int | None:
    """Opens a file and has the kernel fetch its beginning meanwhile; None where it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    os.posix_fadvise(fd, 0, _FIRST, os.POSIX_FADV_WILLNEED)
    return fd


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


def message(root: str, path: str, queue: str) -> bytes | None:
    """The JSON line of one queue file; None where it is gone or not complete. Raises Foreign."""
    name = os.path.basename(path)
    fd = _announce(path)
    if fd is None:
        return None
    logged = _announce(log_path(root, name))
    try:
        return _message(fd, queue, name, _log(logged))
    finally:
        os.close(fd)
        if logged is not None:
            os.close(logged)


def _message(fd: int, queue: str, name: str, reasons: list[tuple[str, str]]) -> bytes | None:
    mode = os.fstat(fd).st_mode
    return _read(fd, queue, name, mode, reasons) if mode & _READY else None


def _read(  # noqa: PLR0915  (one loop over one format, in the order of its records)
    fd: int, queue: str, name: str, mode: int, reasons: list[tuple[str, str]]
) -> bytes | None:
    data = os.pread(fd, _FIRST, 0)
    ended = len(data) < _FIRST
    size = arrival = -1
    sender: str | None = None
    listed = {address for address, _ in reasons}
    recipients = reasons
    base = position = 0
    while True:
        # A record: its type, its length in groups of seven bits, the least significant first, its data.
        if position + 10 > len(data) and not ended:
            more = os.pread(fd, _REST, base + len(data))
            ended = len(more) < _REST
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
            data += os.pread(fd, max(_REST, end - len(data)), base + len(data))
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
            # Behind a long content, nothing has been read yet.
            ended = ended and bool(data)
            continue
        elif kind == 69:  # E
            break
        elif kind == 112 and data[at:end].strip() != b"0":  # p: a pointer, left by a milter's edit
            base, position, data, ended = int(data[at:end]), 0, b"", False
            continue
        position = end
    if sender is None or arrival < 0:
        raise Foreign(name)
    return _line(queue, name, arrival, size, bool(mode & _EXPIRED), sender, recipients)


def _line(
    queue: str, name: str, arrival: int, size: int, expired: bool, sender: str, recipients: list[tuple[str, str]]
) -> bytes:
    listed = ", ".join(
        f'{{"address": {_text(address)}, "delay_reason": {_text(reason)}}}'
        if reason
        else f'{{"address": {_text(address)}}}'
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


def _log(fd: int | None) -> list[tuple[str, str]]:
    """Recipients with their reasons from a defer log; empty where there is none."""
    if fd is None:
        return []
    data = os.pread(fd, _LOG, 0)
    while len(data) % _LOG == 0 and 0 < len(data) < _LOG_MOST:
        more = os.pread(fd, _LOG, len(data))
        if not more:
            break
        data += more
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

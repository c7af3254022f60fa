"""Postfix's queue files read directly, as root: what `postqueue -j` would print, in the order of inodes.

showq(8) reads one file after the other, in the directory's own order, and waits for the disk at each. In the order of
inodes, with the kernel told beforehand what will be needed, a cold queue is read several times faster, and a queue in
memory with half of the work. The format is private to Postfix (global/rec_type.h, record.c, bounce_log.c), so
`diagnose.host.live.mailqueue` compares a sample with what postqueue(1) says before it believes this module.

Runs as a program of its own (`python -I -S - DIRECTORY <queuefiles.py`), so it imports the standard library only.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import re
import sys
from collections.abc import Iterator

QUEUES = ("maildrop", "active", "incoming", "deferred", "hold")
LENGTH = 4  # octets that tell the length of what follows
_FIRST = 4096  # octets that hold the envelope of nearly every message
_REST = 1 << 16
_LOG = 4096
_LOG_MOST = 1 << 22
_REASON = re.compile(rb"^recipient=([^\n]*)\n(?:(?!recipient=|reason=)[^\n]+\n)*(?:reason=([^\n]*))?", re.MULTILINE)
_READY = 0o100  # the owner's execute bit: the file is complete
_EXPIRED = 0o010
_PORTION = 200  # messages whose two files are open at once (the usual limit is 1024 files)
_RUN = 5  # portions that are read one after the other, so that what the disk reads ahead is of use
_EMPTY = "MAILER-DAEMON"

# Queue, queue ID, arrival (seconds since 1970), octets, whether expired by hand, sender, recipients with their reasons.
Message = tuple[str, str, int, int, bool, str, list[tuple[str, str]]]


class Foreign(Exception):
    """The file's format is not the one that this module reads."""


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


def messages(root: str, part: int = 0, parts: int = 1) -> Iterator[list[Message]]:
    """All messages in batches, or one of several parts that are read in parallel. Raises Foreign. A caller that
    stops early has a fair sample: each queue in turn, spread over a directory, whose inode order is the order of
    arrival."""
    waiting = [_of_queue(root, queue, part, parts) for queue in QUEUES]
    while waiting:
        for queue in list(waiting):
            portion = next(queue, None)
            if portion is None:
                waiting.remove(queue)
            else:
                yield portion


def _of_queue(root: str, queue: str, part: int, parts: int) -> Iterator[list[Message]]:
    for directory in directories(root, queue):
        folder = os.path.join(root, directory)
        try:
            with os.scandir(folder) as entries:
                names = sorted((entry.inode(), entry.name) for entry in entries if len(entry.name) > 5)
        except OSError:
            continue
        # A deferred message's log lies as deep as itself.
        logs = f"{root}/defer{directory[len(queue) :]}" if queue == "deferred" else ""
        for run in scattered(-(-len(names) // (_RUN * _PORTION)))[part::parts]:
            for at in range(run * _RUN * _PORTION, min((run + 1) * _RUN * _PORTION, len(names)), _PORTION):
                yield _portion(root, queue, folder, logs, [name for _, name in names[at : at + _PORTION]])


def scattered(count: int) -> list[int]:
    """The numbers below `count`, each halfway between earlier ones (bit-reversed counting)."""
    bits = max(1, (count - 1).bit_length())
    return sorted(range(count), key=lambda number: int(f"{number:0{bits}b}"[::-1], 2))


def _portion(root: str, queue: str, folder: str, logs: str, names: list[str]) -> list[Message]:
    opened = [_announce(f"{folder}/{name}") for name in names]
    with_logs = [_announce(f"{logs}/{name}" if logs else log_path(root, name)) for name in names]
    found: list[Message] = []
    try:
        for at, name in enumerate(names):
            fd = opened[at]
            message = None if fd is None else _message(fd, queue, name, _log(with_logs[at]))
            if message is not None:
                found.append(message)
    finally:
        for fd in [*opened, *with_logs]:
            if fd is not None:
                os.close(fd)
    return found


def _announce(path: str) -> int | None:
    """Opens a file and starts readahead of its beginning; None if it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    os.posix_fadvise(fd, 0, _FIRST, os.POSIX_FADV_WILLNEED)
    return fd


def log_path(root: str, name: str) -> str:
    """The path of a message's defer log (hash_queue_depth 1, else unhashed)."""
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


def message(root: str, path: str, queue: str) -> Message | None:
    """The message of one queue file; None if it is gone or incomplete. Raises Foreign."""
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


def _message(fd: int, queue: str, name: str, reasons: list[tuple[str, str]]) -> Message | None:
    mode = os.fstat(fd).st_mode
    return _read(fd, queue, name, mode, reasons) if mode & _READY else None


def _read(  # noqa: PLR0915  (one loop over one format, in the order of its records)
    fd: int, queue: str, name: str, mode: int, reasons: list[tuple[str, str]]
) -> Message:
    data = os.pread(fd, _FIRST, 0)
    have = len(data)
    ended = have < _FIRST
    size = arrival = -1
    sender: str | None = None
    listed = {address for address, _ in reasons}
    recipients = reasons
    base = position = 0
    while True:
        # A record: its type, its length in groups of seven bits, the least significant first, its data.
        at = position + 2
        if at <= have and (length := data[position + 1]) < 0x80 and at + length <= have:
            # Nearly every one is short and has been read as a whole.
            kind = data[position]
        else:
            if position + 10 > have and not ended:
                more = os.pread(fd, _REST, base + have)
                ended = len(more) < _REST
                data, base, position = data[position:] + more, base + position, 0
                have = len(data)
            if position + 2 > have:
                break
            kind = data[position]
            length = shift = 0
            at = position + 1
            while True:
                if at >= have or shift > 28:
                    raise Foreign(name)
                octet = data[at]
                at += 1
                length |= (octet & 0x7F) << shift
                if octet < 0x80:
                    break
                shift += 7
            if at + length > have:
                data += os.pread(fd, max(_REST, at + length - have), base + have)
                have = len(data)
                if at + length > have:
                    raise Foreign(name)
        end = at + length
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
            have = len(data)
            # Behind a long content, nothing has been read yet.
            ended = ended and bool(data)
            continue
        elif kind == 69:  # E
            break
        elif kind == 112 and data[at:end].strip() != b"0":  # p: a pointer, left by a milter's edit
            base, position, data, have, ended = int(data[at:end]), 0, b"", 0, False
            continue
        position = end
    if sender is None or arrival < 0:
        raise Foreign(name)
    return queue, name, arrival, size, bool(mode & _EXPIRED), sender, recipients


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
    """Recipients with their delay reasons from a defer log; empty if there is none."""
    if fd is None:
        return []
    data = os.pread(fd, _LOG, 0)
    if len(data) == _LOG:
        while len(data) < _LOG_MOST and (more := os.pread(fd, _REST, len(data))):
            data += more
    return [
        (address.decode("utf-8", "replace") or _EMPTY, reason.decode("utf-8", "replace"))
        for address, reason in _REASON.findall(data)
    ]


def main() -> int:
    """Writes lists of messages, each marshalled after its length; ends with status 3 at the first foreign file.

    Where there are two processors, a second process takes every other part of the work.
    """
    parts = 2 if len(os.sched_getaffinity(0)) > 1 else 1
    lock = os.memfd_create("turn")
    other = os.fork() if parts > 1 else 0
    part = 1 if parts > 1 and not other else 0
    status = _write(sys.stdout.fileno(), lock, messages(sys.argv[1], part, parts))
    if other:
        status = max(status, os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
    return status


def _write(out: int, lock: int, portions: Iterator[list[Message]]) -> int:
    try:
        for portion in portions:
            data = marshal.dumps(portion)
            data = len(data).to_bytes(LENGTH, "big") + data
            # The pipe is shared: one list after the other.
            fcntl.lockf(lock, fcntl.LOCK_EX)
            while data:
                data = data[os.write(out, data) :]
            fcntl.lockf(lock, fcntl.LOCK_UN)
    except BrokenPipeError:
        os._exit(0)
    except (Foreign, ValueError):
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The mail log: files, their rotated siblings, or the journal.

`read` answers the `MailLog` query. `sources`, `window` and `stream` are for commands that read more than a reply holds:
they yield octets as they are in the log, with secrets (`logmask.veil` hides them) and control characters.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat as modes
import time
from collections import deque
from collections.abc import Iterator

from diagnose.host.live import journal
from diagnose.host.live.logwindow import COMPRESSED, SLACK, covers, read_open, window
from diagnose.host.live.system import decode, group_name
from diagnose.host.query import LogReply, MailLog
from diagnose.knowledge.distributions import LOGS as OWN, SHARED_LOGS as SHARED
from diagnose.parse.text.masking import plain, veil
from diagnose.record import dataclass

__all__ = ["Source", "mail_lines", "read", "sources", "stream", "veil", "window"]

DIRECTORY = "/var/log"
LONGEST = 8192  # octets of a line that are kept
_RAW_FACTOR = 16  # a shared log is searched this many times the limit from its end
_PROGRAMS = (
    b"postfix", b"dovecot", b"sendmail", b"exim", b"opendkim", b"opendmarc", b"amavis", b"spamd", b"rspamd", b"postgrey",
    b"policyd", b"saslauthd", b"msmtp", b"ssmtp", b"nullmailer", b"clamav-milter", b"postsrsd", b"mailgraph", b"sSMTP",
)  # fmt: skip
_PROGRAM = re.compile(
    rb"(?:<\d{1,3}>\d? ?)?(?:(?:\d{4} )?\w{3} +\d+ [\d:]{8}|\S*\d{4}-\d\d-\d\d[T ]\S+) (?:<[\w.]+> )?\S+ (?:[a-z]{3,8}\d?[.:][a-z]{3,7} +)?(?:"
    + b"|".join(_PROGRAMS)
    + rb")[^\s:\[]*(?:(?:\[\d+\])?:| (?:\d+|-) \S+ [-\[])"
)


@dataclass(frozen=True)
class Source:
    """A log file. shared: other programs write to it, too."""

    path: str
    shared: bool = False


def sources(
    paths: tuple[str, ...] = (), maillog_file: str | None = None, directory: str = DIRECTORY
) -> list[list[Source]]:
    """Groups of files, the likeliest group first; within a group the newest file first, its rotated ones behind it.

    Named paths are one group, read as they are. maillog_file: Postfix's parameter of that name.
    """
    if paths:
        return [[Source(path) for path in sorted(paths, key=_changed, reverse=True)]]
    groups: list[list[Source]] = []
    seen: set[str] = set()
    own = [maillog_file] if maillog_file and not maillog_file.startswith("/dev/") else []
    for names, shared in (((*own, *OWN), False), (SHARED, True)):
        for name in names:
            path = os.path.join(directory, name)
            real = os.path.realpath(path)
            family = [Source(each, shared) for each in _family(path)]
            if family and real not in seen:
                seen.add(real)
                groups.append(family)
    return groups


def _family(path: str) -> list[str]:
    """A log file and its rotated versions (logrotate, `postfix logrotate`), newest first."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    rotated = re.compile(
        rf"(?:{re.escape(name)}[.-](?:old|\d[\d.:T_-]*)|{re.escape(stem)}-\d[\d.:T_-]*{re.escape(suffix)})"
        r"(?:\.gz|\.bz2|\.xz)?"
    )
    try:
        names = os.listdir(folder)
    except OSError:
        # A directory may be entered without being listed.
        return [path] if os.path.exists(path) else []
    older = [os.path.join(folder, each) for each in names if rotated.fullmatch(each)]
    older.sort(key=lambda each: (_changed(each), each), reverse=True)
    return ([path] if name in names and not os.path.isdir(path) else []) + older


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def stream(
    since: float,
    until: float | None = None,
    *,
    paths: tuple[str, ...] = (),
    maillog_file: str | None = None,
    directory: str = DIRECTORY,
    deadline: float | None = None,
) -> Iterator[bytes]:
    """All mail lines stamped in [since, until], oldest first, as chunks of whole lines; secrets are still in them.

    The files named, else the first group of files that has any such lines, else the journal. Raises PermissionError
    if there are only files that this user may not read.
    """
    refused: PermissionError | None = None
    for group in sources(paths, maillog_file, directory):
        any_lines = False
        with contextlib.ExitStack() as stack:
            files, errors = _open(group, since, stack, everything=bool(paths))
            for each in reversed(files):
                for chunk in _mail(each, since, until, None):
                    any_lines = True
                    yield chunk
        refused = refused or next((error for _, error in errors if isinstance(error, PermissionError)), None)
        if any_lines:
            return
    if not paths:
        with contextlib.suppress(journal.Unavailable):
            for chunk in journal.chunks(since, until, deadline):
                refused = None
                yield chunk
    if refused is not None:
        raise refused


def read(query: MailLog, deadline: float, maillog_file: str | None, directory: str = DIRECTORY) -> LogReply:
    """The answer to `MailLog`. deadline: on the monotonic clock; maillog_file: Postfix's parameter of that name."""
    since = time.time() - query.since
    seen: list[str] = []
    problems: list[str] = []
    for group in sources(query.paths, maillog_file, directory):
        with contextlib.ExitStack() as stack:
            files, errors = _open(group, since, stack, everything=bool(query.paths))
            chunks, whole = _newest(files, since, query.limit, deadline)
        problems += [_refusal(path, error) for path, error in errors]
        seen += [each.source.path for each in files]
        if chunks:
            names = tuple(each.source.path for each in reversed(files))
            return LogReply(lines=_present(chunks), source=names, whole=whole and not errors)
    if not query.paths:
        try:
            chunks, whole = _tail(journal.chunks(since, None, deadline), query.limit, deadline)
        except journal.Unavailable as error:
            problems += [str(error)] if not problems and (not seen or error.denied) else []
        else:
            seen.append("journal")
            if chunks:
                return LogReply(lines=_present(chunks), source=("journal",), whole=whole)
    if not seen and not problems:
        problems.append("no mail log found")
    return LogReply(source=tuple(seen), problem="; ".join(problems) or None)


@dataclass(frozen=True)
class _Opened:
    source: Source
    fd: int
    inode: tuple[int, int]


def _open(
    group: list[Source], since: float, stack: contextlib.ExitStack, *, everything: bool
) -> tuple[list[_Opened], list[tuple[str, OSError]]]:
    """The files of a group that reach into the window, newest first, all opened before any is read: a rotation
    meanwhile moves names, not open files."""
    files: list[_Opened] = []
    errors: list[tuple[str, OSError]] = []
    for source in group:
        try:
            fd = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            # A rotated one may just have been compressed; one that the user named has to be there.
            errors += [(source.path, error)] if everything else []
            continue
        except OSError as error:
            if everything or _changed(source.path) >= since - SLACK:
                errors.append((source.path, error))
            continue
        stack.callback(os.close, fd)
        info = os.fstat(fd)
        inode = (info.st_dev, info.st_ino)
        if not modes.S_ISREG(info.st_mode) or any(each.inode == inode for each in files):
            continue
        if not everything and files and info.st_mtime < since - SLACK:
            break
        files.append(_Opened(source, fd, inode))
        if not everything and covers(source.path, since):
            break
    return files, errors


def _newest(files: list[_Opened], since: float, limit: int, deadline: float) -> tuple[deque[bytes], bool]:
    """(the newest `limit` octets of the window, whether that is all of it)."""
    held: deque[bytes] = deque()
    left, whole = limit, True
    for each in files:
        if left <= 0 or time.monotonic() >= deadline:
            # Older files can only add older lines.
            return held, False
        chunks, complete = _tail(_mail(each, since, None, left), left, deadline)
        whole = whole and complete
        left -= sum(map(len, chunks))
        held.extendleft(reversed(chunks))
    return held, whole


def _mail(each: _Opened, since: float, until: float | None, limit: int | None) -> Iterator[bytes]:
    path, shared = each.source.path, each.source.shared
    lines: Iterator[bytes]
    if path.endswith(COMPRESSED):
        lines = _compressed(each, since, until)
    else:
        # One octet more than wanted, so that the caller sees that something was cut.
        look = None if limit is None else limit * (_RAW_FACTOR if shared else 1) + LONGEST
        lines = _followed(each, since, until, look)
    for chunk in lines:
        wanted = mail_lines(chunk) if shared else chunk
        if wanted:
            yield wanted


def _compressed(each: _Opened, since: float, until: float | None) -> Iterator[bytes]:
    with contextlib.suppress(FileNotFoundError):
        yield from window(each.source.path, since, until)


def _followed(each: _Opened, since: float, until: float | None, limit: int | None) -> Iterator[bytes]:
    """The file, and the one that replaced it under its name during reading."""
    yield from read_open(each.fd, since, until, limit)
    try:
        now = os.stat(each.source.path)
        if (now.st_dev, now.st_ino) != each.inode and now.st_mtime >= os.fstat(each.fd).st_mtime:
            yield from window(each.source.path, since, until, limit)
    except OSError:
        return


def _tail(chunks: Iterator[bytes], limit: int, deadline: float) -> tuple[deque[bytes], bool]:
    held: deque[bytes] = deque()
    total, whole = 0, True
    for chunk in chunks:
        held.append(chunk)
        total += len(chunk)
        while total - len(held[0]) >= limit:
            total -= len(held.popleft())
            whole = False
        if time.monotonic() >= deadline:
            break
    # journalctl(1) is stopped at the deadline: its end looks like the journal's.
    whole = whole and time.monotonic() < deadline
    if total > limit:
        first = held.popleft()
        cut = first.find(b"\n", total - limit - 1) + 1
        if 0 < cut < len(first):
            held.appendleft(first[cut:])
        whole = False
    return held, whole


def mail_lines(chunk: bytes) -> bytes:
    """The lines of mail programs in a chunk (whole lines) of a shared log."""
    begins: dict[int, int] = {}
    for word in _PROGRAMS:
        position = chunk.find(word)
        while position >= 0:
            begin = chunk.rfind(b"\n", 0, position) + 1
            end = chunk.find(b"\n", position)
            end = len(chunk) if end < 0 else end + 1
            if begin not in begins and _PROGRAM.match(chunk, begin, end):
                begins[begin] = end
            position = chunk.find(word, end)
    return b"".join(chunk[begin : begins[begin]] for begin in sorted(begins))


_CONTROL = bytes(set(range(32)) - {9, 10}) + b"\x7f"


def _present(chunks: deque[bytes]) -> tuple[str, ...]:
    """The lines as text, without secrets and control characters, each cut to a maximum length."""
    lines: list[str] = []
    while chunks:
        data = veil(chunks.popleft()).translate(None, _CONTROL).removesuffix(b"\n")
        try:
            fresh = data.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            fresh = [decode(line) for line in data.split(b"\n")]
        if not data.isascii():
            fresh = [line if line.isascii() else plain(line) for line in fresh]
        if max(map(len, fresh)) > LONGEST:
            fresh = [line[:LONGEST] for line in fresh]
        lines += fresh
    return tuple(line for line in lines if line)


def _refusal(path: str, error: OSError) -> str:
    if not isinstance(error, PermissionError):
        return f"{(error.strerror or 'cannot be read').lower()}: {path}"
    try:
        info = os.stat(path)
    except OSError:
        return f"permission denied: {path}"
    who = f"group {group_name(info.st_gid)} reads it" if info.st_mode & 0o040 else "only root reads it"
    return f"permission denied: {path} ({who})"

"""File access that is safe for root: only regular files of bounded size are read, files are replaced as a whole without
following links, and a file is trusted only if nobody else could have written it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SERVICE = "mail-diagnose"  # the user that the systemd unit runs as
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class Refused(OSError):
    """Access that this module refuses although the kernel would allow it; strerror says why."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EPERM, why)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a regular file, unbuffered. Raises OSError, also for a FIFO or a device, which might hang or never end."""
    # Opening a device may have side effects, so the type is checked before, and again on the open file.
    _plain(os.stat(path))
    with open(os.open(path, _READ), "rb", buffering=0) as file:
        _plain(os.fstat(file.fileno()))
        yield file


def _plain(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise Refused("is a directory" if stat.S_ISDIR(info.st_mode) else "not a regular file")


def head(path: str | os.PathLike[str], limit: int, *, tail: bool = False) -> tuple[bytes, bool]:
    """(at most `limit` octets from the start or, with `tail`, the end; whether there are more). Raises OSError."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if tail and size > limit:
            file.seek(size - limit)
        wanted = min(limit, size or limit) + 1  # files of /proc have no size
        parts, got = [], 0
        while got < wanted and (part := file.read(min(wanted - got, 1_000_000))):
            parts.append(part)
            got += len(part)
    data = b"".join(parts)
    return data[:limit], got > limit or (tail and size > limit)


def read(path: str | os.PathLike[str], limit: int, *, owners: frozenset[int] | None = None) -> bytes:
    """The whole file. Raises OSError; Refused if it is larger than `limit` bytes or, with `owners`, if anybody else
    could have written it."""
    if owners is not None and (why := doubt(Path(path), owners)):
        raise Refused(why)
    with opened(path) as file:
        more = os.fstat(file.fileno()).st_size > limit
    if not more:
        data, more = head(path, limit)
    if more:
        raise Refused(f"larger than {limit // 1_000_000 or 1} MB")
    return data


def followed(path: str) -> str:
    """The path with its links resolved; unchanged if it leads to a regular file through a link that belongs neither
    to root, nor the caller, nor the file's owner: whoever may write to a folder could otherwise make root change
    somebody else's file."""
    real = os.path.realpath(path)
    if real == path:
        return real
    try:
        file, place = os.stat(real), path
        owners = {0, os.geteuid(), file.st_uid}
        for _ in range(40 if stat.S_ISREG(file.st_mode) and not path.startswith("/proc/") else 0):
            steps = [place[:at] for at in range(1, len(place) + 1) if place[at : at + 1] in ("/", "")]
            link = next((step for step in steps if os.path.islink(step)), "")
            if not link:
                break
            if os.lstat(link).st_uid not in owners:
                return path
            place = os.path.join(os.path.dirname(link), os.readlink(link)) + place[len(link) :]
    except OSError:
        pass
    return real


def trusted(*, service: bool = False, sudo: bool = False) -> frozenset[int]:
    """The uids whose files are trusted: root's and the caller's. service: also that of the user that runs `watch`;
    sudo: also that of the user who called sudo."""
    found = {0, os.geteuid()}
    if sudo and os.geteuid() == 0 and (user := os.environ.get("SUDO_UID", "")).isdecimal():
        found.add(int(user[:10]))
    if service:
        import pwd

        with suppress(KeyError):
            found.add(pwd.getpwnam(SERVICE).pw_uid)
    return frozenset(found)


def doubt(path: Path, owners: frozenset[int]) -> str:
    """Who besides `owners` could replace `path`, links followed, in words; empty if nobody. Raises OSError."""
    place, parts, links = Path("/"), [*reversed(path.absolute().parts[1:])], 0
    groups = {0} | ({os.getegid()} if os.geteuid() else set())  # a user's own group counts as the user
    while True:
        info = os.lstat(place)
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > 40:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = Path(os.readlink(place))
            place = Path("/") if target.is_absolute() else place.parent
            parts += [part for part in reversed(target.parts) if part != "/"]
        elif info.st_uid not in owners:
            return f"{place} belongs to {_user(info.st_uid)}"
        elif not (stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX):
            if info.st_mode & 0o002:
                return f"{place} is writable by everybody"
            if info.st_mode & 0o020 and info.st_gid not in groups:
                return f"{place} is writable by group {_group(info.st_gid)}"
        if not parts:
            return ""
        part = parts.pop()
        place = place.parent if part == ".." else place / part


def tool_in_doubt() -> str:
    """A warning if root runs a tool that somebody else can modify; else empty."""
    if os.geteuid() != 0:
        return ""
    # In the single-file program, the innermost existing path is that file.
    own = next(path for path in Path(__file__).parents if path.exists())
    for path in (own, Path(sys.executable)):
        with suppress(OSError):
            if why := doubt(path, trusted()):
                return f"root runs this tool, and {why}: whoever can write there can become root; install it elsewhere"
    return ""


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def write(
    path: Path,
    data: bytes,
    mode: int | None,
    owner: tuple[int, int] | None = None,
    *,
    owners: frozenset[int] | None = None,
) -> None:
    """Replaces `path` atomically. Raises OSError; the old file is then unchanged.

    mode: exact, whatever the umask (None: that of the existing file if it is the caller's, else 0600); owner: (uid,
    gid). Only a regular file is replaced; a character device is written to. owners: as root, refuse a directory in
    which other users may replace files.
    """
    if owners is not None and os.geteuid() == 0 and (why := doubt(path.parent, owners)):
        raise Refused(f"{why}, who could swap the file; --force writes it anyway")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            there: os.stat_result | None = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is not None and stat.S_ISCHR(there.st_mode):
            _into(path.name, data, folder)
            return
        if there is not None and not stat.S_ISREG(there.st_mode):
            raise Refused(f"{_KINDS.get(stat.S_IFMT(there.st_mode), 'a device')} is there")
        if mode is None:
            mode = stat.S_IMODE(there.st_mode) if there is not None and there.st_uid == os.geteuid() else 0o600
        part = f".{path.name}.{os.urandom(8).hex()}.part"
        handle = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            with open(handle, "wb") as file:
                if owner is not None:
                    os.fchown(handle, *owner)
                os.fchmod(handle, mode)
                file.write(data)
                file.flush()
                os.fsync(handle)
            os.replace(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
        os.fsync(folder)
    finally:
        os.close(folder)


def _into(name: str, data: bytes, folder: int) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    with open(handle, "wb") as file:
        if not stat.S_ISCHR(os.fstat(handle).st_mode):
            raise Refused("no longer a device")
        os.set_blocking(handle, True)
        file.write(data)

"""What a path holds (content, mode, owner, extended attributes), and putting that back byte for byte.

A path here has its links resolved. Its folder is opened from the root on without following a link, so that nobody who may
write along the way can turn a change to another file.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from diagnose import files
from diagnose.record import frozen

LIMIT = 256_000_000  # bytes of a file that is copied
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_GETFLAGS = 0x80086601  # FS_IOC_GETFLAGS
_IMMUTABLE = 0x30  # also append-only
_NOT_KEPT = (errno.EOPNOTSUPP, errno.EINVAL)  # where the file system keeps no such attribute


class CannotChange(Exception):
    """The path is not one to change; str() says why, beginning with the path."""


@frozen
class State:
    """kind: absent, file, dir or other (a socket, a FIFO). digest: SHA-256 of a file's content. xattrs: names with their values in
    base64. mtime (nanoseconds) is put back, since tables are judged by it, and never compared."""

    kind: str = "absent"
    mode: int = 0
    uid: int = 0
    gid: int = 0
    digest: str = ""
    xattrs: tuple[tuple[str, str], ...] = ()
    mtime: int = 0

    def same(self, other: State) -> bool:
        return self.key == other.key

    @property
    def key(self) -> tuple[object, ...]:
        return (self.kind, self.mode, self.uid, self.gid, self.digest, self.xattrs)


def resolved(path: str) -> str:
    """The path with links followed, so that a link is kept and what it points to is changed."""
    return files.followed(path)


@contextmanager
def folder(path: str) -> Iterator[int]:
    """A descriptor of the directory that holds `path`. Raises OSError if one of its parents is a link or is not there."""
    handle = os.open("/", _FOLDER)
    try:
        for part in path.split("/")[1:-1]:
            try:
                below = os.open(part, _FOLDER, dir_fd=handle)
            except OSError as error:
                raise OSError(error.errno, error.strerror, os.path.dirname(path)) from None
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def look(path: str) -> tuple[State, bytes]:
    """What the path holds now, and a file's content. Raises CannotChange, OSError."""
    try:
        with folder(path) as place:
            return _look(path, place)
    except FileNotFoundError:
        return State(), b""


def _look(path: str, place: int) -> tuple[State, bytes]:
    name = os.path.basename(path)
    try:
        info = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return State(), b""
    if stat.S_ISLNK(info.st_mode):
        raise CannotChange(f"{path} has become a link, or is one that another user made")
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        return State(kind="other", mode=stat.S_IMODE(info.st_mode), uid=info.st_uid, gid=info.st_gid), b""
    handle = os.open(name, _READ, dir_fd=place)
    try:
        info = os.fstat(handle)
        data = b""
        if stat.S_ISREG(info.st_mode):
            if info.st_size > LIMIT:
                raise CannotChange(f"{path} is larger than {LIMIT // 1_000_000} MB")
            with open(handle, "rb", closefd=False) as file:
                data = file.read(LIMIT)
        return State(
            kind="file" if stat.S_ISREG(info.st_mode) else "dir",
            mode=stat.S_IMODE(info.st_mode),
            uid=info.st_uid,
            gid=info.st_gid,
            digest=hashlib.sha256(data).hexdigest() if stat.S_ISREG(info.st_mode) else "",
            xattrs=_xattrs(handle),
            mtime=info.st_mtime_ns,
        ), data
    finally:
        os.close(handle)


def _xattrs(handle: int) -> tuple[tuple[str, str], ...]:
    try:
        names = os.listxattr(handle)
    except OSError:
        return ()
    found = []
    for name in sorted(names):
        with suppress(OSError):  # gone meanwhile, or the kernel's own
            found.append((name, base64.b64encode(os.getxattr(handle, name)).decode()))
    return tuple(found)


def obstacle(path: str, content: bool) -> str:
    """Why the path must not or cannot be changed, "" where nothing is in the way. content: new bytes will be put there."""
    try:
        with folder(path) as place:
            if os.fstatvfs(place).f_flag & os.ST_RDONLY:
                return f"{path} is on a read-only file system"
            if _immutable(place):
                return f"the directory of {path} is immutable (lsattr -d shows it)"
            try:
                handle = os.open(os.path.basename(path), _READ, dir_fd=place)
            except FileNotFoundError:
                return ""
            except OSError as error:
                return "" if error.errno == errno.ENXIO else f"{path}: {error.strerror}"  # a socket
            try:
                info = os.fstat(handle)
                if _immutable(handle):
                    return f"{path} is immutable (lsattr shows it)"
                if content and stat.S_ISREG(info.st_mode) and info.st_nlink > 1:
                    return f"{path} has another name (a hard link), which would keep the old content"
            finally:
                os.close(handle)
    except FileNotFoundError:
        return f"the directory of {path} does not exist"
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""


def _immutable(handle: int) -> bool:
    try:
        return bool(struct.unpack("i", fcntl.ioctl(handle, _GETFLAGS, b"\0" * 4))[0] & _IMMUTABLE)
    except OSError:
        return False  # this file system has no such flags


def replace(path: str, data: bytes, state: State, part: str) -> None:
    """Writes a file with this content, and the mode, owner and attributes of `state`: as `part` beside it, then
    renamed, so that there is always the old or the new one. Raises OSError, and then leaves the old one."""
    with folder(path) as place:
        _remove(part, place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(part, flags, 0o600, dir_fd=place)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(data)
            _dress(f"/proc/self/fd/{handle}", state)
            if state.mtime:
                os.utime(handle, ns=(state.mtime, state.mtime))
            os.fsync(handle)
            os.rename(part, os.path.basename(path), src_dir_fd=place, dst_dir_fd=place)
            os.fsync(place)
        except BaseException:
            _remove(part, place)
            raise
        finally:
            os.close(handle)


def restore(path: str, was: State, data: bytes, part: str) -> None:
    """Puts the path back as it was. Raises OSError, CannotChange."""
    now, _ = look(path)
    if not now.same(was):
        with folder(path) as place:
            _restore(path, place, now, was, data, part)
            os.fsync(place)
    sweep(path, part)


def _restore(path: str, place: int, now: State, was: State, data: bytes, part: str) -> None:
    name = os.path.basename(path)
    if was.kind == "absent":
        (os.rmdir if now.kind == "dir" else os.unlink)(name, dir_fd=place)
        return
    if was.kind == "file" and (now.kind != "file" or now.digest != was.digest):
        replace(path, data, was, part)
        return
    if was.kind == "dir" and now.kind == "absent":
        os.mkdir(name, 0o700, dir_fd=place)
    elif now.kind != was.kind:
        raise CannotChange(f"{path} is no longer a {was.kind}")
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        _dress(f"/proc/self/fd/{handle}", was)
    finally:
        os.close(handle)


def _dress(path: str, state: State) -> None:
    """Sets owner, attributes and mode, in this order: each would undo those after it."""
    os.chown(path, state.uid, state.gid)
    if state.kind != "other":
        wanted = dict(state.xattrs)
        for name in os.listxattr(path):
            if name not in wanted:
                with suppress(OSError):
                    os.removexattr(path, name)
        for name, value in wanted.items():
            raw = base64.b64decode(value)
            try:
                os.setxattr(path, name, raw)
            except OSError as error:
                if error.errno not in _NOT_KEPT and os.getxattr(path, name) != raw:
                    raise
    os.chmod(path, state.mode)


def sweep(path: str, part: str) -> None:
    """Removes the temporary file (`part`) of a killed writer of the path."""
    with suppress(OSError), folder(path) as place:
        _remove(part, place)


def _remove(name: str, place: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)

"""The files of the kept state: whole at every instant, and whose they are."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diagnose import files
from diagnose.errors import StateError
from diagnose.parse.text.masking import leaving

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class NotKept(StateError):
    """The disk takes nothing now: alarms must go out all the same."""


class Busy(StateError):
    """Another process holds the lock."""


def keep_whole(path: Path, text: str) -> None:
    """Like `write_whole`, for a file of the kept state: mode and owner are those that its directory asks for."""
    write_whole(path, leaving(text), file_mode(path.parent), owner=_owner(path.parent))


def write_whole(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Replaces `path` by `text`; who reads meanwhile sees the old or the new, never a part.

    The new file has exactly `mode`, whatever the umask, and belongs to `owner` (user, group) where that is given. Raises StateError; then the old file stands as it was.
    """
    try:
        files.write(path, text.encode("utf-8", "replace"), mode, owner)
    except OSError as error:
        kind = NotKept if error.errno in _DISK else StateError
        raise kind(f"cannot write {path}: {error.strerror}; free space there or choose another place") from None


def sweep(directory: Path, name: str) -> None:
    """Removes what a killed writer of `name` left behind; only for the holder of the directory's lock."""
    for part in directory.glob(f".{name}.*.part"):
        part.unlink(missing_ok=True)


def prepare(directory: Path) -> None:
    """Makes the directory (0750) where it is missing. Raises StateError when it cannot be made or used."""
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except FileExistsError:
        raise StateError(f"--state-dir {directory}: not a directory") from None
    except OSError as error:
        kind = NotKept if error.errno in _DISK else StateError
        raise kind(f"cannot make the state directory {directory}: {error.strerror}; see --state-dir") from None
    if why := files.doubt(directory, files.trusted(service=True)):
        raise StateError(f"the state in {directory} is not trusted: {why}; correct that, or see --state-dir")


def _owner(directory: Path) -> tuple[int, int] | None:
    """Whose the kept files are when root runs a pass by hand in the directory of an unprivileged service, which must be
    able to go on with them; None where they are one's own anyway."""
    if os.geteuid() != 0:
        return None
    status = directory.stat()
    return (status.st_uid, status.st_gid) if status.st_uid != 0 else None


def hand_over(path: Path) -> None:
    """Gives a kept file that something else made, such as a library, the mode and owner of `keep_whole`."""
    status, mode, owner = path.lstat(), file_mode(path.parent), _owner(path.parent)
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"{path} is no plain file: remove it")
    if owner is not None and status.st_uid == 0:
        os.chown(path, *owner, follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def file_mode(directory: Path) -> int:
    """The directory's own mode decides who may read what is kept in it."""
    return 0o600 | (directory.stat().st_mode & 0o044)


@contextmanager
def locked(directory: Path, name: str = "lock", what: str = "another pass") -> Iterator[None]:
    """Holds the directory's lock, which ends with the process. Raises Busy when another process has it."""
    import fcntl

    path = directory / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        kind = NotKept if error.errno in _DISK else StateError
        raise kind(f"cannot write in the state directory {directory}: {error.strerror}; see --state-dir") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise StateError(f"{path} is no plain file of its own: remove it")
        owner = _owner(directory)
        if owner is not None and status.st_uid == 0:
            os.fchown(handle, *owner)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise Busy(
                f"{what} is under way{f' (process {holder})' if holder.isdigit() else ''}: nothing was done"
            ) from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass  # a full disk: the lock holds all the same, only its owner is not named
        yield
    finally:
        os.close(handle)

"""The files of the kept state: written whole, with the right owner and mode."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diagnose import files
from diagnose.errors import StateError
from diagnose.parse.text.masking import leaving

_TAKES_NOTHING = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM,
    errno.ENOENT,
)  # fmt: skip


class NotKept(StateError):
    """The directory cannot be written or read now; alarms must go out all the same."""


def failure(error: OSError, said: str) -> StateError:
    """NotKept if the disk is full, read-only, broken or forbidden; StateError for any other fault, such as files
    that others may write."""
    kept = error.errno not in _TAKES_NOTHING or isinstance(error, files.Refused)
    return StateError(said) if kept else NotKept(said)


class Busy(StateError):
    """Another process holds the lock. holder: its process id, if known; began: by time.monotonic(); limit: its own
    time limit, in seconds; told: whether an alarm already said that it hangs (see `mark`)."""

    def __init__(self, path: Path, what: str, noted: str) -> None:
        line, _, more = noted.partition("\n")
        fields = line.split()
        self.path, self.told = path, "told" in more
        self.holder = fields[0] if fields and fields[0].isdecimal() else ""
        try:
            self.began, self.limit = float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            self.began, self.limit = time.monotonic(), 0.0
        name = f" (process {self.holder})" if self.holder else ""
        super().__init__(f"{what} is under way{name}: nothing was done")

    @property
    def lasted(self) -> float:
        return time.monotonic() - self.began

    @property
    def hangs(self) -> bool:
        """Whether it has exceeded its own time limit."""
        return 0 < self.limit < self.lasted


def mark(busy: Busy) -> None:
    """Notes in the lock file that an alarm was sent about its holder; valid until the lock changes hands."""
    with suppress(OSError):
        handle = os.open(busy.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(handle, b"told\n")
        finally:
            os.close(handle)


def keep_whole(path: Path, text: str) -> None:
    """Replaces a file of the kept state by `text`, with the mode and owner that its directory asks for; a reader
    meanwhile sees the old or the new, never a part. Raises StateError, and then leaves the old file as it was."""
    _keep(path, leaving(text), 0o044)


def keep_private(path: Path, text: str) -> None:
    """The same with mode 0600 and without masking: the file never leaves this host."""
    _keep(path, text, 0)


def _keep(path: Path, text: str, readers: int) -> None:
    try:
        mode, owner = file_mode(path.parent) & (0o600 | readers), _owner(path.parent)
        files.write(path, text.encode("utf-8", "replace"), mode, owner)
    except OSError as error:
        place = path if isinstance(error, files.Refused) else f"in {path.parent}"
        raise failure(error, f"cannot write {place}: {error.strerror}") from None


def sweep(directory: Path, name: str) -> None:
    """Removes the temporary files of a writer of `name` that was killed. The caller holds the directory's lock."""
    for part in directory.glob(f".{name}.*.part"):
        with suppress(OSError):
            part.unlink()


def prepare(directory: Path) -> None:
    """Makes the directory (0750) where it is missing. Raises StateError when it cannot be made or used."""
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except FileExistsError:
        raise StateError(f"--state-dir {directory}: not a directory") from None
    except OSError as error:
        raise failure(
            error, f"cannot make the state directory {directory}: {error.strerror}; see --state-dir"
        ) from None
    try:
        why = files.doubt(directory, files.trusted(service=True))
    except OSError as error:
        raise failure(error, f"cannot look into the state directory {directory}: {error.strerror}") from None
    if why:
        raise StateError(f"the state in {directory} is not trusted: {why}; correct that, or see --state-dir")


def _owner(directory: Path) -> tuple[int, int] | None:
    """The owner for kept files when root runs a pass by hand in an unprivileged service's directory, which must stay
    usable for that service; None if no change is needed."""
    if os.geteuid() != 0:
        return None
    status = directory.stat()
    return (status.st_uid, status.st_gid) if status.st_uid != 0 else None


def hand_over(path: Path) -> None:
    """Sets mode and owner as `keep_whole` does, for a file that a library wrote."""
    status, mode, owner = path.lstat(), file_mode(path.parent), _owner(path.parent)
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"{path} is not a regular file: remove it")
    if owner is not None and status.st_uid == 0:
        os.chown(path, *owner, follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def file_mode(directory: Path) -> int:
    """The mode for kept files: readable by whoever may read the directory."""
    return 0o600 | (directory.stat().st_mode & 0o044)


@contextmanager
def locked(directory: Path, name: str = "lock", what: str = "another pass", limit: float = 0.0) -> Iterator[None]:
    """Holds the directory's lock; it ends with the process. Raises Busy when another process has it. limit: seconds
    after which this process counts as hanging; 0 for never."""
    import fcntl

    path = directory / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise failure(error, f"cannot write in {directory}: {error.strerror}; see --state-dir") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise StateError(f"{path} is not a regular file without other links: remove it")
        owner = _owner(directory)
        if owner is not None and status.st_uid == 0:
            os.fchown(handle, *owner)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(path, what, os.pread(handle, 100, 0).decode("ascii", "replace")) from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {time.monotonic():.1f} {limit:.1f}\n".encode(), 0)
        except OSError:
            pass  # a full disk: the lock holds all the same, only its owner is not named
        yield
    finally:
        os.close(handle)

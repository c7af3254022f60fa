"""A stand-in in memory for a state directory that cannot be written, so that the next pass knows which alarms this
one sent.

Each state directory has a stand-in, below the first of PLACES that the pass may use. Files move back as soon as the
directory can be written again; until then those of the stand-in are newer.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from diagnose import files
from diagnose.watch.files import NotKept, keep_whole

PLACES: tuple[str, ...] = ("/run/mail-diagnose", "/dev/shm/mail-diagnose-{uid}")  # uid: the state directory's owner


def known(directory: Path) -> Iterator[Path]:
    """The existing stand-ins of `directory` that no other user could have created."""
    for place in _places(directory):
        with suppress(OSError):
            if place.is_dir() and not files.doubt(place, files.trusted(service=True)):
                yield place


def made(directory: Path) -> Path | None:
    """The stand-in of `directory`, created with the same mode and owner; None if that is impossible."""
    for place in _places(directory):
        with suppress(OSError):
            status = _status(directory)
            place.parent.mkdir(mode=0o755, exist_ok=True)
            if files.doubt(place.parent, files.trusted(service=True)):
                continue
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
                _like(place, status)
            if not files.doubt(place, files.trusted(service=True)) and os.access(place, os.W_OK | os.X_OK):
                return place
    return None


def keep(path: Path, text: str, whole: Callable[[Path, str], None] = keep_whole) -> str:
    """Writes `path`, or else its stand-in, and then returns why. Raises NotKept if neither
    can be written, StateError where the directory is not to be used."""
    try:
        whole(path, text)
    except NotKept as error:
        place = made(path.parent)
        if place is None:
            raise
        whole(place / path.name, text)
        return f"{error}; the state is kept in {place} meanwhile"
    drop(path)
    return ""


def drop(path: Path) -> None:
    """Removes the stand-in of a file that was moved back, and the directory when it is empty."""
    for place in known(path.parent):
        with suppress(OSError):
            (place / path.name).unlink(missing_ok=True)
            place.rmdir()


def _like(place: Path, status: os.stat_result | None) -> None:
    """Gives the stand-in the directory's mode and owner."""
    if status is None:
        return
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.geteuid() == 0:
            os.fchown(folder, status.st_uid, status.st_gid)
        os.fchmod(folder, 0o700 | stat.S_IMODE(status.st_mode) & 0o055)
    finally:
        os.close(folder)


def _places(directory: Path) -> list[Path]:
    name = hashlib.sha256(os.fsencode(os.path.abspath(directory))).hexdigest()[:16]
    status = _status(directory)
    uid = os.geteuid() if status is None else status.st_uid
    return [Path(place.format(uid=uid)) / name for place in PLACES]


def _status(directory: Path) -> os.stat_result | None:
    try:
        return directory.stat()
    except OSError:
        return None

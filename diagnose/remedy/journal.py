"""The journal of a change: what is about to be done is on the disk before it is done, with copies of what was there.

<undo>/<id>/journal    one JSON object a line: begin, step (with the files' states), done, then an end
<undo>/<id>/<number>   a file's content as it was

A line torn by a crash has no newline, and counts as not written: what it announced has not begun.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import StateError
from diagnose.record import dataclass
from diagnose.remedy.originals import State

PLACE = Path("/var/lib/mail-diagnose/undo")
KEPT = 30 * 86_400  # seconds
_MOST = 1 << 24  # octets of a journal
ENDS = ("kept", "unsure", "undone")
UNREAD = "unread"


@dataclass
class Touched:
    """A file of the change. was: before the first step that changed it; seen: each state that this tool gave it; loose: a command was
    to change it and was not seen to end, so that it may be in any state. copy: the name of its content, "" for none."""

    was: State
    copy: str = ""
    seen: list[State] = field(default_factory=list)
    loose: bool = False


@dataclass
class Change:
    """One change of this host, as read from its journal. undo: the commands that undo what is not a file, in the
    order to run them; lasting: what undo leaves, in words. first: the id of the first change of the same run of
    `fix`. end: "" while it is open, such as after a crash; UNREAD where the journal is damaged or another version's,
    so that nothing else is known of it."""

    id: str
    begun: float = 0.0
    cause: str = ""
    title: str = ""
    first: str = ""
    steps: int = 0
    done: int = 0
    files: dict[str, Touched] = field(default_factory=dict)
    undo: list[tuple[str, ...]] = field(default_factory=list)
    after: list[tuple[str, ...]] = field(default_factory=list)
    lasting: list[str] = field(default_factory=list)
    end: str = ""

    @property
    def part(self) -> str:
        """The name of the temporary file that replaces a changed one by a rename."""
        return f".mail-diagnose.{self.id}.part"


class Store:
    """The directory of all changes; `opened` gives one. It is reached by its descriptor, so that nobody who owns a directory above it
    can put another in its place."""

    def __init__(self, handle: int, name: Path) -> None:
        self.root = Path(f"/proc/self/fd/{handle}")
        self.name = name
        self.handle = handle

    def changes(self) -> list[Change]:
        """All changes, oldest first."""
        found = [entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)]
        return [change for name in sorted(found) if (change := self.change(name)) is not None]

    def change(self, id: str) -> Change | None:
        if "/" in id or id.startswith("."):
            return None
        try:
            return _told(id, files.read(self.root / id / "journal", _MOST))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return _unread(id)

    def begin(self, cause: str, title: str, steps: int, first: str = "") -> Journal:
        """A new journal. first: the id of the run's first change, "" for this one. Raises StateError."""
        moment = time.time()
        stem = time.strftime("%Y%m%d-%H%M%S", time.localtime(moment))
        for name in (stem, *(f"{stem}-{number}" for number in range(2, 1000))):
            journal = Journal(self.root / name, Change(id=name))
            try:
                (self.root / name).mkdir(mode=0o700)
                _sync(self.root)
                journal.write("begin", at=moment, cause=cause, title=title, steps=steps, first=first or name)
            except FileExistsError:
                continue
            except OSError as error:
                raise _unsaved(self.name, error) from None
            return journal
        raise StateError(f"no free name in {self.name}")

    def journal(self, change: Change) -> Journal:
        return Journal(self.root / change.id, change)

    def forget(self, id: str) -> None:
        shutil.rmtree(self.root / id)

    def tidy(self) -> None:
        """Removes ended changes older than KEPT, and those that never began."""
        for entry in list(os.scandir(self.root)):
            if entry.is_dir(follow_symlinks=False):
                change = self.change(entry.name)
                if change is None or (change.end in ENDS and time.time() - change.begun > KEPT):
                    self.forget(entry.name)


class Journal:
    def __init__(self, place: Path, change: Change) -> None:
        self.place = place
        self.change = change

    def write(self, event: str, **data: Any) -> None:
        """Appends a line, which is on the disk when this returns. Raises OSError."""
        line = json.dumps({"event": event, **data}, ensure_ascii=True) + "\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.place / "journal", flags, 0o600)
        try:
            kept = os.pread(handle, 1 << 30, 0)
            whole = kept.rfind(b"\n") + 1  # a torn line goes
            os.ftruncate(handle, whole)
            if os.pwrite(handle, line.encode(), whole) < len(line):  # the disk took a part of it
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.place))
            os.fsync(handle)
        finally:
            os.close(handle)
        _sync(self.place)
        _take(self.change, event, data)

    def copy(self, data: bytes) -> str:
        """Keeps a file's content; returns its name. Raises OSError."""
        name = str(len([entry for entry in os.scandir(self.place) if entry.name.isdecimal()]))
        handle = os.open(self.place / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        _sync(self.place)
        return name

    def content(self, touched: Touched) -> bytes:
        return (self.place / touched.copy).read_bytes() if touched.copy else b""


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def plain(state: State) -> dict[str, Any]:
    return asdict(state)


def _state(data: Mapping[str, Any]) -> State:
    return State(**{**data, "xattrs": tuple((name, value) for name, value in data["xattrs"])})


def _unread(id: str) -> Change:
    return Change(id=id, title=f"{PLACE / id}/journal cannot be read", end=UNREAD)


def _told(id: str, raw: bytes) -> Change | None:
    """The change that a journal's octets tell of: None if it never began, UNREAD if a line cannot be read."""
    change = Change(id=id)
    for line in raw.split(b"\n")[:-1]:
        try:
            data = json.loads(line)
            _take(change, data.pop("event"), data)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _unread(id)
    return change if change.begun else None


def _take(change: Change, event: str, data: Mapping[str, Any]) -> None:
    """Applies a line to the change. "step": files: path to {was, copy, wanted}; wanted None if a command makes it."""
    if event == "begin":
        change.begun, change.cause, change.title = data["at"], data["cause"], data["title"]
        change.steps, change.first = data["steps"], data.get("first", change.id)
    elif event == "step":
        for path, each in data["files"].items():
            touched = change.files.setdefault(path, Touched(was=_state(each["was"]), copy=each["copy"]))
            if each["wanted"] is not None:
                touched.seen.append(_state(each["wanted"]))
            else:
                touched.loose = True
        change.undo[:0] = [tuple(argv) for argv in data["undo"]]
        change.after += [argv for words in data["after"] if (argv := tuple(words)) not in change.after]
        change.lasting += [data["lasting"]] if data["lasting"] else []
    elif event == "done":
        change.done += 1
        for path, each in data["files"].items():
            change.files[path].seen.append(_state(each))
            change.files[path].loose = False
    elif event in ENDS:
        change.end = event
    else:
        raise ValueError(event)


def _unsaved(place: Path, error: OSError) -> StateError:
    return StateError(f"cannot save in {place} what undoes a change: {error.strerror}")


@contextmanager
def opened(place: Path = PLACE) -> Iterator[Store]:
    """The store, created if it is missing, and locked for this process. Raises StateError, also if another holds it."""
    try:
        handle = _open(place)
    except OSError as error:
        raise _unsaved(place, error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(
                "another fix, or a command left by one that was killed, is still running: nothing was done"
            ) from None
        yield Store(handle, place)
    finally:
        os.close(handle)


def _open(place: Path) -> int:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    info = os.fstat(handle)
    if info.st_uid not in files.trusted():
        os.close(handle)
        raise StateError(f"{place} belongs to another user: remove it")
    if stat.S_IMODE(info.st_mode) != 0o700:
        os.fchmod(handle, 0o700)
    return handle

"""Carries out a plan's steps, each announced in the journal before it is done, and takes all of them back."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from diagnose.host.live.carry import carry_out
from diagnose.record import dataclass
from diagnose.remedy import never
from diagnose.remedy.edits import Changed
from diagnose.remedy.journal import Change, Journal, Store, plain
from diagnose.remedy.originals import CannotChange, State, look, obstacle, replace as put, resolved, restore
from diagnose.remedy.running import InstallPackage
from diagnose.remedy.steps import FileStep, Given, RunStep, Step

_NEW = 0o644
_WHILE, _INSTALL = 90.0, 900.0  # seconds for a command


class Failed(Exception):
    """A step did not do what it should, or must not be done; str() says why."""


@dataclass
class Transaction:
    """read: the files as they were when the plan was shown, by path with links resolved."""

    store: Store
    journal: Journal
    read: Mapping[str, State]
    given: Given = field(default_factory=dict)
    made: dict[str, State] = field(default_factory=dict)

    def apply(self, step: Step) -> bool:
        """Whether there was anything to do. Raises Failed, OSError."""
        try:
            return self._file(step) if isinstance(step, FileStep) else self._run(step)
        except (CannotChange, Changed) as error:
            raise Failed(str(error)) from None

    def verify(self, step: Step) -> str:
        """What the step's own checks find wrong, "" if nothing."""
        for check in step.verify():
            done = carry_out(check.argv, _WHILE)
            if done.code is None:
                return done.said
            if done.code != check.status:
                return f"{' '.join(check.argv)} ended with status {done.code}: {done.said or 'it printed nothing'}"
            if check.prints is not None and done.raw != check.prints:
                return f"{' '.join(check.argv)} says {done.said!r}"
        return ""

    def _file(self, step: FileStep) -> bool:
        path = resolved(step.path)
        was, data = self._as_expected(path)
        if was.kind not in ("absent", "file"):
            raise Failed(f"{path} is not a regular file")
        new = step.edit(data if was.kind == "file" else None, self.given)
        wanted = _wanted(step, was)
        if was.kind == "file" and new == data and wanted.same(was):
            return False
        if why := never.mode(step, was) or never.effect(path, data, new) or obstacle(path, True):
            raise Failed(why)
        # A new file's attributes are the directory's to give, so its state is known only when it is there.
        known = replace(wanted, digest=_digest(new)) if was.kind == "file" else None
        self._announce(step, {path: (was, data, known)})
        put(path, new, wanted, self.journal.change.part)
        self._done((path,))
        return True

    def _run(self, step: Step) -> bool:
        if not isinstance(step, RunStep):
            raise Failed(f"{type(step).__name__} is not a step that can be carried out")
        if why := next(never.reasons(step), ""):
            raise Failed(why)
        before: dict[str, tuple[State, bytes, State | None]] = {}
        for path in dict.fromkeys(map(resolved, step.files())):
            if why := obstacle(path, False):
                raise Failed(why)
            was, data = self._as_expected(path)
            if why := never.mode(step, was):
                raise Failed(why)
            before[path] = (was, data, None)
        self._announce(step, before)
        for argv in step.argvs():
            # A command that outlives us keeps the lock; a service that it starts must not.
            keep = (self.store.handle,) if before else ()
            done = carry_out(argv, _INSTALL if isinstance(step, InstallPackage) else _WHILE, keep)
            if done.code != 0:
                status = f"status {done.code}" if done.code is not None else "no status"
                raise Failed(f"{' '.join(argv)} ended with {status}: {done.said or 'it printed nothing'}")
        for path in step.renames():
            self.made[path] = look(path)[0]
        self._done(tuple(before))
        return True

    def _as_expected(self, path: str) -> tuple[State, bytes]:
        now, data = look(path)
        expected = self.made.get(path) or self.read.get(path)
        if expected is not None and not now.same(expected):
            raise Failed(f"{path} was changed in the meantime, by somebody else")
        return now, data

    def _announce(self, step: Step, files: Mapping[str, tuple[State, bytes, State | None]]) -> None:
        told: dict[str, dict[str, Any]] = {}
        for path, (was, data, wanted) in files.items():
            fresh = path not in self.journal.change.files and was.kind == "file"
            told[path] = {
                "was": plain(was),
                "copy": self.journal.copy(data) if fresh else "",
                "wanted": plain(wanted) if wanted else None,
            }
        undo = step.reverted()
        self.journal.write("step", why=step.why, files=told, undo=undo.commands, after=undo.after, lasting=undo.lasting)

    def _done(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self.made[path] = look(path)[0]
        self.journal.write("done", files={path: plain(self.made[path]) for path in paths})


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _wanted(step: FileStep, was: State) -> State:
    """The file's wanted state, apart from its content. Raises Failed."""
    mode = was.mode if was.kind == "file" else _NEW
    uid, gid = was.uid, was.gid
    if step.owner:
        user, _, group = step.owner.partition(":")
        try:
            uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group or user).gr_gid
        except KeyError:
            raise Failed(f"there is no user or group {step.owner}") from None
    mode = mode if step.mode is None else step.mode
    return State(kind="file", mode=mode, uid=uid, gid=gid, digest=was.digest, xattrs=was.xattrs)


def chain(store: Store, change: Change) -> list[Change]:
    """The change and the later ones that build upon it (they changed a file that it changed, or one of those did), newest first:
    the order in which they can be taken back."""
    found, paths = [change], set(change.files)
    for later in store.changes():
        if later.id > change.id and later.end != "undone" and not paths.isdisjoint(later.files):
            found.insert(0, later)
            paths |= set(later.files)
    return found


def undo(store: Store, *changes: Change) -> list[str]:
    """Restores everything as it was before the changes, given newest first; returns in words what stays different.
    Raises OSError, or Failed, before anything is changed if a file is not as it was left."""
    _can_be_undone(store, changes)
    return [line for change in changes for line in _undo(store, change)]


def _can_be_undone(store: Store, changes: Sequence[Change]) -> None:
    """Raises Failed if one of the files is not as it was left, so that all is taken back or nothing."""
    state: dict[str, State] = {}
    try:
        for change in changes:
            journal = store.journal(change)
            for path, touched in change.files.items():
                now = state.get(path) or look(path)[0]
                if not touched.loose and not any(now.same(known) for known in (touched.was, *touched.seen)):
                    raise Failed(_who(store, change, path))
                if not now.same(touched.was) and (why := obstacle(path, False)):
                    raise Failed(why)
                if touched.copy and _digest(journal.content(touched)) != touched.was.digest:
                    raise Failed(f"the copy of {path} is damaged: {store.name / change.id / touched.copy}")
                state[path] = touched.was
    except CannotChange as error:
        raise Failed(str(error)) from None


def _who(store: Store, change: Change, path: str) -> str:
    later = [c for c in store.changes() if c.id > change.id and c.end != "undone" and path in c.files]
    return f"{path} was changed since, " + (
        f"by fix {later[-1].id}: undo that one first" if later else "by somebody else"
    )


def _down(argv: Sequence[str]) -> bool:
    """Whether a stop failed only because its service does not run, as after a failed start."""
    return argv[-1] == "stop" and carry_out((*argv[:-1], "status"), _WHILE).code != 0


def _undo(store: Store, change: Change) -> list[str]:
    journal = store.journal(change)
    try:
        for path, touched in reversed(change.files.items()):
            restore(path, touched.was, journal.content(touched), change.part)
    except CannotChange as error:
        raise Failed(str(error)) from None
    left = list(change.lasting)
    for argv in change.undo:
        done = carry_out(argv, _WHILE)
        if done.code != 0 and not _down(argv):
            left.append(f"{' '.join(argv)} failed: {done.said}")
    for argv in change.after:
        done = carry_out(argv, _WHILE)
        if done.code != 0:
            left.append(f"the services were not reloaded, because {' '.join(argv)} failed: {done.said}")
            break
    try:
        journal.write("undone")
    except OSError as error:
        left.append(f"the journal, which does not say that this is undone: {error.strerror}")
    return left

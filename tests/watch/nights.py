"""Histories of whole passes in bad surroundings: disks that are full, directories that are read-only or forbidden, targets that
fail or hang, and a clock that jumps. The promise of `tests.watch.promise` holds in all of them."""

from __future__ import annotations

import os
import random
import resource
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from diagnose.watch import passes, refuge, target
from diagnose.watch.machine import OK, WARNING, Event, Policy
from tests.watch import promise, world

# What the state's directory is: well; readable only; neither readable nor writable; and no disk with room anywhere.
WELL, READ_ONLY, FORBIDDEN, FULL = HOMES = ("well", "read-only", "forbidden", "full")
# What the second target does.
TAKES, FAILS, HANGS = TARGETS = ("takes", "fails", "hangs")
REFUSES = Path("/sys/kernel")  # takes no file, not even root's


@dataclass
class Night:
    """One history below `root`. Call `look` for each pass, and `end` after the last; an AssertionError names what was broken."""

    root: Path
    policy: Policy
    told: world.Journal  # a target that takes all
    taken: world.Journal
    home: str = WELL
    second: str = TAKES
    sent: list[str] = field(default_factory=list)  # ids of what was told by passes that could be kept
    got: list[str] = field(default_factory=list)  # ids that the second target took
    lost: int = 0  # alarms that the watch gave up
    twice: int = 0  # of those got, what it may get again: taken in passes that could not be kept

    def __post_init__(self) -> None:
        self.promise = promise.Promise(self.policy)

    def look(self, status: str, cause: str | None, at: float) -> None:
        home, second = self.root / "state", self.root / "second"
        _lead(home, {FORBIDDEN: REFUSES, READ_ONLY: self.root / "read-only"}.get(self.home, self.root / "disk"))
        _lead(second, self.root / {TAKES: "taken/journal", FAILS: "nowhere", HANGS: "stuffed"}[self.second])
        if self.home == FORBIDDEN and not [*self.root.glob("memory/*/state.json")]:
            self.promise = promise.Promise(self.policy)  # nobody can know what such a directory holds: it begins anew
        options = passes.Options(
            state_dir=home,
            policy=self.policy,
            targets=tuple(map(target.parse, (f"journal:{self.root}/told/journal", f"journal:{second}"))),
            pauses=(),
            timeout=0.5 if self.second == HANGS else 3,
            clock=lambda: at,
        )
        with _full_disks() if self.home == FULL else nullcontext():
            outcome = passes.one_pass(options, world.probe_of(world.report(status, cause)))
        self.lost += sum("given up" in warning for warning in outcome.warnings)
        told, got = self.told(), [entry["MAIL_DIAGNOSE_ID"] for entry in self.taken()]
        self.got += got
        if self.home == FULL:
            self.twice += len(got)
            return
        assert len(told) <= 1, "one pass told two things"
        self.sent += [entry["MAIL_DIAGNOSE_ID"] for entry in told]
        if self.home != WELL and status == OK:
            status = WARNING
        self.promise.look(status, cause, at, _event(told[0], at) if told else None)

    def end(self, at: float) -> None:
        self.home, self.second = WELL, TAKES
        for number in range(3):
            self.look(OK, None, at + number)
        missing = set(self.sent) - set(self.got)
        assert len(missing) <= self.lost, "what was told did not arrive where a target had failed"
        assert len(self.got) - len(set(self.got)) <= self.twice, "an alarm arrived twice"
        assert not [*self.root.glob("memory/*/state.json")], "the stand-in stayed"


def _event(entry: dict[str, str], at: float) -> Event:
    return Event(
        kind=entry["MAIL_DIAGNOSE_KIND"], status=entry["MAIL_DIAGNOSE_STATUS"], before="",
        cause=entry.get("MAIL_DIAGNOSE_CAUSE"), since=None, at=at,
    )  # fmt: skip


def _lead(link: Path, to: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(to)


@contextmanager
def _full_disks() -> Iterator[None]:
    """No file may grow: the kernel refuses each octet, as a disk without room does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def night(root: Path, policy: Policy) -> Iterator[Night]:
    """root: an empty directory."""
    for name in ("disk", "read-only", "told", "taken"):
        (root / name).mkdir()
    before, refuge.PLACES = refuge.PLACES, (str(root / "memory"),)
    mount = ["mount", "--bind", "-o", "ro", str(root / "disk"), str(root / "read-only")]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not mounted:
        (root / "read-only").rmdir()
        (root / "read-only").symlink_to(REFUSES)
    try:
        with (
            world.journal(root / "told") as told,
            world.journal(root / "taken") as taken,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuffed,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            stuffed.bind(str(root / "stuffed"))
            sender.setblocking(False)
            sender.connect(str(root / "stuffed"))
            with suppress(BlockingIOError):
                while True:
                    sender.send(b"x")
            yield Night(root, policy, told, taken)
    finally:
        refuge.PLACES = before
        if mounted:
            subprocess.run(["umount", "-l", str(root / "read-only")], check=True)


def history(seed: int, count: int, root: Path) -> None:
    """One random history of so many passes below an empty directory."""
    dice = random.Random(seed)
    policy = Policy(attempts=dice.randint(1, 4), renotify=float(dice.choice((0, 3600, 21_600))))
    at = 0.0
    with night(root, policy) as one:
        for seen in promise.passes(dice, count):
            if dice.random() < 0.15:
                one.home = dice.choices(HOMES, (6, 3, 3, 1))[0]
            if one.second == HANGS or dice.random() < 0.25:
                one.second = dice.choices(TARGETS, (20, 10, 1))[0]
            at = seen.at
            one.look(seen.status, seen.cause, at)
        one.end(at + 600)


def elsewhere(seed: int, count: int) -> None:
    """One random history in a directory of its own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as root:
        history(seed, count, Path(root))

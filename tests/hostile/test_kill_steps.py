"""A pass of the watch, and the writing of a recording, killed at every step that touches the disk: what is kept is the old
or the new, whole; and disks that refuse any step silence no alarm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.watch import machine, state
from tests.watch import world

STEPS = ("fsync", "fdatasync", "rename,renameat,renameat2", "unlink,unlinkat", "pwrite64", "ftruncate", "fchmod,fchown")
MOST = 60  # calls of one kind
POLICY = machine.Policy(attempts=1, renotify=0, flap_high=1000.0)
WATCH = (
    "import sys; from pathlib import Path; from tests.watch import world\n"
    "from diagnose.watch import machine\n"
    "world.one(Path(sys.argv[1]), getattr(world, sys.argv[2]), 'exec:' + sys.argv[3],"
    " policy=machine.Policy(attempts=1, renotify=0, flap_high=1000.0))"
)
WRITE = "import sys; from pathlib import Path; from diagnose import files; files.write(Path(sys.argv[1]), sys.argv[2].encode() * 50_000, 0o600)"
STRACE = shutil.which("strace")


def stopped(program: str, *arguments: str, calls: str, at: int | str, how: str) -> int:
    """Exit status of a python program at whose call number `at` of a kind this is done: "signal=KILL", "error=ENOSPC"."""
    assert STRACE is not None
    argv = (STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{how}:when={at}")
    return subprocess.run(
        (*argv, sys.executable, "-c", program, *arguments), capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ).returncode  # fmt: skip


def traced() -> bool:
    """Some containers let nobody trace."""
    return (
        STRACE is not None and subprocess.run((STRACE, "-qq", "true"), capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(not traced(), reason="strace stops at a system call, and nobody may trace here")


def each_step(program: str, *arguments: str, how: str) -> Iterator[tuple[str, int, int]]:
    """Every call of every kind in its turn, until the program makes no more of it."""
    for calls in STEPS:
        for at in range(1, MOST):
            code = stopped(program, *arguments, calls=calls, at=at, how=how)
            yield calls, at, code
            if code == 0:
                break


def test_a_write_killed_at_every_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    path.write_bytes(b"old")
    seen = set()
    for calls, at, code in each_step(WRITE, str(path), "new", how="signal=KILL"):
        data = path.read_bytes()
        seen.add(data[:3])
        assert data in (b"old", b"new" * 50_000), (calls, at, code, len(data))
        path.write_bytes(b"old")
    assert seen == {b"old", b"new"}


@pytest.mark.parametrize("error", ["ENOSPC", "EROFS"])
def test_a_disk_that_refuses_a_step_silences_no_alarm(error: str, tmp_path: Path) -> None:
    hook, heard = tmp_path / "hook", tmp_path / "heard"
    hook.write_text(f"#!/bin/sh\necho told >> {heard}\n")
    hook.chmod(0o755)
    total = 0
    for number, calls in enumerate(("fsync", "rename,renameat,renameat2", "pwrite64", "ftruncate", "mkdir,mkdirat")):
        kept = tmp_path / f"state{number}"
        world.one(kept, world.OK)
        # From the first call on, each one.
        code = stopped(WATCH, str(kept), "FAILED", str(hook), calls=calls, at="1+", how=f"error={error}")
        total += 1
        assert heard.exists(), (calls, error, code)
        found = state.load(kept)
        assert found is not None
        heard.unlink()
    print(f"disks that refuse ({error}): {total} tried, 0 wrong")


def test_a_recording_is_json_all_the_same(tmp_path: Path) -> None:
    """Nothing of a recording is written where the disk is full."""
    path = tmp_path / "recording.json"
    record = "import sys; sys.argv = ['x', 'record', '--no-network', '--timeout', '5', '-o', sys.argv[1]]; import runpy; runpy.run_module('diagnose', run_name='__main__')"
    assert stopped(record, str(path), calls="fsync", at=1, how="error=ENOSPC") != 0
    assert not list(tmp_path.iterdir())
    assert stopped(record, str(path), calls="fsync", at=99, how="error=ENOSPC") == 0
    json.loads(path.read_text("utf-8"))

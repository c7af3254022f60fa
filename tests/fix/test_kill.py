"""A fix, or its undo, killed at any change of the file system: a fresh process puts everything back byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from diagnose.remedy import journal
from diagnose.remedy.originals import State, look

ROUNDS = int(os.environ.get("FIX_KILLS", "30"))
HERE = Path(__file__).parent


def folder(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    (place / "etc").mkdir(parents=True)
    (place / "chroot").mkdir()
    main, table = place / "etc/main.cf", place / "etc/table"
    main.write_text("# ours\nrelayhost =\n  \nmyhostname = a.lan\n")
    main.chmod(0o640)
    table.write_text("[other.lan] a:b\n")
    table.chmod(0o644)
    for path in (main, table):
        try:
            os.setxattr(path, "user.note", b"kept")
        except OSError:  # this file system has none
            pass
    return place


def states(place: Path) -> dict[str, tuple[object, ...]]:
    return {
        str(path): look(str(path))[0].key
        for path in (place / "etc", place / "chroot", *(place / "etc").rglob("*"), *(place / "chroot").rglob("*"))
    }


def run(place: Path, what: str, last: int = 0) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.fix.victim", str(place), what, str(last)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=HERE.parents[1])


def points(place: Path, what: str) -> list[int]:
    """As many instants of all as there is time for, evenly; each is one change of the file system."""
    if what == "undo":
        run(place, "fix")
    total = int(run(place, what).stdout.split()[-1])
    wanted = min(total, ROUNDS // 2)
    return sorted({1 + number * (total - 1) // max(1, wanted - 1) for number in range(wanted)})


def test_a_fix_killed_anywhere_is_undone_by_the_next_process(tmp_path: Path) -> None:
    place = folder(tmp_path / "host")
    before = states(place)
    instants = points(folder(place), "fix")
    assert len(instants) == ROUNDS // 2 or ROUNDS > 60
    begun = 0
    for instant in instants:
        folder(place)
        assert run(place, "fix", instant).returncode == -9
        with journal.opened(place / "undo") as store:
            changes = store.changes()
            begun += len(changes)
            assert all(not change.end for change in changes)
        undone = run(place, "undo")
        assert undone.returncode == 0, undone.stderr
        assert states(place) == before, f"killed at {instant}"
    assert begun >= len(instants) - 5
    print(f"{len(instants)} kills of a fix, all undone")


def test_an_undo_killed_anywhere_is_ended_by_the_next_one(tmp_path: Path) -> None:
    place = folder(tmp_path / "host")
    before = states(place)
    instants = points(folder(place), "undo")
    for instant in instants:
        folder(place)
        assert run(place, "fix").returncode == 0
        assert states(place) != before
        assert run(place, "undo", instant).returncode == -9
        assert run(place, "undo").returncode == 0
        assert states(place) == before, f"killed at {instant}"
    print(f"{len(instants)} kills of an undo, all ended")


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_line_counts_as_not_written(tmp_path: Path, cut: int) -> None:
    with journal.opened(tmp_path / "undo") as store:
        log = store.begin("cause", "title", 1)
        log.write(
            "step",
            files={"/x": {"was": journal.plain(State()), "copy": "", "wanted": None}},
            undo=[],
            after=[],
            lasting="",
        )
        path = store.root / log.change.id / "journal"
        whole = path.read_bytes()
        path.write_bytes(whole[:-cut])
        (change,) = store.changes()
        assert not change.files
        store.journal(change).write("undone")
        (change,) = store.changes()
        assert change.end == "undone"

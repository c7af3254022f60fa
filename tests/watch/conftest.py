from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.watch import refuge


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of passes wait for the disk otherwise."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    place = Path(tempfile.mkdtemp(dir=memory, prefix="mail-diagnose-"))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "none", str(tmp_path)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.fixture(autouse=True)
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where states go whose directory takes nothing: below a place of the test's own."""
    place = tmp_path_factory.mktemp("memory") / "mail-diagnose"
    monkeypatch.setattr(refuge, "PLACES", (str(place),))
    return place


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on loopback are reached without anybody's proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

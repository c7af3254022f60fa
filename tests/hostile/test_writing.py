"""Where root writes: beside nobody's links, over nothing but a plain file, whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose import files

NOBODY = 65534
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o755)
        yield Path(above)


def run(
    *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "diagnose", *map(str, arguments)]
    surroundings = {k: v for k, v in os.environ.items() if k != "SUDO_UID"} | {"PYTHONPATH": os.getcwd()} | (env or {})
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=surroundings, timeout=60, check=False)


def test_a_new_file_is_private_and_whole(place: Path) -> None:
    assert run("demo", "healthy", "-o", place / "a").returncode == 0
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o600
    assert [path.name for path in place.iterdir()] == ["a"]
    (place / "a").chmod(0o644)
    assert run("demo", "healthy", "-o", place / "a").returncode == 0
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o644


@pytest.mark.parametrize("kind", ["link", "dangling", "directory", "fifo", "socket", "part"])
def test_nothing_but_a_plain_file_is_replaced(place: Path, kind: str) -> None:
    target, victim = place / "out", place / "victim"
    victim.write_text("untouched")
    if kind == "link":
        target.symlink_to(victim)
    elif kind == "dangling":
        target.symlink_to(place / "nowhere")
    elif kind == "directory":
        target.mkdir()
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "socket":
        import socket

        socket.socket(socket.AF_UNIX).bind(str(target))
    else:
        (place / "out.part").symlink_to(victim)
    before = target.lstat().st_mode if kind != "part" else 0
    done = run("demo", "healthy", "-o", target)
    assert victim.read_text() == "untouched"
    assert not (place / "nowhere").exists()
    if kind == "part":
        assert done.returncode == 0
    else:
        assert (done.returncode, target.lstat().st_mode) == (3, before)
        assert f"cannot write {target}" in done.stderr
    assert not list(place.glob(".*.part"))


@root
@pytest.mark.parametrize("command", ["demo healthy", "record"])
def test_a_device_stays_a_device(place: Path, command: str) -> None:
    node = place / "null"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    more = ["--no-network", "--timeout", "2"] if command == "record" else []
    assert run(*command.split(), *more, "-o", node).returncode in (0, 1, 2, 3)
    assert stat.S_ISCHR(node.lstat().st_mode)
    block = place / "block"
    os.mknod(block, stat.S_IFBLK | 0o600, os.makedev(7, 99))
    done = run("demo", "healthy", "-o", block)
    assert (done.returncode, stat.S_ISBLK(block.lstat().st_mode)) == (3, True)


@root
@pytest.mark.parametrize("how", ["owner", "everybody", "group", "above", "link"])
def test_root_writes_into_nobodys_directory_only_when_told(place: Path, how: str) -> None:
    folder = place / "theirs"
    (folder / "below").mkdir(parents=True)
    target = folder / "below" / "out"
    if how == "owner":
        os.chown(folder / "below", NOBODY, NOBODY)
    elif how == "everybody":
        (folder / "below").chmod(0o777)
    elif how == "group":
        os.chown(folder / "below", 0, NOBODY)
        (folder / "below").chmod(0o775)
    elif how == "above":
        os.chown(folder, NOBODY, NOBODY)
    else:
        os.chown(folder, NOBODY, NOBODY)
        (place / "own").mkdir()
        (folder / "link").symlink_to(place / "own")
        target = folder / "link" / "out"
    done = run("demo", "healthy", "-o", target)
    assert done.returncode == 3
    assert not target.exists()
    assert "--force" in done.stderr
    assert run("demo", "healthy", "-o", target, env={"SUDO_UID": str(NOBODY)}).returncode == (
        0 if how in ("owner", "above", "link") else 3
    )
    assert run("demo", "healthy", "-o", target, "--force").returncode == 0
    assert target.stat().st_uid == 0


def test_a_dash_is_standard_output(place: Path) -> None:
    done = run("demo", "healthy", "-o", "-", cwd=place)
    assert done.stdout
    assert not list(place.iterdir())
    assert run("demo", "healthy", "-o", "/dev/stdout", cwd=place).stdout[:60] == done.stdout[:60]


@root
def test_a_full_disk_leaves_the_old_file_and_nothing_else(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], check=True)
        try:
            target = Path(small) / "out"
            target.write_bytes(b"old")
            with pytest.raises(OSError):
                files.write(target, b"x" * 100_000, 0o600)
            assert target.read_bytes() == b"old"
            assert [path.name for path in Path(small).iterdir()] == ["out"]
        finally:
            subprocess.run(["umount", small], check=True)


@root
@pytest.mark.parametrize("how", ["owner", "mode", "group", "link", "directory"])
@pytest.mark.parametrize("what", ["config", "state"])
def test_what_others_may_write_is_not_believed(place: Path, how: str, what: str) -> None:
    folder = place / "kept"
    folder.mkdir(mode=0o755)
    file = folder / ("state.json" if what == "state" else "config.toml")
    file.write_text("attempts = 2\n" if what == "config" else "{}")
    if how == "owner":
        os.chown(file, NOBODY, NOBODY)
    elif how == "mode":
        file.chmod(0o666)
    elif how == "group":
        os.chown(file, 0, NOBODY)
        file.chmod(0o660)
    elif how == "link":
        (place / "theirs").mkdir()
        file.rename(place / "theirs" / file.name)
        os.chown(place / "theirs", NOBODY, NOBODY)
        file.symlink_to(place / "theirs" / file.name)
    else:
        folder.chmod(0o777)
    given: list[str | Path] = ["--config", file, "--state-dir", place] if what == "config" else ["--state-dir", folder]
    done = run("report", *given)
    assert done.returncode == 3
    assert "belongs to nobody" in done.stdout + done.stderr or "is writable by" in done.stdout + done.stderr

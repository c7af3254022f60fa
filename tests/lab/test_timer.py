"""A systemd as process 1 runs the timer and the hardened service as they are written: a pass as its user, and its metrics."""

from __future__ import annotations

import contextlib
import json
import os
import site
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report import material

from .machine import CHECKOUT

pytestmark = [pytest.mark.lab, pytest.mark.timeout(200)]
STATE = "var/lib/mail-diagnose/state.json"
METRICS = "var/lib/prometheus/node-exporter/mail_diagnose.prom"


@contextlib.contextmanager
def _control_group() -> Iterator[Path]:
    """One of our own: systemd takes the processes of the one that it starts in for its own."""
    place = next(
        (p for p in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (p / "cgroup.procs").exists()), None
    )
    path = (place or Path("/nonexistent")) / f"mail-diagnose-lab-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"NOT TESTED: no control group of version 2 can be made: {error.strerror}")
    try:
        yield path
    finally:
        for _ in range(50):
            time.sleep(0.1)
            for folder in sorted((p for p in path.rglob("*") if p.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                path.rmdir()
            if not path.exists():
                break


def _first_child(pid: int, seconds: float) -> int:
    for _ in range(int(seconds * 10)):
        time.sleep(0.1)
        with contextlib.suppress(OSError, ValueError):
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    raise AssertionError("no systemd was started")


def test_the_timer_runs_the_service_as_its_user_and_writes_its_metrics(tmp_path: Path) -> None:
    material.needed("unshare", "nsenter", "systemd-sysusers", "systemctl")
    if os.geteuid() or not Path("/lib/systemd/systemd").exists():
        pytest.skip("NOT TESTED: needs root and systemd")
    packages = next(p for p in site.getsitepackages() if Path(p).is_dir())
    inner = [sys.executable, str(CHECKOUT / "tests/lab/systemd_init.py"), str(CHECKOUT), sys.base_prefix, packages]
    command = 'echo $$ >"$0" && exec unshare -C -m -p -f -n -u -i --kill-child -- "$@"'
    with (
        _control_group() as group,
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(["sh", "-c", command, str(group / "cgroup.procs"), *inner], stdout=log, stderr=log) as outer,
    ):
        try:
            root = Path(f"/proc/{_first_child(outer.pid, 10)}/root")
            for _ in range(90):
                time.sleep(1)
                if (root / METRICS).exists() or outer.poll() is not None:
                    break
            pid = root.parent.name
            show = ["systemctl", "show", "mail-diagnose.service", "-p", "ActiveState,Result,ExecMainStatus,User"]
            inside = ["nsenter", "-t", pid, "-m", "-p", "-n", "-u", "-i", "-r", "-w"]
            for _ in range(10):  # ExecStopPost has just ended
                told = subprocess.run([*inside, *show], capture_output=True, text=True, timeout=30, check=False)
                found = dict(line.split("=", 1) for line in told.stdout.splitlines())
                if found.get("ActiveState") == "inactive":
                    break
                time.sleep(0.5)
            assert (root / STATE).exists(), (tmp_path / "log").read_text() + told.stdout + told.stderr
            kept = json.loads((root / STATE).read_text())
            owner, metrics = (root / STATE).stat(), (root / METRICS).read_text()
            mode = stat.S_IMODE((root / METRICS).stat().st_mode)
        finally:
            outer.kill()
            outer.wait(20)
    # Off the network something is wrong, and that is no failure of the unit.
    status = int(found["ExecMainStatus"])
    assert (found["ActiveState"], found["Result"], found["User"]) == ("inactive", "success", "mail-diagnose")
    assert status in (1, 2)
    assert kept["report"]["host"]["user"] == "mail-diagnose"
    assert kept["report"]["host"]["privileged"] is False
    assert owner.st_uid != 0
    assert stat.S_IMODE(owner.st_mode) == 0o640
    assert f"maildiag_status {status}\n" in metrics
    assert mode == 0o644

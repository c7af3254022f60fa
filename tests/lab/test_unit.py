"""The service that install-units writes can see what it must: as its user, with its groups, without new privileges."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.commands import delivery

from .faults import every
from .machine import CHECKOUT, Machine
from .roots import single_file
from .steps import mail, systemd
from .test_lab import able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
__all__ = ["able"]
# What ProtectSystem=strict does to the places that matter here.
READ_ONLY = (
    "mount --make-rprivate / && for d in / /var /var/spool /var/spool/postfix /etc; do "
    'mount --bind "$d" "$d" 2>/dev/null && mount -o remount,bind,ro "$d"; done; exec "$@"'
)


def _inside(m: Machine, *argv: str, groups: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Runs argv as the unit does: nobody's identity, these groups, no_new_privs, no capability, files read-only."""
    account = pwd.getpwnam("nobody")
    ids = ",".join(str(grp.getgrnam(name).gr_gid) for name in groups)
    drop = [
        "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", f"--groups={ids}" if ids else "--clear-groups",
        "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--",
    ]  # fmt: skip
    env = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    return m.run("unshare", "-m", "sh", "-c", READ_ONLY, "sh", *drop, *argv, env=env, timeout=90, cwd=str(CHECKOUT))


def test_the_queue_can_be_read_under_what_the_unit_sets(able: None) -> None:
    if os.geteuid():
        pytest.skip("NOT TESTED: needs root")
    fault = every()["isp-drops-25"]
    known = {entry.gr_name for entry in grp.getgrall()}
    groups = tuple(name for name in delivery.GROUPS if name in known)
    assert "postdrop" in groups
    with Machine(fault) as m:
        m.prepare()
        # The rule that makes the group necessary: without new privileges the set-group-ID bit of postqueue is void.
        refused = _inside(m, "postqueue", "-j", groups=())
        assert refused.returncode != 0
        assert "ermission denied" in refused.stderr + refused.stdout
        read = _inside(m, "postqueue", "-j", groups=groups)
        assert (read.returncode, read.stderr) == (0, "")
        assert json.loads(read.stdout.splitlines()[0])["queue_id"]
        done = _inside(m, sys.executable, "-m", "diagnose", "run", "--format", "json", groups=groups)
        report = json.loads(done.stdout)
        observed = {o["sign"]: o for run in report["runs"] for o in run["observations"]}
        assert observed["queue.readable"]["status"] == "ok", observed["queue.readable"]
        assert observed["queue.waiting"]["data"]["count"] >= 1
        assert report["diagnoses"][0]["cause"] in fault.accept


def test_a_healthy_machine_with_the_service_is_accused_by_nobody(able: None) -> None:
    """Neither by the service, in a sandbox that mounts all read-only and nosuid, nor for that sandbox by others."""
    healthy = every()["healthy-relay-587"]
    with Machine(replace(healthy, setup=(*healthy.setup, systemd, mail()), start=False, then=())) as m:
        m.prepare()
        tool = "/opt/mail-diagnose.pyz"
        m.write(tool, Path(single_file()).read_bytes(), 0o755)
        install = f"{tool} install-units --only=systemd --command={tool} && systemd-sysusers && systemctl daemon-reload"
        assert m.run("sh", "-c", install).returncode == 0
        assert m.run("systemctl", "start", "mail-diagnose.service").returncode == 0
        report = json.loads(m.read("/var/lib/mail-diagnose/state.json"))["report"]
        assert report["host"]["user"] == "mail-diagnose"
        assert report["diagnoses"] == []
        for user in (None, "nobody"):
            assert json.loads(m.diagnose("run", "--json", user=user).stdout)["diagnoses"] == []

"""Becomes a systemd as process 1 of name spaces of its own, with the units that install-units writes and hardly any others.

Arguments: the checkout, python's own directory, the directory of its packages. They are bound below /opt, as the service's sandbox
hides homes. Changes stay in a tmpfs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from tests.lab.init import make_devices, mount

ROOT = Path("/mnt/root")
UNITS = Path("/etc/lab-units")
# What the units and their default dependencies name; each is reached at once.
TARGETS = "sysinit basic timers shutdown network-online final umount sockets paths slices local-fs"
TOOL = Path("/opt/lab-tool")


def make_root(places: dict[str, str]) -> None:
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "size=1g,mode=755", "lab", "/mnt")
    for part in ("upper", "work", "root"):
        os.mkdir(f"/mnt/{part}")
    mount("-t", "overlay", "-o", "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work", "overlay", str(ROOT))
    mount("-t", "proc", "proc", f"{ROOT}/proc")
    mount("-t", "sysfs", "sysfs", f"{ROOT}/sys")
    mount("-t", "cgroup2", "cgroup2", f"{ROOT}/sys/fs/cgroup")
    make_devices(f"{ROOT}/dev")
    mount("-t", "tmpfs", "-o", "mode=755", "run", f"{ROOT}/run")
    for outer, inner in places.items():
        os.makedirs(f"{ROOT}{inner}", exist_ok=True)
        mount("--bind", outer, f"{ROOT}{inner}")
    os.makedirs(f"{ROOT}/.outer", exist_ok=True)
    os.chdir(ROOT)
    subprocess.run(["pivot_root", ".", ".outer"], check=True)
    os.chroot(".")
    os.chdir("/")
    subprocess.run(["umount", "-l", "/.outer"], check=True)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def main() -> None:
    checkout, base, packages = sys.argv[1:4]
    make_root({checkout: "/opt/lab-checkout", base: "/opt/lab-python", packages: "/opt/lab-packages"})
    tool = "PYTHONPATH=/opt/lab-checkout:/opt/lab-packages PYTHONDONTWRITEBYTECODE=1 exec /opt/lab-python/bin/python3 -m diagnose"
    write(TOOL, f'#!/bin/sh\n{tool} "$@"\n', 0o755)
    out = Path("/opt/lab-out")
    subprocess.run([str(TOOL), "install-units", "--command", str(TOOL), "--prefix", str(out)], check=True, stdout=2)
    for kind in ("service", "timer"):
        text = (out / f"etc/systemd/system/mail-diagnose.{kind}").read_text()
        write(UNITS / f"mail-diagnose.{kind}", text)
    write(
        UNITS / "mail-diagnose.service.d/textfile.conf",
        (out / "usr/local/share/mail-diagnose/prometheus/textfile.conf").read_text(),
    )
    Path("/var/lib/prometheus/node-exporter").mkdir(parents=True, exist_ok=True)
    # As it stands but for the wait: the timer's own calendar is what systemd-analyze has looked at.
    write(UNITS / "mail-diagnose.timer.d/soon.conf", "[Timer]\nOnCalendar=\nOnActiveSec=1s\nRandomizedDelaySec=0\n")
    for target in TARGETS.split():
        write(UNITS / f"{target}.target", "[Unit]\nDefaultDependencies=no\n")
    write(UNITS / "lab.target", "[Unit]\nDefaultDependencies=no\nWants=mail-diagnose.timer\n")
    subprocess.run(["systemd-sysusers", str(out / "etc/sysusers.d/mail-diagnose.conf")], check=True, stdout=2)
    environment = {
        "container": "lab", "SYSTEMD_UNIT_PATH": str(UNITS), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "SYSTEMD_PROC_CMDLINE": "systemd.unified_cgroup_hierarchy=1",
    }  # fmt: skip
    os.execve("/lib/systemd/systemd", ["systemd", "--system", "--unit=lab.target", "--log-target=null"], environment)


if __name__ == "__main__":
    main()

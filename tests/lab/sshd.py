"""sshd in lab machines, one call of it for each connection, and a root's ssh of its own that reaches them by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .machine import CHECKOUT, Machine

PASSWORD = "Frag-mich-7Kj2"
_CONFIG = """\
HostKey /etc/ssh/lab_key
AuthorizedKeysFile /etc/ssh/lab_keys
PermitRootLogin yes
PasswordAuthentication no
UsePAM no
StrictModes no
"""
# The tool's caller sees files of its own below ~/.ssh, and leaves this machine's alone.
_PRIVATE = 'mkdir -p /root/.ssh && mount -t tmpfs none /root/.ssh && cp "$0"/* /root/.ssh/ && chmod 600 /root/.ssh/* && exec "$@"'


def key(folder: Path) -> str:
    """Makes the caller's key in that folder; its public half."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id_ed25519")], check=True)
    return (folder / "id_ed25519.pub").read_text("ascii")


def serve(m: Machine, public: str, sudo: str = "") -> str:
    """Prepares sshd in a machine for root and for admin, who may use sudo as that line of sudoers(5) says; its host key."""
    m.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/lab_key")
    m.write("/etc/ssh/lab_config", _CONFIG)
    m.write("/etc/ssh/lab_keys", public)
    m.path("/run/sshd").mkdir(exist_ok=True)
    m.run("useradd", "-m", "-s", "/bin/bash", "admin")
    m.run("chpasswd", stdin=f"admin:{PASSWORD}\n")
    m.write("/root/.bashrc", "")  # instead of the outer system's, which may start more than a recording takes
    m.write("/home/admin/.bashrc", "echo Welcome to this machine.\n")
    if sudo:
        m.write("/etc/sudoers.d/admin", f"{sudo}\n", 0o440)
    return m.read("/etc/ssh/lab_key.pub")


def reach(folder: Path, machines: Mapping[str, tuple[Machine, str]]) -> None:
    """Writes the caller's configuration: each name is a machine, known by its host key ("": not known)."""
    config, known = [], []
    for name, (m, public) in machines.items():
        inside = " ".join(m.command(("/usr/sbin/sshd", "-i", "-f", "/etc/ssh/lab_config")))
        config.append(f"Host {name}\n  ProxyCommand {inside}\n  HostKeyAlias {name}\n")
        known += [f"{name} {public}"] if public else []
    (folder / "config").write_text("".join(config), "ascii")
    (folder / "known_hosts").write_text("".join(known), "ascii")


def command(folder: Path, *arguments: str) -> list[str]:
    """What calls the tool on the outer system, without a network."""
    inner = ("env", f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "diagnose", *arguments)
    return ["unshare", "-m", "-n", "sh", "-c", _PRIVATE, str(folder), *inner]


def call(folder: Path, arguments: Sequence[str], timeout: float = 200) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
    return subprocess.run(
        command(folder, *arguments),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False, env=environment, cwd=os.sep,
    )  # fmt: skip

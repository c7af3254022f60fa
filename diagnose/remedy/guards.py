"""Who else changes this host: programs at work now, and those that will write a file again."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from diagnose import files
from diagnose.knowledge.distributions import LOCKS, PID_FILES

# Files that hold the process's number while the program works.
_PIDS: Mapping[str, Sequence[str]] = {
    **PID_FILES,
    "Puppet": (
        "/opt/puppetlabs/puppet/cache/state/agent_catalog_run.lock",
        "/var/lib/puppet/state/agent_catalog_run.lock",
        "/var/cache/puppet/state/agent_catalog_run.lock",
    ),
    "Chef": ("/var/chef/cache/chef-client-running.pid", "/var/cache/chef/chef-client-running.pid"),
}
_RESOURCES = (
    "/opt/puppetlabs/puppet/cache/state/resources.txt",
    "/var/lib/puppet/state/resources.txt",
    "/var/cache/puppet/state/resources.txt",
)
_MARKS = (
    (r"\bpuppet\b", "Puppet", "its manifest, or its next run reverts the change"),
    (r"\bansible\b", "Ansible", "its playbook or template, or its next run reverts the change"),
    (
        r"\bcloud-init\b|\bcloud\.cfg\b",
        "cloud-init",
        "the instance's user data, or the next boot reverts the change",
    ),
    (r"\bchef\b", "Chef", "its recipe, or its next run reverts the change"),
    (r"\bsalt(?:stack)?\b", "Salt", "its state, or its next run reverts the change"),
)
_OWNED = re.compile(r"managed|generated|written|created|do not edit|don't edit|overwritten|will be lost", re.I)


def at_work(root: Path = Path("/")) -> str:
    """The program that changes this host's files now (a package or configuration manager), "" if none does."""
    for name, paths in LOCKS.items():
        if any(_locked(root / path[1:]) for path in paths):
            return name
    for name, paths in _PIDS.items():
        if any(_alive(root / path[1:]) for path in paths):
            return name
    return ""


def _locked(path: Path) -> bool:
    """Whether another process holds a lock on the file. Asks the kernel, and takes none."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            return bool(struct.unpack("hhqqi4x", fcntl.fcntl(handle, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK)
        finally:
            os.close(handle)
    return False


def _alive(path: Path) -> bool:
    with suppress(OSError, ValueError):
        pid = int(files.head(path, 20)[0])
        return pid > 0 and Path(f"/proc/{pid}").exists()
    return False


def managed(path: str, data: bytes, root: Path = Path("/")) -> str:
    """A note that a configuration manager writes the file, and where to make the change instead; "" if none is known
    to."""
    head = [line for line in data[:4000].decode("utf-8", "replace").splitlines()[:25] if line.lstrip()[:1] in "#;/"]
    for pattern, name, where in _MARKS:
        for line in head:
            if re.search(pattern, line, re.I) and _OWNED.search(" ".join(head)):
                return f"{path} is managed by {name}: make the change in {where}"
    for resources in _RESOURCES:
        with suppress(OSError):
            if f"file[{path}]" in files.head(root / resources[1:], 2_000_000)[0].decode("utf-8", "replace"):
                return f"{path} is managed by Puppet: make the change in {_MARKS[0][2]}"
    return ""


def recorded(root: Path = Path("/")) -> str:
    """A hint to commit the change if etckeeper keeps /etc, else ""."""
    if (root / "etc/.etckeeper").exists():
        return "/etc is kept by etckeeper: commit the change there (etckeeper commit)"
    return ""

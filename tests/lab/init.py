"""Process 1 of a lab machine: builds the root file system, says so, then reaps orphans until it is killed.

Arguments: host name, then paths of the outer system that the machine must see (the checkout, its python).
Runs with the outer system's python, before and after the root is changed, so only the standard library is used."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys


def mount(*argv: str) -> None:
    subprocess.run(["mount", *argv], check=True)


def make_root(paths: list[str]) -> None:
    """Overlay of / on a tmpfs, with proc, sys, dev and run of its own, then pivot into it."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "size=1g,mode=755", "lab", "/mnt")
    for part in ("upper", "work", "root"):
        os.mkdir(f"/mnt/{part}")
    mount("-t", "overlay", "-o", "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work", "overlay", "/mnt/root")
    root = "/mnt/root"
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "sysfs", "sysfs", f"{root}/sys")
    mount("--rbind", "/dev", f"{root}/dev")
    mount("-t", "tmpfs", "-o", "mode=755", "run", f"{root}/run")
    for path in paths:
        inside = root + path
        if os.path.lexists(path) and not (os.path.isdir(inside) and os.listdir(inside)):
            os.makedirs(inside, exist_ok=True)
            mount("--bind", path, inside)
    os.makedirs(f"{root}/mnt/outer", exist_ok=True)
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt/outer"], check=True)
    os.chroot(".")
    os.chdir("/")
    subprocess.run(["umount", "-l", "/mnt/outer"], check=True)
    os.rmdir("/mnt/outer")


def main() -> None:
    name, paths = sys.argv[1], sys.argv[2:]
    make_root(paths)
    ctypes.CDLL(None).sethostname(name.encode(), len(name))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    print("ready", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 0.5)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    main()

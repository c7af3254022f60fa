"""Process 1 of a lab machine: builds the root file system, says so, then reaps orphans until it is killed.

Arguments: host name, the root file system below the machine's own changes (/ is the outer system's, else that stands in /outer; an
archive is what differs from it),
then paths of the outer system that the machine must see (the checkout, its python).
Runs with the outer system's python, before and after the root is changed, so only the standard library is used."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys


def mount(*argv: str) -> None:
    subprocess.run(["mount", *argv], check=True)


def make_devices(dev: str) -> None:
    """A /dev of the machine's own, so that its /dev/log is nobody else's."""
    mount("-t", "tmpfs", "-o", "mode=755", "dev", dev)
    nodes = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
    for name, number in nodes.items():
        os.mknod(f"{dev}/{name}", 0o020666, os.makedev(*number))
        os.chmod(f"{dev}/{name}", 0o666)
    for folder in ("pts", "shm"):
        os.mkdir(f"{dev}/{folder}")
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", f"{dev}/pts")
    mount("-t", "tmpfs", "-o", "mode=1777", "shm", f"{dev}/shm")
    for name, target in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ):
        os.symlink(target, f"{dev}/{name}")


def make_root(lower: str, paths: list[str]) -> None:
    """Overlay of `lower` on a tmpfs, with proc, sys, dev and run of its own, then pivot into it."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "size=1g,mode=755", "lab", "/mnt")
    for part in ("upper", "work", "root"):
        os.mkdir(f"/mnt/{part}")
    if lower.endswith(".tar"):  # what differs from the outer system's files
        subprocess.run(["tar", "--xattrs", "--xattrs-include=*", "-C", "/mnt/upper", "-xf", lower], check=True)
        lower = "/"
    mount("-t", "overlay", "-o", f"lowerdir={lower},upperdir=/mnt/upper,workdir=/mnt/work", "overlay", "/mnt/root")
    root = "/mnt/root"
    if os.path.exists(f"{root}/.dockerenv"):  # the tests may run in a container; a machine is none
        os.unlink(f"{root}/.dockerenv")
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "sysfs", "sysfs", f"{root}/sys")
    make_devices(f"{root}/dev")
    mount("-t", "tmpfs", "-o", "mode=755", "run", f"{root}/run")
    if lower != "/":
        os.mkdir(f"{root}/outer")
        mount("--bind", "/", f"{root}/outer")
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
    ctypes.CDLL(None).umount2(b"/mnt/outer", 2)  # MNT_DETACH
    os.rmdir("/mnt/outer")


def become_systemd(number: int, frame: object) -> None:
    """This process goes on as systemd, with a cgroup namespace of its own; what it must not do to the kernel is masked."""
    ctypes.CDLL(None).unshare(0x02000000)  # CLONE_NEWCGROUP
    mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    masked = "udevd udev-trigger sysctl modules-load binfmt timesyncd random-seed remount-fs networkd resolved logind firstboot"
    for name in masked.split():
        os.symlink("/dev/null", f"/run/systemd/system/systemd-{name}.service")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    environment = {"container": "lab", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_LOG_TARGET": "null"}
    os.execve("/lib/systemd/systemd", ["/lib/systemd/systemd", "--unit=lab.target", "--show-status=no"], environment)


def main() -> None:
    name, lower, *paths = sys.argv[1:]
    make_root(lower, paths)
    ctypes.CDLL(None).sethostname(name.encode(), len(name))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, become_systemd)
    print("ready", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 0.5)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    main()

"""Runs code inside a container, like one of its own processes: in its file system, network and process list, with
its rights.

The container may be hostile, so what goes in can do no more than the container itself: its capabilities, no
terminal, no open file of this host, and nobody inside may look into it. It finds no module there either: all that
the work needs has to be loaded before.
"""

from __future__ import annotations

import ctypes
import glob as globbing
import os
import re
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from diagnose import files
from diagnose.errors import UsageError
from diagnose.record import dataclass

# In the order in which they can be entered: the user's gives the right to the others, files come last.
_KINDS = ("user", "ipc", "uts", "net", "pid", "mnt")
_DUMPABLE, _DEATH_SIGNAL, _DROP, _NO_NEW_PRIVILEGES = 4, 1, 24, 38
_CAPABILITIES = 0x20080522  # the version of capset(2)
_MASTER = re.compile(r"/postfix/(?:[\w.-]+/)*master$")


# Where runtimes keep what a container says, by its id.
_SAID = (
    "/var/lib/docker/containers/{id}/{id}-json.log",
    "/var/lib/containers/storage/overlay-containers/{id}/userdata/ctr.log",
    "/var/log/containers/*-{id}.log",
)
output: list[str] = []  # inside a container: where its standard output can be read


@dataclass(frozen=True)
class Container:
    """pid: its Postfix's master, as this host counts; name: the host name inside, "" if unreadable."""

    pid: int
    name: str


def with_postfix() -> list[Container]:
    """The containers in which a Postfix runs; only root sees all of them."""
    found: dict[str, Container] = {}
    own = _namespace("self", "mnt")
    for entry in sorted((name for name in os.listdir("/proc") if name.isdecimal()), key=int) if own else ():
        try:
            space, root = os.readlink(f"/proc/{entry}/ns/mnt"), os.readlink(f"/proc/{entry}/root")
            if space == own and root != "/":  # chroot(8) without a namespace
                space = root
            if space != own and space not in found and _MASTER.search(os.readlink(f"/proc/{entry}/exe")):
                found[space] = Container(int(entry), _name(entry))
        except OSError:
            continue
    return list(found.values())


def chroot_of(pid: int) -> str:
    """The root directory of a process that shares our mounts, in a mere chroot(8). "" for a container, and if
    unreadable."""
    try:
        same = _namespace("self", "mnt") == os.readlink(f"/proc/{pid}/ns/mnt")
        root = os.readlink(f"/proc/{pid}/root")
    except OSError:
        return ""
    return root if same and root != "/" else ""


def _namespace(pid: str, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def _name(pid: str) -> str:
    with suppress(OSError):
        text = files.head(f"/proc/{pid}/root/etc/hostname", 300)[0].decode("ascii", "replace").strip()
        if re.fullmatch(r"[\w.-]{1,253}", text, re.A):
            return text
    return ""


def inside(pid: int, work: Callable[[], bytes], timeout: float) -> bytes:
    """The result of `work`, run in the container of this process. Raises UsageError with the reason if it failed."""
    spaces, root, rights = _opened(pid)
    log = _log(pid)
    with open(os.memfd_create("made", os.MFD_CLOEXEC), "w+b") as made, open(os.devnull, "r+b") as nothing:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os._exit(_enter(spaces, root, rights, made.fileno(), nothing.fileno(), log, work))
        for space in (*spaces, *root, *log):
            os.close(space)
        status = _waited(child, time.monotonic() + timeout)
        made.seek(0)
        said = made.read(100_000_000)
    if status != 0:
        raise UsageError(f"process {pid}: {said.decode('utf-8', 'replace')[:500] or 'its container did not answer'}")
    return said


def _opened(pid: int) -> tuple[list[int], list[int], int]:
    """Its namespaces other than ours, and its root, held open, and the capabilities that its processes can ever
    have. If its root holds no programs, it is a service's own jail within the container, whose root is then taken."""
    try:
        folder = os.open(f"/proc/{pid}/ns", os.O_RDONLY | os.O_DIRECTORY)
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            bound = re.search(r"^CapBnd:\s*([0-9a-f]+)", status.read(100_000), re.M)
        kinds = [kind for kind in _KINDS if os.readlink(kind, dir_fd=folder) != _namespace("self", kind)]
        spaces = [os.open(kind, os.O_RDONLY, dir_fd=folder) for kind in kinds]
        jail = "mnt" in kinds and not os.path.lexists(f"/proc/{pid}/root/bin")
        root = [] if jail else [os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY)]
    except OSError as error:
        what = "is not there" if isinstance(error, FileNotFoundError) else "only root may enter its container"
        raise UsageError(f"process {pid}: {what}") from None
    os.close(folder)
    return spaces, root, int(bound[1], 16) if bound else 0


def _log(pid: int) -> list[int]:
    """The file, opened, that receives its processes' standard output: their own, or a runtime's log."""
    ids: list[str] = []
    with suppress(OSError):
        text = files.head(f"/proc/{pid}/cgroup", 20_000)[0] + files.head(f"/proc/{pid}/mountinfo", 400_000)[0]
        ids = list(dict.fromkeys(re.findall(r"\b[0-9a-f]{64}\b", text.decode("ascii", "replace"))))[:50]
    kept = [path for id in ids for place in _SAID for path in globbing.glob(place.format(id=id))]
    for path in (f"/proc/{pid}/fd/1", *kept):
        with suppress(OSError), files.opened(path) as file:
            return [os.dup(file.fileno())]
    return []


def _waited(child: int, deadline: float) -> int:
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _enter(
    spaces: list[int], root: list[int], rights: int, made: int, nothing: int, log: list[int], work: Callable[[], bytes]
) -> int:
    """Runs in the child: enters the namespaces; a grandchild, then a process of the container, does the work."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        library.prctl(_DUMPABLE, 0, 0, 0, 0)
        os.setsid()
        for place in range(3):
            os.dup2(nothing, place)
        _forget_modules()
        own = _namespace("self", "user")
        with suppress(OSError):
            os.setgroups([])
        for space in spaces:
            if library.setns(space, 0):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        other_user = _namespace("self", "user") != own
        for folder in root:
            os.fchdir(folder)
            os.chroot(".")
        os.chdir("/")
        if other_user:  # this host's root would still own this host's files
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            library.prctl(_DUMPABLE, 0, 0, 0, 0)
            library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        worker = os.fork()
        if worker:
            return 0 if os.waitpid(worker, 0)[1] == 0 else 1
        library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        low = 3
        for kept in sorted([made, *log, 65_536]):
            os.closerange(low, kept)
            low = kept + 1
        output[:] = [f"/proc/self/fd/{each}" for each in log]
        _limit(library, rights)
        _write(made, work())
    except BaseException as error:
        with suppress(OSError):
            _write(made, f"{type(error).__name__}: {error}".encode())
        return 1
    os._exit(0)


def _write(place: int, data: bytes) -> None:
    with open(place, "wb", closefd=False) as file:
        file.write(data)


def _forget_modules() -> None:
    """Makes sure that no module is loaded from the container's files."""
    sys.path[:] = []
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "PathFinder"]
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()


def _limit(library: ctypes.CDLL, rights: int) -> None:
    """Drops all capabilities that the container's own processes do not have, for executed programs as well."""
    for number in range(64):
        if not rights >> number & 1:
            library.prctl(_DROP, number, 0, 0, 0)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    head, have = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES, 0)), ctypes.create_string_buffer(24)
    library.capget(head, have)
    words = list(struct.unpack("=6I", have.raw))
    for at in range(6):  # effective, permitted, inheritable: of 0 to 31, then of 32 to 63
        words[at] &= rights >> (32 if at > 2 else 0) & 0xFFFFFFFF if at % 3 < 2 else 0
    library.capset(head, ctypes.create_string_buffer(struct.pack("=6I", *words)))


def owned(address: str) -> bool:
    """Whether it is an address of this host: no other can be bound to."""
    with (
        suppress(OSError),
        socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as end,
    ):
        end.bind((address, 0))
        return True
    return False

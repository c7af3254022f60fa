"""Processes and listening sockets visible to this user, read from /proc."""

from __future__ import annotations

import functools
import os
import re
import socket
import struct
from collections.abc import Iterator

from diagnose.host.live.system import user_name, why
from diagnose.host.query import Listener, Listeners, ListenersReply, Process, Processes, ProcessesReply
from diagnose.parse.text.masking import KNOWN, STARS, mask

_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk-sleep",
    "T": "stopped",
    "t": "tracing-stop",
    "Z": "zombie",
    "X": "dead",
    "x": "dead",
    "I": "idle",
}
_LISTEN = "0A"  # of the kernel's TCP states


def processes(query: Processes) -> ProcessesReply:
    own = _name_space("self")
    try:
        found = [process for pid in _pids() if pid != os.getpid() and (process := _process(pid, own))]
    except OSError as error:
        return ProcessesReply(problem=f"/proc: {why(error)}")
    return ProcessesReply(processes=tuple(found))


def _pids() -> list[int]:
    """Process ids. Raises OSError, FileNotFoundError if /proc is not mounted."""
    found = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
    if not found:
        raise FileNotFoundError(2, "not mounted")
    return found


def _process(pid: int, own: str | None) -> Process | None:
    """The process, None if it has ended."""
    try:
        fields = _stat(pid)
        words = _text(f"/proc/{pid}/cmdline").rstrip("\0").split("\0")
        user = re.search(r"^Uid:\s*(\d+)", _text(f"/proc/{pid}/status"), re.M)
    except (OSError, ValueError):
        return None
    name = fields[0]
    if len(name) > 14 and (whole := os.path.basename(words[0])).startswith(name):
        name = whole  # the kernel keeps 15 characters
    return Process(
        pid=pid,
        parent=int(fields[2]),
        name=name,
        command=_command(words if words != [""] else []),
        user=user_name(int(user[1])) if user else "",
        started=_booted() + int(fields[20]) / os.sysconf("SC_CLK_TCK"),
        state=_STATES.get(fields[1], fields[1]),
        here=_name_space(pid) in (own, None),
    )


def _stat(pid: int) -> list[str]:
    """Of proc(5)'s fields of stat the name, the state, the parent and so on. Raises OSError, ValueError."""
    _, _, rest = _text(f"/proc/{pid}/stat").partition("(")
    name, end, rest = rest.rpartition(")")
    if not end:
        raise ValueError("not laid out as proc(5) says")
    return [name, *rest.split()]


def _text(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(131_072).decode("utf-8", "replace")


@functools.cache
def _booted() -> float:
    try:
        found = re.search(r"^btime (\d+)", _text("/proc/stat"), re.M)
    except OSError:
        found = None
    return float(found[1]) if found else 0.0


def _command(words: list[str]) -> tuple[str, ...]:
    """The command line as one text, so that a value after `--password` is masked."""
    shown = mask(KNOWN.hide("\0".join(words[:20]).replace("\n", " ").replace("\0", "\n"))).split("\n")
    alone = [mask(word)[:200] for word in shown]
    line = mask(" ".join(shown))
    return tuple(word if word in line else STARS for word in alone)


def _name_space(pid: int | str) -> str | None:
    """The network namespace, which tells a container's processes; None if unreadable."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def listeners(query: Listeners) -> ListenersReply:
    try:
        sockets = {inode: place for name in ("tcp", "tcp6") for inode, place in _listening(name)}
        holders = _holders(sockets)
    except (OSError, ValueError) as error:
        return ListenersReply(problem=f"cannot list sockets: {type(error).__name__}")
    found = set()
    for inode, (address, port) in sockets.items():
        pid, name = holders.get(inode, (0, ""))
        found.add(Listener(address=address, port=port, pid=pid, process=name))
    return ListenersReply(listeners=tuple(sorted(found, key=lambda s: (s.port, s.address, s.pid))))


def _listening(name: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Inode, address and port of each listening socket. Raises OSError, ValueError."""
    if name == "tcp6" and not os.path.exists("/proc/net/tcp6"):
        return  # IPv6 is switched off
    for line in _all("/proc/net/" + name).splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, _, port = fields[1].partition(":")
            yield fields[9], (_address(address), int(port, 16))


def _all(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(16_000_000)


def _address(hexadecimal: str) -> str:
    """The address, which /proc writes as 32-bit words in this machine's byte order."""
    words = [int(hexadecimal[at : at + 8], 16) for at in range(0, len(hexadecimal), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def _holders(wanted: dict[str, tuple[str, int]]) -> dict[str, tuple[int, str]]:
    """The process that opened each socket, by inode; of several that share it, the topmost."""
    holding: dict[str, dict[int, list[str]]] = {}
    for pid in _pids():
        try:
            links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
            inodes = {link[8:-1] for link in links if link.startswith("socket:[")} & wanted.keys()
            fields = _stat(pid) if inodes else []
        except (OSError, ValueError):
            continue  # another user's, or ended
        for inode in inodes:
            holding.setdefault(inode, {})[pid] = fields
    found = {}
    for inode, by_pid in holding.items():
        pid = next((pid for pid, fields in by_pid.items() if int(fields[2]) not in by_pid), min(by_pid))
        found[inode] = (pid, by_pid[pid][0])
    return found

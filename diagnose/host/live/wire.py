"""The fate of this process's SYNs, seen on the interfaces, outside this host's packet filters.

A packet socket is handed what leaves after netfilter, policy routing, traffic control and control groups have let it
pass, and what comes in before they see it. So a SYN that is not seen was stopped here, in whatever language the rule
is written, and an answer that is seen without a connection was stopped here too. Needs root (CAP_NET_RAW); changes
nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pwd
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator

from diagnose.record import dataclass, frozen

_ETH_P_ALL, _SOL_PACKET, _PACKET_STATISTICS, _SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 3, 263, 6, 26, 33
_NETWORK = 0x40000000  # CLONE_NEWNET
_OUTGOING = 4  # sll_pkttype
_SYN, _RST, _ACK = 2, 4, 16
_UNWATCHED = (53, 80, 443)  # a busy web server's own traffic would drown what is looked for
_ROOM = 1 << 21
_KEPT = 4000  # packets remembered
_NEAR = 16  # hops within which hardly any server lies; systems begin with 64 or more


@dataclass(frozen=True)
class _Seen:
    when: float
    outgoing: bool
    flags: int
    source: str
    sport: int
    target: str
    dport: int
    ttl: int
    device: str = ""

    @property
    def syn(self) -> bool:
        return self.outgoing and self.flags & (_SYN | _ACK) == _SYN


class Wire:
    """One packet socket for the whole process, read on demand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._ports: set[int] = set()
        self._seen: deque[_Seen] = deque(maxlen=_KEPT)
        self._whole = True
        self._own: dict[int, float] = {}

    def watch(self, port: int) -> bool:
        """Starts watching a port. Whether its packets will be seen."""
        if sys.platform != "linux" or os.geteuid() != 0 or port in _UNWATCHED or not 0 < port < 65536:
            return False
        with self._lock:
            try:
                if self._sock is None:
                    self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
                    self._sock.setblocking(False)
                    with contextlib.suppress(OSError):
                        self._sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
                    self._filter({port})
                elif port not in self._ports:
                    self._filter({*self._ports, port})
                self._read()  # what was seen before is older than the connect that follows
            except OSError:
                self._sock, self._whole = None, False
            return self._sock is not None and self._whole

    def _filter(self, ports: set[int]) -> None:
        assert self._sock is not None
        program = _program(sorted(ports)[:20])
        code = ctypes.create_string_buffer(program)
        fprog = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        self._ports = ports

    def own(self, port: int) -> None:
        """Registers a local port of this process."""
        with self._lock:
            self._own[port] = time.monotonic()

    def fate(self, local: int, address: str, port: int, began: float) -> str:
        """The fate of the SYNs from that local port since `began` (monotonic), for a failed connect: kept (none
        left this host), altered (they left with another address than was asked, or too few hops to live), answered (the
        server's came back and was stopped here), sent; "" if that is unknown."""
        with self._lock:
            self._read()
            if not self._whole or port not in self._ports or not local:
                return ""
            fresh = [s for s in self._seen if s.when >= began]
            ours = [s for s in fresh if local == (s.sport if s.outgoing else s.dport)]
            # A NAT rule may give it another port: a SYN that leaves for there, and that nobody here is known to have sent.
            if not ours and any(
                s.syn and (s.target, s.dport) == (address, port) and s.sport not in self._own for s in fresh
            ):
                return ""
        if not any(s.syn for s in ours):
            return "kept"
        if any(s.syn and (s.target != address or s.ttl < _NEAR or _nobodys(s.source)) for s in ours):
            return "altered"
        return "answered" if any(not s.outgoing and s.flags & (_SYN | _ACK) == _SYN | _ACK for s in ours) else "sent"

    def device(self, local: int, address: str, port: int) -> str:
        """The interface through which the last SYN from that local port left, "" for none."""
        with self._lock:
            syns = [s.device for s in self._seen if s.syn and (s.sport, s.target, s.dport) == (local, address, port)]
        return syns[-1] if syns else ""

    def connected(self, local: int, address: str, port: int) -> None:
        """Records a successful connect: if its packets were not seen either (IPsec encrypts first), the wire proves
        nothing. This host's NAT may have changed the port."""
        with self._lock:
            self._read()
            there = [s for s in self._seen if s.outgoing and (s.target, s.dport) == (address, port)]
            seen = any(s.outgoing and s.sport == local for s in self._seen)
            self._whole = self._whole and (seen or any(s.sport not in self._own for s in there))

    def _read(self) -> None:
        if self._sock is None:
            return
        while select.select([self._sock], [], [], 0)[0]:
            try:
                data, (device, _, kind, *_) = self._sock.recvfrom(128)
            except OSError:
                break
            if (seen := _parsed(data, kind == _OUTGOING, device)) is not None:
                self._seen.append(seen)
        with contextlib.suppress(OSError):
            _, lost = struct.unpack("II", self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            self._whole = self._whole and not lost


def _nobodys(source: str) -> bool:
    """Whether no interface of this host has that address, so that no answer can arrive."""
    with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((source, 0))
        except OSError as error:
            return error.errno == errno.EADDRNOTAVAIL
    return False


def _parsed(data: bytes, outgoing: bool, device: str = "") -> _Seen | None:
    version = data[0] >> 4 if data else 0
    start = (data[0] & 15) * 4 if version == 4 else 40
    # What came in before the filter stood may be anything.
    if len(data) < start + 14 or version not in (4, 6) or data[9 if version == 4 else 6] != socket.IPPROTO_TCP:
        return None
    family, near, far = (socket.AF_INET, 12, 16) if version == 4 else (socket.AF_INET6, 8, 24)
    size = 4 if version == 4 else 16
    sport, dport = struct.unpack_from("!HH", data, start)
    ends = (socket.inet_ntop(family, data[at : at + size]) for at in (near, far))
    source, target = ends
    ttl = data[8 if version == 4 else 7]
    return _Seen(time.monotonic(), outgoing, data[start + 13], source, sport, target, dport, ttl, device)


def _program(ports: Iterable[int]) -> bytes:
    """A classic BPF program that lets TCP segments with SYN or RST pass whose one end is one of the ports."""
    wanted = list(ports)
    out: list[tuple[int, int, int, int]] = []
    many = len(wanted)

    def ends(flags: tuple[int, int], near: tuple[int, int], far: tuple[int, int]) -> list[tuple[int, int, int, int]]:
        """Flags, then both ports; `reject` and `accept` are the block's last two instructions."""
        block: list[tuple[int, int, int, int]] = [(*flags[:1], 0, 0, flags[1]), (0x45, 0, 2 + 2 * many, _SYN | _RST)]
        for side, load in enumerate((near, far)):
            block.append((load[0], 0, 0, load[1]))
            for index, port in enumerate(wanted):
                left = many - index - 1 + (0 if side else 1 + many)
                block.append((0x15, left + 1, 0, port))
        return [*block, (0x06, 0, 0, 0), (0x06, 0, 0, 128)]

    four = [
        (0x30, 0, 0, 9), (0x15, 1, 0, 6), (0x06, 0, 0, 0),  # protocol TCP
        (0x28, 0, 0, 6), (0x45, 0, 1, 0x1FFF), (0x06, 0, 0, 0),  # no later fragment
        (0xB1, 0, 0, 0),  # X = length of the header
        *ends((0x50, 13), (0x48, 0), (0x48, 2)),
    ]  # fmt: skip
    six = [(0x30, 0, 0, 6), (0x15, 1, 0, 6), (0x06, 0, 0, 0), *ends((0x30, 53), (0x28, 40), (0x28, 42))]
    out = [(0x30, 0, 0, 0), (0x54, 0, 0, 0xF0), (0x15, 0, len(four), 0x40), *four]
    out += [(0x15, 1, 0, 0x60), (0x06, 0, 0, 0), *six]
    return b"".join(struct.pack("HBBI", *one) for one in out)


WIRE = Wire()


@frozen
class Whence:
    """user: the account that owns the sockets; device: the interface to leave by; network: the process in whose network (0: ours); the first
    and the last as root."""

    user: str = ""
    device: str = ""
    network: int = 0


ANYWHERE = Whence()


@contextlib.contextmanager
def as_user(name: str) -> Iterator[None]:
    """Sockets that this thread creates within the block belong to that account; root only.

    Only the thread's file-system ids change, by which sockets are owned; they do not reach other threads."""
    account = None
    if name and sys.platform == "linux" and os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
    if account is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    group, user = libc.setfsgid(account.pw_gid), libc.setfsuid(account.pw_uid)
    try:
        yield
    finally:
        libc.setfsuid(user)
        libc.setfsgid(group)


@contextlib.contextmanager
def within(pid: int) -> Iterator[None]:
    """Sockets that this thread creates within the block are in the network of that process; root only. 0: in ours. Raises OSError."""
    if not pid or sys.platform != "linux" or os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as ours, open(f"/proc/{pid}/ns/net", "rb") as theirs:
        if libc.setns(theirs.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(ours.fileno(), _NETWORK)

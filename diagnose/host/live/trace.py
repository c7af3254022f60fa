"""Where SYNs are lost: one connect per TTL, all at once, without privileges.

A router that lets the TTL run out answers with an ICMP time-exceeded, which Linux hands to the connecting socket
(ip(7), IP_RECVERR). A silent hop alone proves nothing, as routers limit their ICMP rate.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
import time
from pathlib import Path

from diagnose.host.live import icmp
from diagnose.host.live.connect import Address, literal
from diagnose.host.live.gate import GATE
from diagnose.host.query import Hop, Trace, TraceReply

_MAX_HOPS = 32
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def trace(query: Trace, deadline: float) -> TraceReply:
    """One answer for each TTL from 1 to `hops`; waits for at most `timeout` seconds. Never raises."""
    target = literal(query.address, query.port)
    if sys.platform != "linux":
        return TraceReply(address=query.address, problem="tracing a path to a port needs Linux")
    if target is None:
        return TraceReply(address=query.address, problem=f"{query.address} is not an address; resolve it first")
    count = max(1, min(query.hops, _MAX_HOPS))
    if not GATE.take(count, deadline):
        return TraceReply(address=target.text, problem="timed out")
    until = time.monotonic() + query.timeout
    sweep, before = _Sweep(target), _undelivered(target.family)
    try:
        for ttl in range(1, count + 1):
            sweep.start(ttl)
        sweep.gather(min(until, deadline))
    except OSError as error:
        return TraceReply(address=target.text, problem=errno.errorcode.get(error.errno or 0, str(error)))
    finally:
        sweep.close()
        GATE.give(count)
    after = _undelivered(target.family)
    # Silence means something only if it was listened to for as long as was asked.
    late = deadline < until - 0.05 and any(hop.answer == "silence" for hop in sweep.answers.values())
    return TraceReply(
        address=target.text,
        hops=tuple(sweep.answers[ttl] for ttl in sorted(sweep.answers)),
        discarded=None if before is None or after is None else after - before,
        problem="timed out" if late else None,
    )


def _undelivered(family: int) -> int | None:
    """Packets that this host has received and neither delivered nor forwarded: its packet filter drops them in between.
    Every user may read the counters (RFC 4293; proc(5))."""
    six = family == socket.AF_INET6
    try:
        rows = [line.split() for line in Path(f"/proc/net/snmp{'6' if six else ''}").read_text().splitlines()]
        known = {row[0]: row[1] for row in rows} if six else dict(zip(rows[0], rows[1], strict=True))
        if six:
            return int(known["Ip6InReceives"]) - int(known["Ip6InDelivers"]) - int(known["Ip6OutForwDatagrams"])
        return int(known["InReceives"]) - int(known["InDelivers"]) - int(known["ForwDatagrams"])
    except (OSError, LookupError, ValueError):
        return None


class _Sweep:
    def __init__(self, target: Address) -> None:
        self.target = target
        self.pending: dict[int, tuple[int, socket.socket]] = {}  # by file descriptor: TTL, socket
        self.answers: dict[int, Hop] = {}
        self.epoll = select.epoll()

    def start(self, ttl: int) -> None:
        sock = socket.socket(self.target.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            icmp.listen(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if self.target.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            number = sock.connect_ex(self.target.sockaddr)
        except OSError as error:
            number = error.errno or errno.EIO
        if number == errno.EINPROGRESS:
            self.pending[sock.fileno()] = (ttl, sock)
            self.epoll.register(sock, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
        else:
            self.conclude(ttl, sock, number)

    def gather(self, until: float) -> None:
        while self.pending:
            left = until - time.monotonic()
            if left <= 0:
                break
            for number, _ in self.epoll.poll(left):
                ttl, sock = self.pending.pop(number)
                self.epoll.unregister(number)
                self.conclude(ttl, sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        for ttl, _ in self.pending.values():
            self.answers[ttl] = Hop(ttl=ttl, answer="silence")

    def conclude(self, ttl: int, sock: socket.socket, number: int) -> None:
        said = icmp.received(sock) if number else None
        sock.close()
        if not number:
            hop = Hop(ttl=ttl, answer="open", address=self.target.text)
        elif said is not None:
            hop = Hop(ttl=ttl, answer=said.name, address=said.offender)
        elif number == errno.ECONNREFUSED:
            # A RST bears the target's address whoever sent it; the TTL from which on it comes tells who may have.
            hop = Hop(ttl=ttl, answer="refused", address=self.target.text)
        elif number == errno.ETIMEDOUT:
            hop = Hop(ttl=ttl, answer="silence")
        else:
            hop = Hop(ttl=ttl, answer=f"local:{errno.errorcode.get(number, number)}")
        self.answers[ttl] = hop

    def close(self) -> None:
        for _, sock in self.pending.values():
            sock.close()
        self.epoll.close()

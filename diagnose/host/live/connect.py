"""From a name to a connected socket: resolving within a deadline, and walking the addresses one by one.

An address that keeps silent for `HEAD_START` seconds no longer holds up the others: they are then tried together,
and the whole stays within one connect time-out and that half second.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar

from diagnose import threads
from diagnose.host.live import icmp
from diagnose.host.live.gate import GATE, Peer
from diagnose.host.live.wire import ANYWHERE, WIRE, Whence, as_user, within
from diagnose.host.query import Attempt
from diagnose.record import dataclass

HEAD_START = 0.5
NEIGHBOUR = 0.5  # seconds more: the kernel gives a neighbour up after three ARP requests, one a second
PER_FAMILY = 4
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
T = TypeVar("T")
SockAddr = tuple[Any, ...]


class Broken(Exception):
    """A step that failed. error: as `DialReply.error`; text: the part of a reply received; late: the deadline ended
    it, not the step's own time-out, so that nothing is known about the peer."""

    def __init__(self, error: str, text: str = "", late: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.text = text
        self.late = late


@dataclass(frozen=True)
class Address:
    family: socket.AddressFamily
    sockaddr: SockAddr

    @property
    def text(self) -> str:
        """The address literal, with its zone if it is link-local."""
        host, scope = str(self.sockaddr[0]), self.sockaddr[3] if len(self.sockaddr) > 3 else 0
        if scope and "%" not in host:
            try:
                return f"{host}%{socket.if_indextoname(scope)}"
            except OSError:
                return f"{host}%{scope}"
        return host

    @property
    def peer(self) -> Peer:
        return self.text, int(self.sockaddr[1])


@dataclass
class Opened:
    """sock: connected, None when no address answered; late: the deadline came before the addresses' own time-outs."""

    sock: socket.socket | None = None
    address: Address | None = None
    attempts: list[Attempt] = field(default_factory=list)
    late: bool = False


def name_of(error: OSError | int) -> str:
    """An errno's name; without one the error's text."""
    number = error if isinstance(error, int) else error.errno
    if isinstance(error, TimeoutError):
        return "timed out" if number is None else "ETIMEDOUT"
    return errno.errorcode.get(number or 0) or str(error)


def in_time(work: Callable[[], T], deadline: float) -> T:
    """Runs an uninterruptible call in a daemon thread; raises Broken("timed out") at the deadline."""
    done = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    if threads.begin(run, "resolve") is None:
        raise Broken("no thread can be started")
    if not done.wait(max(0.0, deadline - time.monotonic())):
        raise Broken("timed out")
    if errors:
        raise errors[0]
    return results[0]


def literal(host: str, port: int) -> Address | None:
    """The address that `host` is, brackets and zone allowed, or None when it is a name."""
    host = host.strip().strip("[]").removeprefix("IPv6:")
    try:
        ipaddress.ip_address(host)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (ValueError, OSError):
        return None
    return Address(found[0][0], found[0][4])


def resolve(host: str, port: int, family: int, timeout: float, deadline: float) -> list[Address]:
    """A host's addresses as an ordinary program gets them, IPv4 first, at most four of a family.

    Raises Broken: "timed out", the resolver's own code and text, or why `host` is not a name at all.
    """
    direct = literal(host, port)
    if direct is not None:
        if family and direct.family != FAMILIES[family]:
            raise Broken(f"{direct.text} is not an IPv{family} address")
        return [direct]
    wanted = FAMILIES.get(family, socket.AF_UNSPEC)
    late = deadline < time.monotonic() + timeout
    try:
        found = in_time(
            lambda: socket.getaddrinfo(host, port, wanted, socket.SOCK_STREAM),
            min(deadline, time.monotonic() + timeout),
        )
    except Broken as broken:
        raise Broken(broken.error, late=late) from None
    except socket.gaierror as error:
        raise Broken(f"{_resolver_code(error)}: {error.strerror or error}") from None
    except (UnicodeError, ValueError, OverflowError) as error:
        raise Broken(f"not a host name or port: {error}") from None
    except OSError as error:
        raise Broken(name_of(error)) from None
    addresses: list[Address] = []
    for kind in FAMILIES.values():
        unique = dict.fromkeys(tuple(entry[4]) for entry in found if entry[0] == kind)
        addresses += [Address(kind, sockaddr) for sockaddr in list(unique)[:PER_FAMILY]]
    if not addresses:
        raise Broken("EAI_NODATA: no address")
    return addresses


def _resolver_code(error: socket.gaierror) -> str:
    for name in ("EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME", "EAI_FAMILY", "EAI_SERVICE", "EAI_SYSTEM"):
        if getattr(socket, name, None) == error.errno:
            return name
    return "EAI"


class _Try:
    """One connect in progress; `finished` once its outcome is known. silence: seconds without an answer so far."""

    def __init__(
        self,
        address: Address,
        bind: SockAddr | None,
        timeout: float,
        silence: float | None = None,
        whence: Whence = ANYWHERE,
    ) -> None:
        self.address = address
        # What another network sends does not pass here.
        self.watched = silence is None and not whence.network and WIRE.watch(address.peer[1])
        self.began = time.monotonic()
        self.until = self.began + timeout
        self.error: str | None = None  # "" when connected
        self.icmp: icmp.IcmpError | None = None
        self.local, self.port = "", 0
        self.wire = self.device = ""
        self.longer = False
        self.seconds = 0.0
        self.sock: socket.socket | None = None
        if silence is not None:
            self.error, self.seconds = "ETIMEDOUT", silence
            return
        try:
            with as_user(whence.user), within(whence.network):
                self.sock = socket.socket(address.family, socket.SOCK_STREAM)
            self.sock.setblocking(False)
            icmp.listen(self.sock)
            if whence.device:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, whence.device.encode())
            if bind is not None:
                self.sock.bind(bind)
            number = self.sock.connect_ex(address.sockaddr)
        except OverflowError:
            number = errno.EINVAL
        except OSError as error:
            number = error.errno or errno.EIO
        if self.sock is not None:
            try:
                self.local, self.port = self.sock.getsockname()[:2]
                WIRE.own(self.port)
            except OSError:
                pass
        if number != errno.EINPROGRESS:
            self.finish(number)

    def look(self) -> None:
        assert self.sock is not None
        self.finish(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def prolonged(self) -> bool:
        """Extends the wait once, for the kernel's reason why no packet left this host. Whether it did."""
        if self.longer or not self.watched or WIRE.fate(self.port, *self.address.peer, self.began) != "kept":
            return False
        self.longer = True
        self.until += NEIGHBOUR
        return True

    def finish(self, number: int) -> None:
        self.seconds = time.monotonic() - self.began
        self.error = errno.errorcode.get(number, str(number)) if number else ""
        if self.sock is not None:
            self.icmp = icmp.received(self.sock) if number else None
            if number and number != errno.ECANCELED and self.watched:
                self.wire = WIRE.fate(self.port, *self.address.peer, self.began)
                self.device = WIRE.device(self.port, *self.address.peer)
            if not number:
                icmp.listen(self.sock, False)
                self.local, self.port = self.sock.getsockname()[:2]
                if self.watched:
                    WIRE.connected(self.port, *self.address.peer)

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()

    def attempt(self) -> Attempt:
        return Attempt(
            address=self.address.text,
            error=self.error or "",
            seconds=round(self.seconds, 4),
            icmp=f"{self.icmp.type}/{self.icmp.code}" if self.icmp else "",
            offender=self.icmp.offender if self.icmp else "",
            local="" if self.local in ("0.0.0.0", "::") else self.local,
            wire=self.wire,
            device=self.device,
        )


def open_first(
    addresses: list[Address],
    *,
    bind: str,
    timeout: float,
    deadline: float,
    entered: bool = False,
    whence: Whence = ANYWHERE,
) -> Opened:
    """Connects to the first address that answers; its peer stays reserved at the gate until `close`.

    bind: source addresses, one per family, separated by blanks. entered: the caller has reserved the (only) peer already, and keeps it.
    """
    sources: dict[int, SockAddr] = {}
    for text in bind.split():
        source = literal(text, 0)
        if source is None:
            raise Broken(f"{text} is not an address to connect from")
        sources[source.family] = source.sockaddr
    walk = _Walk(addresses, sources, timeout, entered, whence)
    try:
        return walk.run(deadline)
    finally:
        walk.abandon()


class _Walk:
    def __init__(
        self,
        addresses: list[Address],
        sources: dict[int, SockAddr],
        timeout: float,
        entered: bool,
        whence: Whence,
    ) -> None:
        self.waiting = list(addresses)
        self.order = {address: index for index, address in enumerate(addresses)}
        self.sources, self.whence = sources, whence
        self.timeout = timeout
        self.entered = entered
        self.began = time.monotonic()
        self.pending: list[_Try] = []
        self.done: list[_Try] = []
        self.winner: _Try | None = None

    def run(self, deadline: float) -> Opened:
        head_start: float | None = None
        while True:
            now = time.monotonic()
            if now >= deadline and (self.pending or self.waiting):
                return self.result(late=True)
            blocked = self.launch(together=head_start is not None and now >= head_start)
            if head_start is None and self.pending:
                head_start = self.pending[0].began + HEAD_START
            if self.winner:
                return self.result()
            if not self.pending and not self.waiting:
                return self.result()
            limits = [deadline, *(each.until for each in self.pending)]
            if head_start is not None and self.waiting and now < head_start:
                limits.append(head_start)
            if blocked:
                limits.append(now + 0.05)
            self.wait(max(0.0, min(limits) - time.monotonic()))
            if self.winner:
                return self.result()

    def launch(self, together: bool) -> bool:
        """Starts the connects that may start now; True if an address must wait for another session to end."""
        blocked = False
        for address in list(self.waiting):
            if self.pending and not together:
                return False
            if not self.entered and not GATE.enter(address.peer):
                if not together:
                    return True  # its turn comes: the order of the addresses is kept
                blocked = True
                continue
            self.waiting.remove(address)
            attempt = self.attempt(address)
            self.settle(attempt) if attempt.error is not None else self.pending.append(attempt)
            if self.winner:
                return False
        return blocked

    def attempt(self, address: Address) -> _Try:
        """A new connect; if another session at the same peer got no answer meanwhile for as long, that outcome
        instead."""
        silence = GATE.silent_since(address.peer, self.began)
        if silence is None or silence < self.timeout or self.sources or self.whence != ANYWHERE:
            return _Try(address, self.sources.get(address.family), self.timeout, whence=self.whence)
        return _Try(address, None, self.timeout, silence)

    def wait(self, seconds: float) -> None:
        if not self.pending:
            GATE.pause(seconds)
            return
        poll = select.poll()
        by_number = {}
        for attempt in self.pending:
            assert attempt.sock is not None
            by_number[attempt.sock.fileno()] = attempt
            poll.register(attempt.sock, select.POLLOUT | select.POLLERR | select.POLLHUP)
        ready = {number for number, _ in poll.poll(seconds * 1000 + 0.5)}
        now = time.monotonic()
        for number, attempt in by_number.items():
            if number in ready:
                attempt.look()
            elif now >= attempt.until and not attempt.prolonged():
                attempt.finish(errno.ETIMEDOUT)
                if not (self.sources or self.whence.device or self.whence.network):
                    GATE.silence(attempt.address.peer, attempt.seconds)
            if attempt.error is not None:
                self.pending.remove(attempt)
                self.settle(attempt)

    def settle(self, attempt: _Try) -> None:
        if attempt.error == "" and self.winner is None:
            self.winner = attempt
            return
        attempt.close()
        if not self.entered:
            GATE.leave(attempt.address.peer)
        if attempt.error:
            self.done.append(attempt)

    def result(self, late: bool = False) -> Opened:
        if late:
            for attempt in self.pending:
                attempt.finish(errno.ECANCELED)
                self.done.append(attempt)
        tried = sorted([*self.done, *([self.winner] if self.winner else [])], key=lambda t: self.order[t.address])
        opened = Opened(attempts=[each.attempt() for each in tried], late=late)
        if self.winner:
            opened.sock, opened.address = self.winner.sock, self.winner.address
        return opened

    def abandon(self) -> None:
        for attempt in self.pending:
            attempt.close()
            if not self.entered:
                GATE.leave(attempt.address.peer)
        self.pending.clear()

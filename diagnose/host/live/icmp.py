"""ICMP errors that a socket of this process caused, read without privileges (Linux: ip(7), IP_RECVERR).

Struct layouts and numbers: linux/errqueue.h, RFC 792, RFC 1812 (codes 9 to 13), RFC 4443.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys

from diagnose.record import frozen

_IP_RECVERR = 11
_IPV6_RECVERR = 25
_ERROR = struct.Struct("=IBBBBII")  # sock_extended_err: errno, origin, type, code, pad, info, data
_FROM_ICMP = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6

_NAMES = {
    (4, 3, 0): "net-unreachable",
    (4, 3, 1): "host-unreachable",
    (4, 3, 2): "protocol-unreachable",
    (4, 3, 3): "port-unreachable",
    (4, 3, 4): "too-big",
    (4, 3, 6): "net-unreachable",
    (4, 3, 7): "host-unreachable",
    (4, 3, 9): "net-prohibited",
    (4, 3, 10): "host-prohibited",
    (4, 3, 11): "net-unreachable",
    (4, 3, 12): "host-unreachable",
    (4, 3, 13): "admin-prohibited",
    (4, 11, 0): "time-exceeded",
    (6, 1, 0): "net-unreachable",
    (6, 1, 1): "admin-prohibited",
    (6, 1, 2): "net-unreachable",
    (6, 1, 3): "host-unreachable",
    (6, 1, 4): "port-unreachable",
    (6, 1, 5): "admin-prohibited",
    (6, 1, 6): "net-prohibited",
    (6, 2, 0): "too-big",
    (6, 3, 0): "time-exceeded",
}


@frozen
class IcmpError:
    """version: 4 or 6; errno: the kernel's translation; offender: the address that sent the message."""

    version: int
    type: int
    code: int
    errno: int
    offender: str

    @property
    def name(self) -> str:
        return _NAMES.get((self.version, self.type, self.code), f"icmp:{self.type}/{self.code}")


def listen(sock: socket.socket, on: bool = True) -> None:
    """Asks the kernel to keep ICMP errors of this socket. Off again once connected: errors that a router sends
    later must not break a session which TCP itself would carry through."""
    if sys.platform != "linux":
        return
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, int(on))
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, int(on))
    except OSError:
        pass


def received(sock: socket.socket) -> IcmpError | None:
    """The latest ICMP error queued on a socket, None if there is none."""
    if sys.platform != "linux":
        return None
    latest = None
    for _ in range(8):
        try:
            _, ancillary, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except OSError:
            break
        for level, kind, data in ancillary:
            if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                latest = _parsed(data) or latest
    return latest


def _parsed(data: bytes) -> IcmpError | None:
    if len(data) < _ERROR.size:
        return None
    errno, origin, kind, code, *_ = _ERROR.unpack_from(data)
    if origin not in _FROM_ICMP:
        return None
    offender = ""
    address = data[_ERROR.size :]
    family = struct.unpack_from("=H", address)[0] if len(address) >= 2 else 0
    if family == socket.AF_INET and len(address) >= 8:
        offender = str(ipaddress.IPv4Address(address[4:8]))
    elif family == socket.AF_INET6 and len(address) >= 24:
        offender = str(ipaddress.IPv6Address(address[8:24]))
    return IcmpError(version=4 if origin == 2 else 6, type=kind, code=code, errno=errno, offender=offender)

"""Whether a milter or policy service responds to a connection, opened as Postfix does, without a message.

A milter must answer the negotiation, the first packet of each session (libmilter's mfdef.h: SMFIC_OPTNEG). A policy
service is sent the first line of a request and never its end, so that there is nothing to answer or to count; one
that does not even read it leaves it with the kernel, which tells by SIOCOUTQ on a local socket and by /proc/net/tcp
for a connection on this host.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
import termios
import time
from contextlib import suppress
from pathlib import Path

from diagnose.host.live.connect import Broken

_NEGOTIATION = struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)  # version, actions and steps as Postfix offers them
_FAREWELL = struct.pack("!Ic", 1, b"Q")
_REQUEST = b"request=smtpd_access_policy\n"
_ROW = re.compile(
    r" *\d+: [0-9A-F]+:(?P<near>[0-9A-F]{4}) [0-9A-F]+:(?P<far>[0-9A-F]{4}) \w\w [0-9A-F]{8}:(?P<unread>[0-9A-F]{8}) "
)


def heeded(sock: socket.socket, kind: str, timeout: float) -> None:
    """Returns when the service has answered, or read what it was sent. kind: milter or policy. Raises Broken."""
    until = time.monotonic() + timeout
    if kind == "milter":
        sock.settimeout(timeout)
        try:
            sock.sendall(_NEGOTIATION)
            if not sock.recv(1):
                raise Broken("connection closed")
        except TimeoutError:
            raise Broken("timed out") from None
        with suppress(OSError):
            sock.sendall(_FAREWELL)
        return
    sock.sendall(_REQUEST)
    while _unread(sock):
        if time.monotonic() > until:
            raise Broken("timed out")
        time.sleep(0.05)


def _unread(sock: socket.socket) -> bool:
    """Whether the other end, on this host, has unread data."""
    if sock.family == socket.AF_UNIX:
        return any(fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))
    ours = (sock.getpeername()[1], sock.getsockname()[1])
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for row in map(_ROW.match, Path("/proc/net", name).read_text().splitlines()):
                if row and (int(row["near"], 16), int(row["far"], 16)) == ours:
                    return int(row["unread"], 16) > 0
    return False

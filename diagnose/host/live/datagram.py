"""Local log sockets: syslog's and the journal's own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping

SYSLOG = "/dev/log"
JOURNAL = "/run/systemd/journal/socket"
DAEMON = 3  # syslog's facility
LONGEST = 60_000  # bytes of one field; larger datagrams would need a file descriptor passed along


def syslog(text: str, severity: int, path: str, timeout: float) -> str:
    """Sends one line; returns why it failed, "" for success."""
    line = f"<{DAEMON * 8 + severity}>mail-diagnose[{os.getpid()}]: {' '.join(text.split())}"
    data = line.encode("utf-8", "replace")[:8000]
    problem = _send(path, socket.SOCK_DGRAM, data, timeout)
    if problem and _send(path, socket.SOCK_STREAM, data + b"\n", timeout) == "":
        return ""
    return problem


def journal(fields: Mapping[str, str], path: str = JOURNAL, timeout: float = 5.0) -> str:
    """Sends one entry; returns why it failed, "" for success."""
    data = b""
    for name, value in fields.items():
        octets = value.encode("utf-8", "replace")[:LONGEST]
        if b"\n" in octets:
            data += name.encode() + b"\n" + struct.pack("<Q", len(octets)) + octets + b"\n"
        else:
            data += name.encode() + b"=" + octets + b"\n"
    return _send(path, socket.SOCK_DGRAM, data, timeout)


def _send(path: str, kind: socket.SocketKind, data: bytes, timeout: float) -> str:
    try:
        with socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC) as link:
            link.settimeout(timeout)
            link.connect(path)
            link.sendall(data)
    except OSError as error:
        return f"{path}: {error.strerror or 'no answer in time'}"
    return ""

"""Servers on loopback that speak SMTP well or badly, each connection by a function of the socket."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(serve: Serve, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """The port where `serve` answers every connection, until the block is left."""
    listener = socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family)

    def handle(conn: socket.socket) -> None:
        with conn, contextlib.suppress(OSError, ValueError):
            conn.settimeout(8)
            serve(conn)

    def accept() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(conn,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def says(data: bytes, stay: float = 0.0) -> Serve:
    """Says `data` whatever it is told, and closes once the client did or `stay` seconds passed."""

    def serve(conn: socket.socket) -> None:
        conn.sendall(data)
        until = time.monotonic() + stay
        while time.monotonic() < until:
            conn.settimeout(max(0.01, until - time.monotonic()))
            if not conn.recv(4096):
                return

    return serve


def resets(conn: socket.socket) -> None:
    """Breaks off once the client has seen itself connected: a reset that overtakes that is one of the connect."""
    time.sleep(0.2)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Smtp:
    """A small SMTP server; `heard` has every line of every session, "CONNECT" at the start of each."""

    def __init__(
        self,
        *,
        replies: dict[str, str] | None = None,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME"),
        over_tls: tuple[str, ...] | None = None,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        banner: str = "220 mx.example.org ESMTP",
        challenges: dict[str, list[str]] | None = None,
    ) -> None:
        self.replies = {"MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "RSET": "250 Ok"} | (replies or {})
        self.extensions = extensions
        self.over_tls = over_tls if over_tls is not None else extensions
        self.tls = tls
        self.implicit = implicit
        self.banner = banner
        self.challenges = challenges or {}
        self.heard: list[str] = []

    def __call__(self, conn: socket.socket) -> None:
        self.heard.append("CONNECT")
        encrypted = False
        if self.implicit and self.tls:
            conn, encrypted = self.tls.wrap_socket(conn, server_side=True), True
        conn.sendall(self.banner.encode() + b"\r\n")
        buffer = b""
        expected: list[str] = []
        while True:
            while b"\n" not in buffer:
                data = conn.recv(4096)
                if not data:
                    return
                buffer += data
            line, _, buffer = buffer.partition(b"\n")
            command = line.strip().decode()
            self.heard.append(command)
            verb = " ".join(command.split()[:2]) if command.startswith("AUTH") else command.split(" ")[0]
            if expected:
                conn.sendall(expected.pop(0).encode() + b"\r\n")
            elif verb in self.challenges:
                expected = list(self.challenges[verb])
                conn.sendall(expected.pop(0).encode() + b"\r\n")
            elif verb in self.replies:
                conn.sendall(self.replies[verb].encode() + b"\r\n")
            elif verb == "EHLO":
                words = ["mx.example.org", *(self.over_tls if encrypted else self.extensions)]
                if self.tls and not encrypted:
                    words.append("STARTTLS")
                marks = ["-"] * (len(words) - 1) + [" "]
                conn.sendall("".join(f"250{m}{w}\r\n" for m, w in zip(marks, words, strict=True)).encode())
            elif verb == "STARTTLS" and self.tls:
                conn.sendall(b"220 go ahead\r\n")
                conn, encrypted = self.tls.wrap_socket(conn, server_side=True), True
            elif verb == "QUIT":
                conn.sendall(b"221 bye\r\n")
                return
            else:
                conn.sendall(b"502 5.5.2 Error: command not recognized\r\n")

"""What the tests of the watch have in common: reports that say what is wanted, and servers on loopback."""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from diagnose.watch import machine, passes, state, target

SECRET = "T0K3N-of-the-hook"


def report(status: str = "ok", cause: str | None = None, sign: str = "egress.port-25") -> dict[str, Any]:
    """A report of schema 1 with one diagnosis, or none."""
    diagnosis: dict[str, Any] = {
        "cause": cause, "title": f"Title of {cause}", "impact": "outage", "confidence": "certain", "score": 30,
        "explained_by": None, "support": [{"sign": sign, "weight": 20, "subject": "TCP 25", "summary": "times out"}],
        "against": [], "unknown": [], "remedy": {"text": "Use a relay.", "commands": ["postqueue -f"]},
        "links": [], "data": {},
    }  # fmt: skip
    seen: dict[str, Any] = {
        "sign": sign, "status": "failed" if cause else "ok", "subject": "TCP 25", "summary": "times out", "data": {},
        "at": None,
    }  # fmt: skip
    run = {"check": "egress", "outcome": "completed", "seconds": 0.1, "reason": "", "observations": [seen]}
    return {
        "schema": 1, "version": "0.1.0",
        "host": {"name": "mail.example.com", "system": "", "family": "", "mta": "", "user": "root",
                 "privileged": True, "network": True},
        "target": {"sender": None, "recipient": None}, "started": "2026-11-22T12:00:00+00:00", "seconds": 0.1,
        "status": status, "diagnoses": [diagnosis] if cause else [], "advice": [], "runs": [run], "notes": [],
    }  # fmt: skip


def probe_of(plain: dict[str, Any]) -> Callable[[Any, float], dict[str, Any]]:
    return lambda ignores, timeout: plain


FAILED = ("failed", "egress-port-25-blocked")
OK = ("ok", None)


def one(directory: Path, what: tuple[str, str | None], *notify: str, **changes: Any) -> passes.Outcome:
    """A pass that sees `what`; without pauses between tries, a problem is hard at once unless told otherwise."""
    policy = changes.pop("policy", machine.Policy(attempts=1))
    options = passes.Options(
        state_dir=directory,
        policy=policy,
        targets=tuple(map(target.parse, notify)),
        pauses=changes.pop("pauses", ()),
        **changes,
    )
    return passes.one_pass(options, probe_of(report(*what)))


def everything(directory: Path, outcome: passes.Outcome) -> str:
    """All that a pass says and keeps."""
    kept = "".join(p.read_text("utf-8", "replace") for p in directory.rglob("*") if p.is_file())
    return "\n".join([*outcome.told, *outcome.warnings, kept, json.dumps(state.last(directory))])


def as_nobody(work: Callable[[], bool]) -> bool:
    """What `work` returns when it runs without root's rights, in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os._exit(0 if work() else 1)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@dataclass
class Web:
    """A server on loopback that keeps what it was sent. answer: (status, headers, body) by path, or a function that
    takes the handler over."""

    url: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    secure: Callable[[ssl.SSLContext], None] = lambda context: None


@contextmanager
def web(**settings: Any) -> Iterator[Web]:
    state = Web(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            state.got.append((self.path, dict(self.headers), body))
            if state.answer is not None:
                state.answer(self)
                return
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"

    def secure(context: ssl.SSLContext) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    state.secure = secure
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def slowly(handler: BaseHTTPRequestHandler) -> None:
    """An answer of which a byte arrives every so often, for a minute."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(600):
            handler.wfile.write(b"X")
            time.sleep(0.1)
    except OSError:
        pass


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Ten megabytes that nobody asked for."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        for _ in range(1000):
            handler.wfile.write(b"x" * 10_000)
    except OSError:
        pass


@dataclass(frozen=True)
class Journal:
    """Calling it gives the entries since the last call."""

    link: socket.socket

    def __call__(self) -> list[dict[str, str]]:
        found = []
        while True:
            try:
                found.append(entry(self.link.recv(262_144)))
            except BlockingIOError:
                return found

    def wait(self, seconds: float) -> None:
        """Until there is an entry."""
        select.select([self.link], [], [], seconds)


@contextmanager
def journal(directory: Path) -> Iterator[Journal]:
    """A socket as journald's at `directory`/journal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(directory / "journal"))
        link.setblocking(False)
        yield Journal(link)


def entry(data: bytes) -> dict[str, str]:
    """A datagram of the journal's native protocol, read as its description says."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            name = line
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[9 + size :]
        fields[name.decode()] = value.decode()
    return fields

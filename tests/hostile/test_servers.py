"""A server that misbehaves at each stage of the dialogue: ended in time, named with its stage, nothing raw kept."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from checks.relay.relay_reachable import _mute as mute
from diagnose.facts.dialogue import broken
from diagnose.host.live import dial
from diagnose.host.query import Dial, DialReply
from diagnose.parse.text.masking import Secrets, plain
from tests.host.caller import LOGIN, PASSWORD, USER
from tests.host.server import serving

TIMEOUT, DEADLINE = 0.8, 3.0
STAGES = ("banner", "ehlo", "starttls", "mail", "rcpt")
GOOD = {
    "banner": b"220 mx ESMTP\r\n",
    "ehlo": b"250-mx\r\n250 STARTTLS\r\n",
    "mail": b"250 ok\r\n",
    "rcpt": b"250 ok\r\n",
}


def drip(data: bytes, pause: float) -> Iterator[bytes]:
    for index in range(10_000):
        yield data[index % len(data) :][:1]
        time.sleep(pause)


def endless(data: bytes) -> Iterator[bytes]:
    for _ in range(20_000):
        yield data


BAD: dict[str, Callable[[], Iterator[bytes]]] = {
    "silent": lambda: iter([b"", b"wait"]),
    "slow": lambda: drip(b"250-x\r\n", 0.1),
    "slow words": lambda: drip(b"2", 0.1),
    "endless lines": lambda: endless(b"250-x\r\n" * 100),
    "endless line": lambda: endless(b"2" * 10_000),
    "ten megabytes": lambda: iter([b"250 " + b"x" * 10_000_000]),
    "garbage": lambda: iter([bytes(range(256)) * 4, b"\n"]),
    "no code": lambda: iter([b"hello there\r\n"]),
    "html": lambda: iter([b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
    "POP3": lambda: iter([b"+OK POP3 ready\r\n"]),
    "ssh": lambda: iter([b"SSH-2.0-OpenSSH_9.2\r\n"]),
    "tls": lambda: iter([b"\x15\x03\x01\x00\x02\x02\x46\n"]),
    "zeros": lambda: endless(b"\0" * 4096),
    "line ends": lambda: endless(b"\r\n" * 1000),
    "closing": lambda: iter([]),
    "half a line": lambda: iter([b"25"]),
    "half a reply": lambda: iter([b"250-x\r\n"]),
    "code 999": lambda: iter([b"999 what\r\n"]),
    "code 000": lambda: iter([b"000 \r\n"]),
    "code 100": lambda: iter([b"100 wait\r\n"]),
    "challenge": lambda: iter([b"334 \xff\xfe garbage\r\n"]),
    "escapes": lambda: iter([b"777 \x1b[31m\xc2\x9b\xe2\x80\xaered\r\n"]),
}


def misbehave(conn: socket.socket, parts: Iterator[bytes], silence: float = DEADLINE) -> None:
    """Sends the parts; "wait" is silence, in seconds, until the client ends it."""
    conn.settimeout(silence)
    for part in parts:
        if part == b"wait":
            conn.recv(1)
        else:
            conn.sendall(part)


def tried(case: tuple[str, str]) -> tuple[str, str, float, DialReply]:
    stage, how = case
    order = [at for at in STAGES if at != "starttls" or stage == "starttls"]

    def serve(conn: socket.socket) -> None:
        for at in order:
            if at != "banner" and not conn.recv(4096):
                return
            if at != stage:
                conn.sendall(GOOD[at] if at != "ehlo" or stage == "starttls" else b"250 mx\r\n")
                continue
            misbehave(conn, BAD[how]())
            return

    query = Dial(
        host="127.0.0.1", port=0, tls="starttls" if stage == "starttls" else "none", say="rcpt", helo="h.example",
        sender="a@example.com", recipient="b@example.com", timeout=TIMEOUT,
    )  # fmt: skip
    with serving(serve) as port:
        began = time.monotonic()
        reply = dial.dial(dataclasses.replace(query, port=port), began + DEADLINE, lambda login: None, Secrets())
        return stage, how, time.monotonic() - began, reply


def test_each_stage_and_each_way_to_misbehave() -> None:
    cases = [(stage, how) for stage in STAGES for how in BAD]
    with ThreadPoolExecutor(12) as pool:
        done = list(pool.map(tried, cases))
    wrong = []
    for stage, how, seconds, reply in done:
        found = broken(reply)
        named = (found.kind if found else "") or mute(reply)[0]
        # Of one that is slow without end nothing is known; it does not use up the time that others have for this server.
        fits = (
            ((reply.error == "drips" and seconds < DEADLINE - 1) if how.startswith("slow") else reply.problem is None)
            and bool(named)
            and seconds < DEADLINE + 1
        )
        shown = "\n".join((reply.banner, reply.ehlo, reply.starttls, reply.mail, reply.rcpt))
        if not fits or plain(shown) != shown or len(shown) > 100_000:
            wrong.append((stage, how, round(seconds, 1), named, reply.stage, reply.error, shown[:60]))
    print(f"servers: {len(done)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))
    assert len(done) >= 100


MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")


def signed_in(case: tuple[str, str]) -> tuple[str, str, float, DialReply]:
    mechanism, how = case

    def serve(conn: socket.socket) -> None:
        conn.sendall(GOOD["banner"])
        conn.recv(4096)
        conn.sendall(f"250-mx\r\n250 AUTH {mechanism}\r\n".encode())
        conn.recv(4096)
        misbehave(conn, BAD[how]())

    query = Dial(
        host="127.0.0.1", port=0, tls="none", say="auth", helo="h.example", timeout=TIMEOUT, login=LOGIN, trust=True
    )
    with serving(serve) as port:
        began = time.monotonic()
        query = dataclasses.replace(query, port=port)
        reply = dial.dial(query, began + DEADLINE, lambda login: (USER, PASSWORD), Secrets())
        return mechanism, how, time.monotonic() - began, reply


def test_each_way_to_misbehave_at_the_login() -> None:
    cases = [(mechanism, how) for mechanism in MECHANISMS for how in BAD]
    with ThreadPoolExecutor(12) as pool:
        done = list(pool.map(signed_in, cases))
    wrong = []
    for mechanism, how, seconds, reply in done:
        ended = (
            bool(reply.error or reply.problem or reply.auth)
            and reply.stage in ("auth", "quit")
            and "235" not in reply.auth[:3]
        )
        known = bool(reply.error or reply.problem) or reply.auth[:3] in ("999", "000", "100", "777", "334")
        if (
            not (ended and known and seconds < DEADLINE + 1)
            or plain(reply.auth) != reply.auth
            or PASSWORD in repr(reply)
        ):
            wrong.append((mechanism, how, round(seconds, 1), reply.stage, reply.error, reply.auth[:60]))
    print(f"servers at the login: {len(done)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))


def test_a_server_that_closes_behind_the_login_is_named() -> None:
    def serve(conn: socket.socket) -> None:
        for said in (GOOD["banner"], b"250-mx\r\n250 AUTH PLAIN\r\n", b"235 ok\r\n"):
            conn.sendall(said)
            conn.recv(4096)

    with serving(serve) as port:
        query = Dial(
            host="127.0.0.1", port=port, say="auth", helo="h.example", timeout=TIMEOUT, login=LOGIN, trust=True
        )
        reply = dial.dial(query, time.monotonic() + DEADLINE, lambda login: (USER, PASSWORD), Secrets())
    found = broken(reply)
    assert found is not None
    assert (reply.auth, found.stage, found.kind) == ("235 ok", "auth", "closes")

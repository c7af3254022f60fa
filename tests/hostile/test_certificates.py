"""Servers whose certificates are no good, and whose handshakes go wrong: never verified, never a login."""

from __future__ import annotations

import datetime
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from diagnose.host.live.dial import dial
from diagnose.host.query import Dial, DialReply
from diagnose.parse.text.masking import Secrets, plain
from tests.host.caller import LOGIN, NAME, PASSWORD, USER
from tests.host.server import Smtp, serving

CA = trustme.CA()
FOREIGN = trustme.CA()
THEN = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def issued(ca: trustme.CA, *names: str, **more: object) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **more).configure_cert(made)  # type: ignore[arg-type]
    return made


def deep(levels: int) -> ssl.SSLContext:
    ca = FOREIGN
    for _ in range(levels):
        ca = ca.create_child_ca()
    return issued(ca, NAME)


def sent(ca: trustme.CA, times: int) -> ssl.SSLContext:
    """The leaf, and the certificate above it so often."""
    leaf = ca.issue_cert(NAME)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes() + ca.cert_pem.bytes() * times)
        file.flush()
        made.load_cert_chain(file.name)
    return made


CERTIFICATES: dict[str, Callable[[], ssl.SSLContext]] = {
    "expired": lambda: issued(CA, NAME, not_before=THEN, not_after=THEN + DAY),
    "not yet valid": lambda: issued(
        CA, NAME, not_before=datetime.datetime.now(datetime.timezone.utc) + 9 * DAY,
        not_after=datetime.datetime.now(datetime.timezone.utc) + 99 * DAY,
    ),
    "foreign": lambda: issued(FOREIGN, NAME),
    "foreign and expired": lambda: issued(FOREIGN, NAME, not_before=THEN, not_after=THEN + DAY),
    "wrong name": lambda: issued(CA, "evil.example"),
    "the name as a suffix": lambda: issued(CA, f"{NAME}.evil.example"),
    "wildcard of another": lambda: issued(CA, "*.evil.example"),
    "wildcard of the top": lambda: issued(CA, "*.org"),
    "an address": lambda: issued(CA, "127.0.0.1"),
    "a person": lambda: issued(CA, "root@example.org"),
    "name only as common name": lambda: issued(CA, "evil.example", common_name=NAME),
    "control characters": lambda: issued(FOREIGN, NAME, common_name="x\x1b[31m\n\x07y", organization_name="a\nb\x00c"),
    "a thousand names": lambda: issued(FOREIGN, *(f"n{i}.evil.example" for i in range(1000))),
    "a chain of eight": lambda: deep(8),
    "fifty certificates": lambda: sent(FOREIGN, 50),
    "five hundred certificates": lambda: sent(FOREIGN, 500),
    "no intermediate": lambda: sent(CA.create_child_ca(), 0),
}  # fmt: skip
SHAKES: dict[str, bytes] = {
    "closing": b"",
    "alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "old version": b"\x16\x03\x00\x00\x02\x02\x00",
    "endless record": b"\x16\x03\x03\xff\xff" + b"x" * 70_000,
    "plain text": b"220 mx still plain\r\n",
    "noise": bytes(range(256)) * 16,
    "certificate of 16 MB": b"\x16\x03\x03\x40\x00\x0b\xff\xff\xff" + b"\0" * 16_000,
    "zeros": b"\0" * 5000,
}


def asked(port: int, ca_file: Path, tls: str) -> DialReply:
    query = Dial(
        host="127.0.0.1", port=port, tls=tls, say="auth", helo="h.example", timeout=1.0, ca_file=str(ca_file),
        verify_name=NAME, login=LOGIN,
    )  # fmt: skip
    return dial(query, time.monotonic() + 4, lambda _: (USER, PASSWORD), Secrets())


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(CA.cert_pem.bytes())
    return path


def test_no_bad_certificate_gets_the_password(ca_file: Path) -> None:
    wrong = []
    for how, made in CERTIFICATES.items():
        for tls in ("implicit", "starttls"):
            server = Smtp(tls=made(), implicit=tls == "implicit", over_tls=("AUTH PLAIN",))
            with serving(server) as port:
                began = time.monotonic()
                reply = asked(port, ca_file, tls)
            verified = reply.tls is not None and reply.tls.verified
            said = " ".join(
                (reply.error, *((reply.tls.subject, reply.tls.issuer, *reply.tls.names) if reply.tls else ()))
            )
            login = any(line.startswith("AUTH") for line in server.heard)
            if verified or login or time.monotonic() - began > 5 or plain(said) != said or len(said) > 50_000:
                wrong.append((how, tls, verified, login, said[:200]))
    print(f"certificates: {2 * len(CERTIFICATES)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))


def test_no_bad_handshake_gets_the_password(ca_file: Path) -> None:
    wrong = []
    for how, answer in SHAKES.items():
        heard: list[bytes] = []

        def serve(conn: socket.socket, answer: bytes = answer, heard: list[bytes] = heard) -> None:
            heard.append(conn.recv(4096))
            conn.sendall(answer)
            if answer:
                heard.append(conn.recv(4096))

        with serving(serve) as port:
            began = time.monotonic()
            reply = asked(port, ca_file, "implicit")
        if reply.stage != "tls" or not reply.error or time.monotonic() - began > 5 or b"AUTH" in b"".join(heard):
            wrong.append((how, reply.stage, reply.error))
    print(f"handshakes: {len(SHAKES)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))

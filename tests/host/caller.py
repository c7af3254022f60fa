"""Dialling the servers of these tests, with a planted password that no reply may contain."""

from __future__ import annotations

import base64
import ssl
import time

import trustme

from diagnose.host.live.dial import dial
from diagnose.host.query import Dial, DialReply, Login
from diagnose.parse.text.masking import Secrets

NAME = "mx.example.org"
USER, PASSWORD = "bot@example.org", "Tr0ub4dor&3-planted"
LOGIN = Login("map", "hash:/etc/postfix/sasl_passwd", ("mx.example.org",))


def ask(
    port: int,
    *,
    seconds: float = 8.0,
    password: str | None = PASSWORD,
    host: str = "127.0.0.1",
    secrets: Secrets | None = None,
    **fields: object,
) -> DialReply:
    query = Dial(host=host, port=port, **({"timeout": 1.0, "helo": "client.example.net"} | fields))  # type: ignore[arg-type]
    found = (USER, password) if password is not None else None
    reply = dial(query, time.monotonic() + seconds, lambda _: found, secrets or Secrets())
    if password:
        assert password not in repr(reply)
        assert base64.b64encode(password.encode()).decode() not in repr(reply)
        assert base64.b64encode(f"\0{USER}\0{password}".encode()).decode() not in repr(reply)
    return reply


def context(cert: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(made)
    return made

"""How the lab's internet differs from a well-behaved one, as data that can be sent to its process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from diagnose.record import frozen


@frozen
class Manner:
    """How an SMTP server behaves.

    connect: talk, silence (accepts, never speaks), reset, close (FIN before any banner).
    banner: the text after "220 ", or a whole reply when it starts with another code.
    replies: by stage EHLO STARTTLS AUTH MAIL RCPT DATA DOT (dot: after the message): the whole reply; a text of
        several lines becomes a multi-line reply; {ip} is the client's address. SILENCE, RESET and CLOSE act instead.
    recipients: replies to RCPT by address or @domain; before `replies`.
    tls: good, expired, ending (in six days), notyet, selfsigned, foreign (another name), unknown (CA), old (TLS 1.0), weak.
    starttls, auth, needs_auth, needs_tls: what is offered and asked for; None means what is usual on the port.
    connections: refuse with 421 from the n-th connection on; grey: seconds of greylisting for a new sender.
    stall: seconds to wait before each reply."""

    connect: str = "talk"
    banner: str = ""
    replies: Mapping[str, str] = field(default_factory=dict)
    recipients: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] | None = None
    tls: str = "good"
    starttls: bool | None = None
    auth: tuple[str, ...] | None = None
    needs_auth: bool | None = None
    needs_tls: bool | None = None
    connections: int = 0
    grey: float = 0.0
    stall: float = 0.0
    size: int = 35882577


@frozen
class Server:
    """A manner for the hosts whose name matches a shell pattern, on some ports (all when empty)."""

    host: str
    manner: Manner
    ports: tuple[int, ...] = ()


@frozen
class World:
    """servers: first match wins, else what is usual for the name and port.
    records: (name, type) to values, or to one of NXDOMAIN NODATA SERVFAIL REFUSED SILENT; type "*" for all types.
    roles: name to mx, submission or web where the name does not tell.
    resolver: how the ISP's resolver behaves: good, silent, servfail, refused, slow (3 s an answer).
    public_resolvers: the same for everyone else's nameserver.
    network: autonomous system number and holder of the customer's address.
    listed: DNS blocklist zones that list the customer's address.
    account: user and password that every relay knows.
    later: what becomes of it when the machine asks for it, as when a server is repaired."""

    servers: tuple[Server, ...] = ()
    records: Mapping[tuple[str, str], tuple[str, ...] | str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    resolver: str = "good"
    public_resolvers: str = "good"
    network: tuple[int, str] = (6724, "STRATO-AS, DE")
    listed: tuple[str, ...] = ()
    account: tuple[str, str] = ("lab-user", "Zk7-tiefsee-4Qv9")
    customer: str = "brightwater-labs.com"
    hostname: str = "app.brightwater-labs.com"
    later: World | None = None


def one_server(host: str, ports: tuple[int, ...] = (), **manner: Any) -> World:
    """A world in which only the hosts of one pattern differ from what is usual."""
    return World(servers=(Server(host=host, ports=ports, manner=Manner(**manner)),))

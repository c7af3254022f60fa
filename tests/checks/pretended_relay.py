"""A Postfix host that sends through a relay, for tests: its settings, its password map, and the relay's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diagnose.check import Dial, Glob, Lookup, MapCompare, MapLookup, Resolve, Stat
from diagnose.host.memo import FakeHost
from diagnose.host.query import (
    Attempt,
    CompareReply,
    DialReply,
    DnsReply,
    GlobReply,
    MapReply,
    ResolveReply,
    StatReply,
    TlsInfo,
)  # fmt: skip
from tests.checks.pretended_postfix import machine

HOST = "smtp.sendgrid.net"
HOP = f"[{HOST}]:587"
TABLE = "hash:/etc/postfix/sasl_passwd"
PATH = "/etc/postfix/sasl_passwd"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = {
    "relayhost": HOP,
    "smtp_sasl_auth_enable": "yes",
    "smtp_sasl_password_maps": TABLE,
    "smtp_sasl_security_options": "noanonymous",
    "smtp_sasl_tls_security_options": "$smtp_sasl_security_options",
    "smtp_sasl_tls_verified_security_options": "$smtp_sasl_tls_security_options",
    "smtp_sasl_type": "cyrus",
    "smtp_tls_security_level": "encrypt",
    "smtp_tls_CAfile": BUNDLE,
    "smtp_tls_protocols": ">=TLSv1",
    "smtp_tls_mandatory_protocols": ">=TLSv1",
    "smtp_host_lookup": "dns",
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SECRET_FILE = StatReply(exists=True, kind="file", mode=0o600, owner="root", group="root", size=60)
PUBLIC_FILE = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", size=200_000)
FOLDER = StatReply(exists=True, kind="dir", mode=0o755, owner="root", group="root")
GOOD_TLS = TlsInfo(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", verified=True, names=(HOST,))
EHLO = f"250-{HOST}\n250-PIPELINING\n250 STARTTLS"
PLUGINS = tuple(f"/usr/lib/x86_64-linux-gnu/sasl2/lib{name}.so" for name in ("plain", "login", "crammd5"))


def answered(**fields: Any) -> DialReply:
    """A dialogue that went well up to the end, changed by `fields`."""
    usual: dict[str, Any] = {
        "address": "192.0.2.7",
        "attempts": (Attempt(address="192.0.2.7"),),
        "stage": "quit",
        "banner": "220 SG ESMTP service ready",
        "ehlo": EHLO,
        "starttls": "220 Begin TLS negotiation now",
        "tls": GOOD_TLS,
        "mechanisms": ("PLAIN", "LOGIN"),
        "auth": "235 Authentication successful",
        "mechanism": "PLAIN",
    }
    return DialReply(**{**usual, **fields})


def relayed(
    settings: Mapping[str, str | None] | None = None,
    *,
    dial: Callable[[Dial], DialReply] | DialReply | None = None,
    source: str = f"{HOP} apikey:********\n",
    keys: Mapping[str, str] | None = None,
    compare: CompareReply | None = None,
    lookup: MapReply | None = None,
    stats: Mapping[str, StatReply] | None = None,
    names: Mapping[str, tuple[str, ...]] | None = None,
    plugins: tuple[str, ...] = PLUGINS,
    files: Mapping[str, str] | None = None,
    hosts: Mapping[str, str] | None = None,
    by_kind: Mapping[type, Any] | None = None,
) -> FakeHost:
    """keys: what the password map answers; lookup: its answer to everything; names: DNS records by "NAME TYPE"."""
    explicit = {name: value for name, value in {**SETTINGS, **(settings or {})}.items() if value is not None}
    table = {HOP: "apikey:********"} if keys is None else keys
    known = {f"{HOST} A": ("192.0.2.7",)} if names is None else names

    def look_up(query: MapLookup) -> MapReply:
        if lookup is not None:
            return lookup
        return MapReply(found=True, value=table[query.key]) if query.key in table else MapReply()

    def resolve(query: Lookup) -> DnsReply:
        found = known.get(f"{query.name} {query.rtype}")
        if found:
            return DnsReply(rcode="NOERROR", answers=found)
        exists = any(name.startswith(f"{query.name} ") for name in known)
        return DnsReply(rcode="NODATA" if exists else "NXDOMAIN")

    def say(query: Dial) -> DialReply:
        return answered() if dial is None else dial if isinstance(dial, DialReply) else dial(query)

    return machine(
        explicit,
        files={PATH: source, BUNDLE: PEM, **(files or {})},
        stats={
            PATH: SECRET_FILE, f"{PATH}.db": SECRET_FILE, BUNDLE: PUBLIC_FILE, "/etc/postfix": FOLDER, **(stats or {}),
        },
        by_kind={
            MapLookup: look_up,
            MapCompare: lambda q: compare or CompareReply(keys=tuple(table)),
            Lookup: resolve,
            Resolve: lambda q: ResolveReply(addresses=((hosts or {})[q.name],)) if q.name in (hosts or {}) else ResolveReply(),
            Glob: lambda q: GlobReply(paths=plugins if q.pattern.startswith("/usr/lib/*/sasl2") else ()),
            Dial: say,
            **(by_kind or {}),
        },
    )  # fmt: skip


__all__ = [
    "BUNDLE",
    "FOLDER",
    "HOP",
    "HOST",
    "PATH",
    "PUBLIC_FILE",
    "SECRET_FILE",
    "TABLE",
    "Stat",
    "answered",
    "relayed",
]

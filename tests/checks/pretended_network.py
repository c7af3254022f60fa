"""A network for tests of checks: names resolve, ports connect, unless told otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from diagnose.check import Dial, Exec, Lookup, Trace
from diagnose.host.query import Attempt, DialReply, DnsReply, ExecReply, Hop, TraceReply
from tests.checks.pretended_postfix import machine

# A stop: (error, icmp, offender, and what root saw on the wire) of a connect that fails.
DROP = ("ETIMEDOUT", "", "")
RESET = ("ECONNREFUSED", "", "")
NO_ROUTE = ("ENETUNREACH", "", "")
PROHIBITED = ("EHOSTUNREACH", "3/13", "203.0.113.9")
PROHIBITED_HERE = ("EHOSTUNREACH", "3/13", "192.168.1.10")
FORBIDDEN = ("EACCES", "", "")
KEPT = ("ETIMEDOUT", "", "", "kept")
ANSWERED = ("ETIMEDOUT", "", "", "answered")
ALTERED = ("ETIMEDOUT", "", "", "altered")
SENT = ("ETIMEDOUT", "", "", "sent")
Stop = tuple[str, ...]
OWN = "192.168.1.10"
ROUTES = '[{"dst":"default","gateway":"192.168.1.1","dev":"eth0"},{"dst":"192.168.1.0/24","dev":"eth0","scope":"link"}]'


def address_of(name: str, family: int = 4) -> str:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")
    return f"45.76.{number >> 8}.{number & 255}" if family == 4 else f"2a0d:f302::{number:x}"


class World:
    """stop(address, port): what a connect meets, None for success; unless by_device, where it is told by which interface to leave. banner/ehlo: what a server says, by its name."""

    def __init__(
        self,
        stop: Callable[[str, int], Stop | None] = lambda address, port: None,
        *,
        resolver: str = "",
        ipv6: bool = True,
        by_device: bool = False,
        banner: Callable[[str], str] = lambda name: f"220 {name} ESMTP",
        ehlo: Callable[[str], str] = lambda name: f"250-{name} at your service, [85.214.88.17]\n250-STARTTLS\n250 SIZE",
        records: Mapping[tuple[str, str], DnsReply] | None = None,
        traces: Mapping[int, tuple[Hop, ...]] | None = None,
        discarded: int | None = None,
    ) -> None:
        self.stop, self.resolver, self.ipv6, self.by_device = stop, resolver, ipv6, by_device
        self.banner, self.ehlo = banner, ehlo
        self.records = dict(records or {})
        self.traces = dict(traces or {})
        self.discarded = discarded
        self.dialled: list[tuple[str, int]] = []

    def lookup(self, query: Lookup) -> DnsReply:
        if not query.server and self.resolver:
            return DnsReply(problem=self.resolver)
        known = self.records.get((query.name, query.rtype))
        if known is not None:
            return known
        if query.rtype == "A":
            return DnsReply(rcode="NOERROR", answers=(address_of(query.name),))
        if query.rtype == "AAAA" and self.ipv6 and "google" in query.name:
            return DnsReply(rcode="NOERROR", answers=(address_of(query.name, 6),))
        return DnsReply(rcode="NODATA")

    def dial(self, query: Dial) -> DialReply:
        self.dialled.append((query.verify_name or query.host, query.port))
        stop = NO_ROUTE if ":" in query.host and not self.ipv6 else self.stop(query.host, query.port)
        if stop and not (query.device and self.by_device):
            error, icmp, offender, *wire = stop
            attempt = Attempt(
                address=query.host,
                error=error,
                icmp=icmp,
                offender=offender,
                local=OWN,
                seconds=0.01,
                wire="".join(wire),
            )
            return DialReply(attempts=(attempt,), stage="connect", error=error)
        name = query.verify_name or query.host
        talks = query.say != "connect"
        return DialReply(
            attempts=(Attempt(address=query.host, local=OWN),),
            address=query.host,
            stage="quit" if talks else "connect",
            banner=self.banner(name) if talks else "",
            ehlo=self.ehlo(name) if talks else "",
        )

    def trace(self, query: Trace) -> TraceReply:
        return TraceReply(address=query.address, hops=self.traces.get(query.port, ()), discarded=self.discarded)


def ip(query: Exec) -> ExecReply:
    """ip(8) and an empty nft rule set."""
    if query.argv[:2] == ("nft", "list"):
        return ExecReply(code=0)
    if query.argv[0] == "ip" and query.argv[-1] == "route":
        return ExecReply(code=0, out=ROUTES if "-4" in query.argv else "[]")
    if query.argv[0] == "ip":
        return ExecReply(code=0, out="[]")
    return ExecReply(problem=f"not found: {query.argv[0]}")


def network(world: World, settings: Mapping[str, str] | None = None, **more: Any) -> Any:
    """A Postfix machine in that world; `commands` answers other programs than postconf."""
    commands = more.pop("commands", ip)
    kinds = {Lookup: world.lookup, Dial: world.dial, Trace: world.trace, Exec: commands}
    return machine(settings, by_kind=kinds, **more)

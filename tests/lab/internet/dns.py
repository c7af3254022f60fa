"""The lab's DNS: one process that is every nameserver at once, over UDP and TCP, IPv4 and IPv6.

Zone data comes from rules (names.py) and from the fault's own records; nothing has to be registered first."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import struct
import threading
import time

from dnslib import AAAA, CNAME, MX, NS, PTR, QTYPE, RCODE, RR, SOA, TXT, A, DNSRecord

from tests.lab.network import HOST_IPV6, PUBLIC_IPV4, RESOLVER_IPV4

from . import names
from .world import World

_SPECIAL = ("NXDOMAIN", "NODATA", "SERVFAIL", "REFUSED", "SILENT")
_BLOCKLISTS = (
    "zen.spamhaus.org",
    "sbl.spamhaus.org",
    "xbl.spamhaus.org",
    "pbl.spamhaus.org",
    "dbl.spamhaus.org",
    "bl.spamcop.net",
    "b.barracudacentral.org",
    "psbl.surriel.com",
    "dnsbl.sorbs.net",
    "ix.dnsbl.manitu.net",
    "dnsbl-1.uceprotect.net",
    "bl.mailspike.net",
    "bl.blocklist.de",
    "all.s5h.net",
    "hostkarma.junkemailfilter.com",
)
_PKTINFO6 = struct.Struct("=16sI")


class Names:
    """Answers questions, and remembers which name an address was given out for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_address: dict[str, str] = {}
        own = {world.hostname: (PUBLIC_IPV4, HOST_IPV6), world.customer: (PUBLIC_IPV4, HOST_IPV6)}
        self.own = own
        for name in (*names.EXCHANGER_HOSTS, *names.FIXED):
            self.address(name, 4), self.address(name, 6)

    def address(self, name: str, family: int) -> str:
        if name in self.own:
            return self.own[name][family == 6]
        address = names.address_of(name, family, dict(self.world.roles))
        if address:
            self.by_address.setdefault(address, name)
        return address

    def exists(self, name: str) -> bool:
        labels = name.split(".")
        if name.endswith("." + self.world.customer):
            return name in self.own or labels[0] in ("www", "_dmarc")
        return len(labels) > 1 and labels[-1] in names.TOP_LEVELS and all(0 < len(label) < 64 for label in labels)

    def lookup(self, name: str, kind: str, client: str, server: str) -> tuple[str, ...] | str:
        """The values, as zone-file text, or one of NXDOMAIN NODATA SERVFAIL REFUSED SILENT."""
        records = self.world.records
        for key in ((name, kind), (name, "*")):
            if key in records:
                return self.remember(name, kind, records[key])
        if kind in ("A", "AAAA", "MX", "CNAME") and any((name, t) in records for t in ("A", "AAAA", "CNAME")):
            return records.get((name, "CNAME"), "NODATA") if kind in ("A", "AAAA") else "NODATA"
        for suffix, t in records:
            if suffix.startswith("*.") and name.endswith(suffix[1:]) and t in (kind, "*"):
                return self.remember(name, kind, records[suffix, t])
        special = self.special(name, kind, client, server)
        if special is not None:
            return special
        if not self.exists(name):
            return "NXDOMAIN"
        return self.usual(name, kind)

    def remember(self, name: str, kind: str, values: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if kind in ("A", "AAAA") and not isinstance(values, str):
            for value in values:
                self.by_address[value] = name
        return values

    def special(self, name: str, kind: str, client: str, server: str) -> tuple[str, ...] | str | None:
        """Names whose answer depends on who asks: mirrors, origin ASN, blocklists, reverse."""
        if name in ("o-o.myaddr.l.google.com", "o-o.myaddr.google.com"):
            return (client,) if kind == "TXT" else "NODATA"
        if name in ("whoami.cloudflare", "whoami.cloudflare.com"):
            return (client,) if kind == "TXT" else "NODATA"
        if name in ("myip.opendns.com", "whoami.akamai.net", "whoami.ds.akahelp.net"):
            family = "AAAA" if ":" in client else "A"
            return (client,) if kind == family else "NODATA"
        if name.endswith((".origin.asn.cymru.com", ".origin6.asn.cymru.com")):
            number, _ = self.owner(name)
            prefix = "85.214.0.0/16" if ".origin.asn" in name else "2a02:8108::/32"
            return (f"{number} | {prefix} | DE | ripencc | 2005-02-08",) if kind == "TXT" else "NODATA"
        if found := re.fullmatch(r"as(\d+)\.asn\.cymru\.com", name):
            holder = self.world.network[1] if int(found[1]) == self.world.network[0] else "OTHER-AS, US"
            return (f"{found[1]} | DE | ripencc | 2000-03-06 | {holder}",) if kind == "TXT" else "NODATA"
        for zone in _BLOCKLISTS:
            if name.endswith("." + zone):
                return self.blocklist(name[: -len(zone) - 1], zone, kind, server)
        if name.endswith((".in-addr.arpa", ".ip6.arpa")):
            return self.reverse(name) if kind == "PTR" else "NODATA"
        return None

    def owner(self, name: str) -> tuple[int, str]:
        return self.world.network if name.startswith(("17.88.214.85", "0.1.0.0")) else (65000 - len(name), "OTHER-AS")

    def blocklist(self, what: str, zone: str, kind: str, server: str) -> tuple[str, ...] | str:
        if kind != "A":
            return "NXDOMAIN"
        if "spamhaus" in zone and server != RESOLVER_IPV4:
            return ("127.255.255.254",)
        test = what in ("2.0.0.127", "test", "dbltest.com")
        mine = what == ".".join(reversed(PUBLIC_IPV4.split("."))) and zone in self.world.listed
        return ("127.0.0.2" if "spamhaus" not in zone or test else "127.0.0.3",) if test or mine else "NXDOMAIN"

    def reverse(self, name: str) -> tuple[str, ...] | str:
        if name.endswith(".in-addr.arpa"):
            address = ".".join(reversed(name[: -len(".in-addr.arpa")].split(".")))
        else:
            nibbles = "".join(reversed(name[: -len(".ip6.arpa")].split(".")))
            if len(nibbles) != 32:
                return "NXDOMAIN"
            address = str(ipaddress.IPv6Address(bytes.fromhex(nibbles)))
        if address in (PUBLIC_IPV4, HOST_IPV6):
            return (self.world.hostname,)
        if address in self.by_address:
            return (self.by_address[address],)
        if address == "85.214.88.1":
            return ("bras1.access.example-isp.net",)
        return "NXDOMAIN"

    def usual(self, name: str, kind: str) -> tuple[str, ...] | str:
        domain = name.count(".") == 1
        if kind in ("A", "AAAA"):
            return (found,) if (found := self.address(name, 4 if kind == "A" else 6)) else "NODATA"
        if kind == "MX":
            if name in names.EXCHANGERS:
                return tuple(f"{preference} {host}" for preference, host in names.EXCHANGERS[name])
            if name == self.world.customer:
                return ("10 mx1.hosted-mail.net", "20 mx2.hosted-mail.net")
            return (f"10 mx1.{name}", f"20 mx2.{name}") if domain else "NODATA"
        if kind == "TXT":
            return self.text(name, domain)
        if kind == "NS" and domain:
            return (f"ns1.{name}", f"ns2.{name}")
        if kind == "SOA" and domain:
            return (name,)
        return "NODATA"

    def text(self, name: str, domain: bool) -> tuple[str, ...] | str:
        if name.startswith("_dmarc."):
            return ("v=DMARC1; p=none; rua=mailto:dmarc@" + name[7:],) if name.count(".") == 2 else "NXDOMAIN"
        if "._domainkey." in name:
            return "NXDOMAIN"
        if name == self.world.customer:
            return (
                f"v=spf1 ip4:{PUBLIC_IPV4} ip6:{HOST_IPV6} mx include:spf.mandrillapp.com include:sendgrid.net "
                "include:amazonses.com include:_spf.google.com ~all",
            )
        if name.startswith(("spf.", "_spf.")):  # what senders include
            return (f"v=spf1 ip4:{names.address_of(name.partition('.')[2], 4, {})} ~all",)
        return (f"v=spf1 mx ip4:{self.address(name, 4)} ~all",) if domain else "NODATA"


def _records(name: str, kind: str, values: tuple[str, ...]) -> list[RR]:
    made = []
    for value in values:
        if kind == "MX":
            preference, _, host = value.partition(" ")
            data, kind_of = MX(host, int(preference)), kind
        elif kind == "TXT":
            data, kind_of = TXT([value[i : i + 255].encode() for i in range(0, len(value), 255)]), kind
        elif kind == "SOA":
            data, kind_of = SOA(f"ns1.{value}", f"hostmaster.{value}", (2026112201, 3600, 900, 604800, 300)), kind
        elif kind in ("A", "AAAA") and not re.fullmatch(r"[0-9a-f:.]+", value):
            data, kind_of = CNAME(value), "CNAME"
        else:
            data, kind_of = {"A": A, "AAAA": AAAA, "PTR": PTR, "NS": NS, "CNAME": CNAME}[kind](value), kind
        made.append(RR(name, getattr(QTYPE, kind_of), rdata=data, ttl=300))
    return made


class Nameserver:
    """Serves `names` on port 53 of every address of this namespace."""

    def __init__(self, world: World) -> None:
        self.names = Names(world)
        self.world = world

    def answer(self, packet: bytes, client: str, server: str) -> bytes | None:
        """The reply in wire form, or None for silence."""
        manner = self.world.resolver if server.startswith("62.155.240.") else self.world.public_resolvers
        try:
            request = DNSRecord.parse(packet)
        except Exception:
            return None
        if manner == "silent":
            return None
        if manner == "slow":
            time.sleep(1.5)
        reply = request.reply(ra=1, aa=0)
        name = str(request.q.qname).rstrip(".").lower()
        kind = QTYPE.get(request.q.qtype)
        values: tuple[str, ...] | str = manner.upper() if manner in ("servfail", "refused") else ""
        if not values:
            recursive = server if server.startswith("62.155.240.") else ""
            values = self.names.lookup(name, kind, recursive or client, server)
        if values == "SILENT":
            return None
        if isinstance(values, str):
            if values != "NODATA":
                reply.header.rcode = getattr(RCODE, values)
            if values in ("NXDOMAIN", "NODATA"):
                reply.add_auth(*_records(".".join(name.split(".")[-2:]) or ".", "SOA", ("ns.example.net",)))
        else:
            self._fill(reply, name, str(kind), values, client, server)
        return bytes(reply.pack())

    def _fill(self, reply: DNSRecord, name: str, kind: str, values: tuple[str, ...], client: str, server: str) -> None:
        for _ in range(4):
            records = _records(name, kind, values)
            reply.add_answer(*records)
            aliases = [str(record.rdata.label).rstrip(".") for record in records if record.rtype == QTYPE.CNAME]
            if kind == "CNAME" or not aliases:
                return
            name = aliases[0]
            found = self.names.lookup(name, kind, client, server)
            if isinstance(found, str):
                if found != "NODATA":
                    reply.header.rcode = getattr(RCODE, found if found != "SILENT" else "SERVFAIL")
                return
            values = found

    def serve(self) -> None:
        """Start listening; returns at once."""
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        udp.bind(("::", 53))
        tcp = socket.create_server(("::", 53), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
        threading.Thread(target=self._udp, args=(udp,), daemon=True).start()
        threading.Thread(target=self._tcp, args=(tcp,), daemon=True).start()

    def _udp(self, udp: socket.socket) -> None:
        while True:
            packet, control, _, peer = udp.recvmsg(4096, 128)
            threading.Thread(target=self._udp_one, args=(udp, packet, control, peer), daemon=True).start()

    def _udp_one(
        self, udp: socket.socket, packet: bytes, control: list[tuple[int, int, bytes]], peer: tuple[str, int]
    ) -> None:
        info = next(data for _, kind, data in control if kind == socket.IPV6_PKTINFO)
        local = socket.inet_ntop(socket.AF_INET6, _PKTINFO6.unpack(info[:20])[0])
        reply = self.answer(packet, plain(peer[0]), plain(local))
        if reply is not None:
            reply = _fitting(packet, reply)
            with contextlib.suppress(OSError):
                udp.sendmsg([reply], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info[:16] + b"\0\0\0\0")], 0, peer)

    def _tcp(self, tcp: socket.socket) -> None:
        while True:
            connection, peer = tcp.accept()
            threading.Thread(target=self._tcp_one, args=(connection, peer), daemon=True).start()

    def _tcp_one(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        with contextlib.suppress(OSError, struct.error), connection:
            connection.settimeout(10)
            local = plain(connection.getsockname()[0])
            for _ in range(50):
                (size,) = struct.unpack("!H", connection.recv(2))
                reply = self.answer(connection.recv(size), plain(peer[0]), local)
                if reply is None:
                    time.sleep(10)
                    return
                connection.sendall(struct.pack("!H", len(reply)) + reply)


def _fitting(packet: bytes, reply: bytes) -> bytes:
    """What fits UDP by the asker's own word (RFC 6891), or the header with the mark that there is more."""
    sizes = [record.rclass for record in DNSRecord.parse(packet).ar if record.rtype == QTYPE.OPT]
    return reply if len(reply) <= max(512, *sizes, 0) else bytes(DNSRecord.parse(reply).truncate().pack())


def plain(address: str) -> str:
    """An IPv4-mapped IPv6 address as IPv4; others unchanged, without a zone."""
    return (address.removeprefix("::ffff:") if "." in address else address).partition("%")[0]

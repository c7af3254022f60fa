"""Whether the next hop's name resolves: its spelling, and its records in DNS."""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.facts.asks import Asks, ask_all
from diagnose.facts.dials import UNSPECIFIED
from diagnose.facts.judged import Judged, bad
from diagnose.facts.names import exchangers
from diagnose.facts.route import Route
from diagnose.host.query import Lookup, Read, Resolve
from diagnose.model import Scalar, Status
from diagnose.parse.system.nameservice import addresses as known_hosts, hosts
from diagnose.record import frozen

# Another check reports characters left behind by copying; here they only explain an unknown name.
_PASTED = ("trailing-backslash", "not-ascii")
_HARMLESS = ("address-without-brackets", "comma-list")
_SPELLING = {
    "missing-bracket": "lacks one of its brackets",
    "port-in-brackets": "has the port inside the brackets",
    "garbage-after-bracket": "has something other than :port after the bracket",
    "blank-inside": "has a blank inside",
    "url": "is written as a URL",
    "quoted": "is in quotes",
    "trailing-backslash": "ends in a backslash",
    "transport-in-relayhost": "names a transport, which relayhost does not accept",
    "not-ascii": "contains non-ASCII characters",
    "bad-host": "is not a host name",
    "bad-port": "has an invalid port",
    "empty-host": "names no host",
    "ipv6-without-brackets": "is an IPv6 address without brackets",
    "inline-comment": "has a comment after it, which Postfix reads as part of it",
}


@frozen
class Named:
    """found: smtp(8) has a host to connect to; said: the verdict on `subject`, None if there is none."""

    found: bool
    subject: str = ""
    said: Judged | None = None


def named(ctx: Asks, way: Route) -> Named:
    found = _named(ctx, way)
    if found.said is None or found.said.status is not Status.FAILED or not way.hops[0].unfilled:
        return found
    text = f"{found.said.text}: it is what a template writes that has no value"
    return replace(found, said=replace(found.said, text=text))


def _named(ctx: Asks, way: Route) -> Named:
    hop = way.hops[0]
    if way.mailer:
        return Named(found=True) if hop.address else _by_program(ctx, hop.host)
    misspelt = _misspelt(ctx, way)
    if misspelt or hop.address:
        return misspelt or Named(found=True)
    native = "native" in way.words("smtp_host_lookup") or _without_dns(way)
    if hop.bracketed or native:
        return _by_address(ctx, way, native)
    return _by_exchangers(ctx, hop.host)


def _without_dns(way: Route) -> bool:
    return way.flag("disable_dns_lookups") or way.value("smtp_dns_support_level") == "disabled"


def past_hosts_file(ctx: Asks, way: Route, host: str) -> str:
    """The address to dial where the hosts file leads the name elsewhere than DNS, which smtp(8) asks first in whatever
    order smtp_host_lookup names both; else ""."""
    pinned = known_hosts(hosts(ctx.ask(Read("/etc/hosts")).text), host)
    if not pinned or way.mailer or _without_dns(way) or way.words("smtp_host_lookup") == ("native",):
        return ""
    rtype = "AAAA" if way.value("inet_protocols").lower() == "ipv6" else "A"
    found = ctx.ask(Lookup(host, rtype)).answers
    return next(iter(found), "") if not {*found} & {*pinned} else ""


def _misspelt(ctx: Asks, way: Route) -> Named | None:
    hop = way.hops[0]
    problems = [p for p in hop.problems if p not in _HARMLESS]
    if problems:
        kind = "pasted" if problems[0] in _PASTED else "spelling"
        text = f"{hop.raw!r} {_SPELLING.get(problems[0], problems[0])}"
        return _bad(hop.raw, kind, text, problem=problems[0])
    if hop.port and hop.port_number() is None:
        services, port = ctx.ask(Read("/etc/services")), re.escape(hop.port)
        known = rf"(?m)^(?:{port}\s+\d+/tcp|\S+\s+\d+/tcp\b.*\s{port}\b)"
        if not services.problem and not re.search(known, services.text):
            text = f"no service is called {hop.port!r}: write the port as a number"
            return _bad(hop.raw, "port-name", text, port_name=hop.port)
    return None


def _by_address(ctx: Asks, way: Route, native: bool) -> Named:
    name = way.hops[0].host
    resolved = ctx.ask(Resolve(name))
    if native:
        if resolved.addresses:
            return _good(name, "is found")
        kind = addresses(ctx, name)[0]
        if kind in ("nxdomain", "no-data"):
            return _bad(name, kind, "has no address, neither in this host's own files nor in DNS")
        return _unknown(name, f"does not resolve here: {resolved.problem or 'no address'}")
    kind, said = addresses(ctx, name)
    if kind == "ok":
        return _out_of_use(ctx, way, name) or _good(name, f"resolves to {said}")
    if kind == "unknown" and said == "SERVFAIL":
        return _servfail(name, bool(resolved.addresses))
    if kind == "unknown":
        text = f"DNS gives no answer ({said}), so the name could not be checked"
        return _unknown(name, text, bool(resolved.addresses))
    if resolved.addresses:
        text = "is in the hosts file only, but Postfix asks DNS (smtp_host_lookup = dns)"
        return _bad(name, "hosts-only", text)
    return _bad(name, kind, "does not exist in DNS" if kind == "nxdomain" else "exists in DNS without an address")


def _out_of_use(ctx: Asks, way: Route, name: str) -> Named | None:
    """The fault if smtp(8) cannot use the addresses: unspecified ones, as filtering resolvers answer, or all of a
    disabled family."""
    four, six = ask_all(ctx, [Lookup(name, "A"), Lookup(name, "AAAA")])
    if UNSPECIFIED.issuperset((*four.answers, *six.answers)):
        text = f"is answered with {(*four.answers, *six.answers)[0]}, which is no server's address: so do resolvers that filter names"
        return _bad(name, "sinkhole", text)
    family = way.value("inet_protocols").lower()
    wanted, other = {"ipv4": (four, "IPv6"), "ipv6": (six, "IPv4")}.get(family, (None, ""))
    if wanted and not wanted.answers and not wanted.problem and wanted.rcode in ("NOERROR", "NODATA"):
        return _bad(name, "family", f"has only an {other} address, and inet_protocols = {family} excludes it")
    return None


def _by_program(ctx: Asks, name: str) -> Named:
    """For a mailer that resolves names through the system, the hosts file included."""
    if ctx.ask(Resolve(name)).addresses:
        return _good(name, "is found")
    kind, said = addresses(ctx, name)
    if kind == "ok":
        return _good(name, f"resolves to {said}")
    if kind == "unknown" and said == "SERVFAIL":
        return _servfail(name, False)
    if kind == "unknown":
        return _unknown(name, f"DNS gives no answer ({said}), so the name could not be checked")
    return _bad(name, kind, "does not exist in DNS" if kind == "nxdomain" else "exists in DNS without an address")


def _by_exchangers(ctx: Asks, name: str) -> Named:
    """Without brackets Postfix looks up the name's MX hosts, which at a provider accept no submission."""
    there = exchangers(ctx, name)
    if there.kind == "unknown" and there.rcode == "SERVFAIL":
        return _servfail(name, False)
    if there.kind == "unknown":
        return _unknown(name, f"the DNS gives no answer ({there.problem}): nothing is known of the name")
    if there.kind == "address":
        return _good(name, "has no MX records: its own address is used")
    own = addresses(ctx, name)[0]
    if there.kind in ("none", "null"):
        text = "publishes a null MX: it accepts no mail" if there.kind == "null" else "does not exist in DNS"
        return _bad(name, "brackets" if own == "ok" else "nxdomain", text)
    listed = ", ".join(there.hosts[:3])
    if not any(addresses(ctx, host)[0] in ("ok", "unknown") for host in there.hosts[:3]):
        text = f"is written without brackets, so its MX hosts are used ({listed}), and none has an address"
        return _bad(name, "brackets" if own == "ok" else "no-data", text, exchanger=there.hosts[0])
    if name in there.hosts or own != "ok":
        return _good(name, f"its MX hosts are {listed}")
    return Named(found=True)


def addresses(ctx: Asks, name: str) -> tuple[str, str]:
    """(ok, nxdomain, no-data or unknown, the addresses or the problem)."""
    replies = ask_all(ctx, [Lookup(name, "A"), Lookup(name, "AAAA")])
    found = [answer for reply in replies for answer in reply.answers if reply.rcode == "NOERROR"]
    if found:
        return "ok", ", ".join(found[:3])
    for reply in replies:
        if reply.problem or not reply.tells:
            return "unknown", reply.problem or str(reply.rcode)
    return ("nxdomain", "") if any(r.rcode == "NXDOMAIN" for r in replies) else ("no-data", "")


def _good(name: str, text: str) -> Named:
    return Named(found=True, subject=name, said=Judged(status=Status.OK, text=text))


def _bad(name: str, kind: str, text: str, **data: Scalar) -> Named:
    return Named(found=False, subject=name, said=bad(kind, text, **data))


def _unknown(name: str, text: str, found: bool = False) -> Named:
    return Named(found=found, subject=name, said=Judged(status=Status.UNKNOWN, text=text))


def _servfail(name: str, found: bool) -> Named:
    # Only other names can show whether the resolver or this name is at fault.
    text = "the name servers answer SERVFAIL for it"
    return Named(found=found, subject=name, said=Judged(status=Status.WARNING, text=text, kind="servfail"))

"""Is the relay that this host's mail takes found by its name, and does it answer on its port?"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Iterator

from diagnose.check import Context, Lookup, Read, Resolve, ask_all, check, fail, ok, skip, unknown, warn
from diagnose.facts import Route, exchangers
from diagnose.facts.network import egress, private_view
from diagnose.facts.relay import DialReply, WayIn, begin, passed_over, relay_route, session, settings_problem, way_in
from diagnose.knowledge.recognise import identify
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.system import outcomes
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.system.own_network import is_private
from diagnose.parse.words.reason import classify

# Characters that copying leaves behind are told by the check of artefacts; here they only explain an unknown name.
_PASTED = ("trailing-backslash", "not-ascii")
_HARMLESS = ("address-without-brackets", "comma-list")
_SPELLING = {
    "missing-bracket": "lacks one of its brackets",
    "port-in-brackets": "has the port inside the brackets",
    "garbage-after-bracket": "has something else than :port behind the bracket",
    "blank-inside": "has a blank inside",
    "url": "is written as a URL",
    "quoted": "is in quotes",
    "trailing-backslash": "ends in a backslash",
    "transport-in-relayhost": "names a transport, which relayhost does not take",
    "not-ascii": "holds characters outside ASCII",
    "bad-host": "is no host name",
    "bad-port": "has a port that is none",
    "empty-host": "names no host",
    "ipv6-without-brackets": "is an IPv6 address without brackets",
    "inline-comment": "has a comment behind it, which Postfix reads as part of it",
}
_SAYS = {
    Outcome.TIMEOUT: "does not answer",
    Outcome.REFUSED: "refuses the connection",
    Outcome.PROHIBITED: "is administratively prohibited on the way",
    Outcome.UNREACHABLE: "is reported as unreachable",
    Outcome.NO_ROUTE: "has no route from here",
    Outcome.LOCAL: "is forbidden by this host itself",
    Outcome.UNKNOWN: "cannot be connected to",
}


@check(
    id="relay",
    title="The relay's name and port",
    signs=("relay.name", "relay.reachable", "relay.banner", "relay.catch-all"),
    tags=("relay", "network"),
    needs=("postfix", "network"),
    probes=True,
    timeout=9.5,
)
def relay(ctx: Context) -> Iterator[Observation]:
    if problem := settings_problem(ctx):
        yield unknown("relay.reachable", "relay", f"{problem}; it would tell which relay to try")
        return
    way = relay_route(ctx)
    if way is None:
        skip("mail goes straight to the recipients' own servers: there is no relay")
    for dead in passed_over(ctx, way):
        text = f"does not greet; mail goes on to {way.nexthop}"
        yield warn("relay.reachable", dead, text, host=dead, next_hop=dead, outcome="passed-over")
    spelt = yield from _spelling(ctx, way)
    if not spelt:
        return
    found = yield from _name(ctx, way)
    if not found:
        return
    into = way_in(ctx, way)
    yield from _catch_all(into)
    reply = session(ctx, way).reply
    yield from _reachable(ctx, way, into, reply)
    if reply.connected:
        yield from _banner(into, reply)


def _catch_all(into: WayIn) -> Iterator[Observation]:
    """Some hosts of mail-testing services take every message and deliver none."""
    known = identify(into.host)
    named = next((host for host in known.hosts if host.name == into.host.lower()), None) if known else None
    if known and named and not named.delivers and named.stated:
        text = f"is a test server of {known.name}: it keeps every message and delivers none"
        yield warn("relay.catch-all", into.place, text, host=into.host, port=into.port, provider=known.name)


def _spelling(ctx: Context, way: Route) -> Generator[Observation, None, bool]:
    hop = way.hops[0]
    problems = [p for p in hop.problems if p not in _HARMLESS]
    where: dict[str, Scalar] = {"next_hop": hop.raw, "host": hop.host, "port": way.port}
    if problems:
        said = f"{hop.raw!r} {_SPELLING.get(problems[0], problems[0])}"
        kind = "pasted" if problems[0] in _PASTED else "spelling"
        yield fail("relay.name", hop.raw, said, kind=kind, problem=problems[0], **where)
        return False
    if hop.port and hop.port_number() is None:
        services = ctx.ask(Read("/etc/services"))
        if not services.problem and not re.search(
            rf"(?m)^(?:{re.escape(hop.port)}\s+\d+/tcp|\S+\s+\d+/tcp\b.*\s{re.escape(hop.port)}\b)", services.text
        ):
            yield fail(
                "relay.name",
                hop.raw,
                f"no service is called {hop.port!r}: write the port as a number",
                kind="port-name",
                port_name=hop.port,
                **where,
            )
            return False
    return True


def _name(ctx: Context, way: Route) -> Generator[Observation, None, bool]:
    hop = way.hops[0]
    if hop.address:
        return True
    where: dict[str, Scalar] = {"host": hop.host, "next_hop": hop.raw, "port": way.port}
    native = "native" in items(way.value("smtp_host_lookup")) or way.flag("disable_dns_lookups")
    native = native or way.value("smtp_dns_support_level") == "disabled"
    if not hop.bracketed and not native:
        return (yield from _by_exchangers(ctx, way))
    resolved = ctx.ask(Resolve(hop.host))
    if native:
        if resolved.addresses:
            yield ok("relay.name", hop.host, "is found", **where)
            return True
        yield unknown("relay.name", hop.host, f"does not resolve here: {resolved.problem or 'no address'}")
        return False
    kind, said = _addresses(ctx, hop.host)
    if kind == "ok":
        yield ok("relay.name", hop.host, f"is found: {said}", **where)
        return True
    if kind == "unknown" and said == "SERVFAIL":
        # Other names tell whether it is the resolver's trouble or this name's.
        yield warn("relay.name", hop.host, "the name servers answer SERVFAIL for it", kind="servfail", **where)
        return bool(resolved.addresses)
    if kind == "unknown":
        yield unknown("relay.name", hop.host, f"the DNS gives no answer ({said}), so that nothing is known of the name")
        return bool(resolved.addresses)
    if resolved.addresses:
        text = "stands in the hosts file only, and Postfix asks the DNS (smtp_host_lookup = dns)"
        yield fail("relay.name", hop.host, text, kind="hosts-only", **where)
        return False
    text = "does not exist in the DNS" if kind == "nxdomain" else "exists in the DNS without an address"
    yield fail("relay.name", hop.host, text, kind=kind, **where)
    return False


def _addresses(ctx: Context, name: str) -> tuple[str, str]:
    """ok, nxdomain, no-data or unknown, and what was seen."""
    replies = ask_all(ctx, [Lookup(name, "A"), Lookup(name, "AAAA")])
    found = [answer for reply in replies for answer in reply.answers if reply.rcode == "NOERROR"]
    if found:
        return "ok", ", ".join(found[:3])
    for reply in replies:
        if reply.problem or reply.rcode not in ("NOERROR", "NODATA", "NXDOMAIN"):
            return "unknown", reply.problem or str(reply.rcode)
    return ("nxdomain", "") if any(r.rcode == "NXDOMAIN" for r in replies) else ("no-data", "")


def _by_exchangers(ctx: Context, way: Route) -> Generator[Observation, None, bool]:
    """Without brackets Postfix looks for the name's mail exchangers, which for a provider's name take no submissions."""
    host = way.host
    where: dict[str, Scalar] = {"host": host, "next_hop": way.nexthop, "port": way.port}
    found = exchangers(ctx, host)
    if found.kind == "unknown" and found.rcode == "SERVFAIL":
        yield warn("relay.name", host, "the name servers answer SERVFAIL for it", kind="servfail", **where)
        return False
    if found.kind == "unknown":
        yield unknown("relay.name", host, f"the DNS gives no answer ({found.problem}): nothing is known of the name")
        return False
    if found.kind == "address":
        yield ok("relay.name", host, "has no MX records: its own address is used", **where)
        return True
    own = _addresses(ctx, host)[0]
    if found.kind in ("none", "null"):
        kind = "brackets" if own == "ok" else "nxdomain"
        text = "takes no mail by its MX record (null MX)" if found.kind == "null" else "does not exist in the DNS"
        yield fail("relay.name", host, text, kind=kind, **where)
        return False
    alive = any(_addresses(ctx, name)[0] in ("ok", "unknown") for name in found.hosts[:3])
    if not alive:
        text = f"stands without brackets, so that its exchangers are asked ({', '.join(found.hosts[:3])}), and none has an address"
        yield fail(
            "relay.name", host, text, kind="brackets" if own == "ok" else "no-data", exchanger=found.hosts[0], **where
        )
        return False
    if host in found.hosts or own != "ok":
        yield ok("relay.name", host, f"its exchangers are found: {', '.join(found.hosts[:3])}", **where)
    return True


def _reachable(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Iterator[Observation]:
    where: dict[str, Scalar] = {
        "host": into.host,
        "port": into.port,
        "next_hop": way.nexthop,
        "provider": into.provider,
    }
    if reply.problem:
        yield unknown(
            "relay.reachable",
            into.place,
            f"{reply.problem}; a connection would tell whether the relay answers",
            **where,
        )
        return
    kind, text = _mute(reply)
    if kind:
        yield fail("relay.reachable", into.place, text, outcome=kind, address=reply.address, **where)
        return
    if reply.connected:
        yield ok("relay.reachable", into.place, f"answers ({reply.address})", address=reply.address, **where)
        yield from _unbracketed(ctx, way, into, works=True)
        return
    if reply.stage == "resolve":
        yield unknown(
            "relay.reachable", into.place, f"its name did not resolve for a program here: {reply.error}", **where
        )
        return
    seen = [
        outcomes.outcome(error=a.error, icmp=a.icmp, offender=a.offender, seconds=a.seconds, local=a.local, wire=a.wire)
        for a in sorted(reply.attempts, key=lambda a: ":" in a.address)
    ]
    first = seen[0] if seen else Outcome.UNKNOWN
    address = reply.attempts[0].address if reply.attempts else ""
    tried = ", ".join(f"{a.address}: {a.error}" for a in reply.attempts[:4])
    text = f"{_SAYS.get(first, _SAYS[Outcome.UNKNOWN])} ({tried})"
    others = _others(ctx, way.port, reply, first)
    yield fail("relay.reachable", into.place, text, outcome=first.value, address=address, others=others, **where)
    yield from _unbracketed(ctx, way, into, works=False)


def _others(ctx: Context, port: int, reply: DialReply, outcome: Outcome) -> str:
    """own: this very network says that the relay is away; open: other operators answer on its port; else ""."""
    if (
        outcome is not Outcome.TIMEOUT
        and reply.attempts
        and all(is_private(a.address) for a in reply.attempts)
        and not private_view(ctx)
    ):
        return "own"
    return "open" if egress(ctx).pattern(port).opened else ""


def _unbracketed(ctx: Context, way: Route, into: WayIn, works: bool) -> Iterator[Observation]:
    """MX records led elsewhere than the name itself: if that place is dead and the name's own answers, brackets lack."""
    if way.bracketed or into.host == way.host:
        return
    where: dict[str, Scalar] = {"host": way.host, "next_hop": way.nexthop, "exchanger": into.host, "port": way.port}
    if works:
        yield ok("relay.name", way.host, f"leads by its MX record to {into.host}", **where)
        return
    own = ctx.ask(begin(ctx, dataclasses.replace(into, host=way.host), way, into.mode.dial))
    if own.connected:
        text = f"stands without brackets, so that mail goes to {into.host}, which does not answer on port {way.port}; {way.host} itself does"
        yield fail("relay.name", way.host, text, kind="brackets", **where)


def _banner(into: WayIn, reply: DialReply) -> Iterator[Observation]:
    where: dict[str, Scalar] = {"host": into.host, "port": into.port, "provider": into.provider}
    if not reply.banner:
        return  # the check of the relay's TLS says why there was no greeting
    code = reply.banner.rpartition("\n")[2][:3]
    if code.startswith("2"):
        yield ok("relay.banner", into.place, f"greets: {reply.banner.splitlines()[0]}", **where)
        return
    reason = classify(reply.banner, peer=into.host, port=into.port, stage="greeting")
    label = reason.label if reason else "greeting-refused"
    where |= {"kind": "refused", "label": label, "code": int(code) if code.isdigit() else 0, "text": reply.banner}
    say = fail if code.startswith("5") else warn
    yield say("relay.banner", into.place, f"greets with a refusal: {reply.banner}", **where)


_MUTE = {
    "connection closed": ("closed", "closes the connection before its greeting"),
    "ECONNRESET": ("closed", "resets the connection before its greeting"),
    "not an SMTP reply": ("not-smtp", "does not greet as a mail server does"),
    "timed out": ("silent", "connects, but sends no greeting"),
}


def _mute(reply: DialReply) -> tuple[str, str]:
    """Why a server that connects is none: closed, silent or not-smtp, and the words; "" for one that greets."""
    if reply.stage != "banner" or not reply.error:
        return "", ""
    return _MUTE.get(reply.error, ("", ""))

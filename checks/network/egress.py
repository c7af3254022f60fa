"""Do connections to the mail's port leave this host's network?

Each port is tried at several unrelated operators, beside controls that are not mail: one failure proves nothing.
"""

from collections.abc import Iterator, Sequence

from diagnose import facts
from diagnose.check import (
    ANY,
    Context,
    Exec,
    Now,
    Observations,
    Read,
    SignSpec,
    ask_all,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import application
from diagnose.facts.contained import contained
from diagnose.facts.dials import Tried, dial_address, family_of, near_end, source, tried
from diagnose.facts.network import FIND, PORTS, Egress, MailPort, addresses, answering, egress, mail_port, service
from diagnose.facts.packets import apart
from diagnose.knowledge.labels import Relay, relays
from diagnose.knowledge.recognise import identify
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Observation, Scalar, Stage, Strength
from diagnose.parse.system import iproute
from diagnose.parse.system.nameservice import resolv_conf
from diagnose.parse.system.outcomes import FAILURES, WORDS, Outcome, Pattern
from diagnose.parse.system.own_network import is_private

PROVIDERS = 3  # relays to try, in the order in which they would be advised
ALTERNATES = (587, 465, 2525, 2587, 2465)


_KINDS = ("private", "open", "mixed", "one-server", "silent", "throttled", "blocked", "local", "source")


@check(
    id="egress",
    title="Open outgoing ports",
    signs=(
        SignSpec("egress.mail-port", {"port": ANY, "kind": _KINDS, "service": ANY}, proves=Stage.NEXT_HOP),
        "egress.internet",
        "host.interface",
        SignSpec("egress.container", gauge="view"),
        SignSpec("egress.endpoint", gauge="endpoint"),
        *(SignSpec(f"egress.port-{port}", gauge="port") for port in PORTS),
    ),
    informational=("egress.container", "egress.endpoint", *(f"egress.port-{port}" for port in PORTS)),
    tags=("network", "relay-choice"),
    needs=("network",),
    probes=True,
    decisive=True,
    timeout=10.0,
)
def check_egress(ctx: Context) -> Observations:
    seen = egress(ctx)
    way = mail_port(ctx)
    yield _internet(ctx, way, seen)
    seen_port = _mail_port(ctx, way, seen)
    yield seen_port
    if seen_port.data.get("kind") == "source":
        address = seen_port.data["address"]
        parameter = source(ctx, seen.main_family)[0]
        text = f"{parameter} = {address}: connections from this address get no answer; from this host's usual address they do"
        yield fail(
            "host.interface", parameter, text, parameter=parameter, value=address, address=address, kind="source"
        )
    nothing = not facts.mta(ctx).installed and facts.mailer(ctx) is None
    if nothing and seen.connected() and contained(ctx):
        yield _of_container(ctx, seen)
    for port in PORTS:
        yield _port(port, way, seen)
    done = {(t.host, t.port): t for t in seen.ports if t.port != 25 and t.family == seen.main_family}
    for attempt in done.values():
        yield from _endpoint(attempt)
    if seen.connected() and way.known and seen.pattern(way.port).kind != "open":
        for attempt in _more_endpoints(ctx, way, seen, set(done)):
            yield from _endpoint(attempt)


def _internet(ctx: Context, way: MailPort, seen: Egress) -> Observation:
    total = seen.control(4), seen.control(6)
    if (lost := _lost_ipv4(ctx, way, seen)) is not None:
        return lost
    if seen.connected():
        reached = next(t for t in (*seen.controls, *seen.ports) if t.open)
        return ok("egress.internet", "internet", f"{reached.host} port {reached.port} connects", host=reached.host)
    failed = [t for t in seen.controls if t.outcome not in (Outcome.UNKNOWN, Outcome.OPEN)]
    if not failed or sum(p.failed for p in total) < 2:
        why = seen.problem or "no control connection could be tried"
        return unknown("egress.internet", "internet", f"could not check whether anything is reachable: {why}")
    if (there := answering(ctx, way, seen.main_family)) is not None:
        text = f"the web and public name servers are out of reach, but {there.host} answers on port {there.port}"
        return unknown("egress.internet", "internet", text, host=there.host)
    first = failed[0]
    said = ", ".join(sorted({t.words for t in failed}))
    say = warn if way.private else fail  # a relay in the own network needs no internet
    # Names resolve, or Postfix's user is routed otherwise: a rule may exempt that user, which only root can test.
    stranger = not ctx.ask(Now()).root and (seen.ports or apart(ctx, way.port))
    at_most = Strength.SPEAKS if stranger else None
    return say(
        "egress.internet",
        "internet",
        f"none of {len(failed)} connections to web and name servers succeeds, on any port ({said}){_lacking(ctx, min(seen.families))}",
        kind=first.outcome.value,
        host=first.host,
        port=first.port,
        at_most=at_most,
    )


def _lost_ipv4(ctx: Context, way: MailPort, seen: Egress) -> Observation | None:
    """A failure if nothing connects over IPv4 although IPv6 works, and all name servers or all the mail's servers have
    IPv4 only; else None. A host with IPv6 alone needs no other. Lost IPv6 has a check of its own."""
    failed = [t for t in seen.controls if t.family == 4 and t.outcome in FAILURES]
    if len(failed) < 2 or seen.connected(4) or not seen.connected(6) or answering(ctx, way, 4) is not None:
        return None
    servers = resolv_conf(ctx.ask(Read("/etc/resolv.conf")).text).used
    needed = "the name servers" if _ipv4_only(servers) else way.host if _ipv4_only(_addresses(ctx, way)) else ""
    if not needed:
        return None
    said = ", ".join(sorted({t.words for t in failed}))
    text = f"none of {len(failed)} connections over IPv4 succeeds, on any port ({said}), while IPv6 works; {needed} can be reached over IPv4 only{_lacking(ctx, 4)}"
    return fail("egress.internet", "IPv4", text, kind=failed[0].outcome.value, host=failed[0].host)


def _lacking(ctx: Context, family: int) -> str:
    """Words for a default route that this host lacks in the family, with the links that are down; "" if it has one."""
    route, listing = ask_all(ctx, [Exec(("ip", "-j", f"-{family}", "route")), Exec(("ip", "-j", "addr"))])
    table = iproute.routes(route.out, family)
    if route.code != 0 or route.problem or any(one.destination in ("0.0.0.0/0", "::/0") for one in table):
        return ""
    down = ", ".join(link.device for link in iproute.links(listing.out) if link.state == "DOWN")
    return f"; this host has no IPv{family} default route" + (f", and {down} is down" if down else "")


def _ipv4_only(known: Sequence[str]) -> bool:
    """Whether there are addresses, all of IPv4, and none in a network of this host's own."""
    return bool(known) and all(family_of(a) == 4 and not is_private(a) for a in known)


def _addresses(ctx: Context, way: MailPort) -> list[str]:
    """The addresses of the mail's servers, in both families."""
    names = way.hosts if way.known else ()
    return [a for rtype in ("A", "AAAA") for found in addresses(ctx, names, rtype).values() for a in found]


def _mail_port(ctx: Context, way: MailPort, seen: Egress) -> Observation:
    if not way.known:
        return unknown("egress.mail-port", "mail's port", way.problem, port=way.port, proof=False)
    subject = f"TCP {way.port}"
    data: dict[str, Scalar] = {"port": way.port, "relay": way.relay, "host": way.host, "service": service(way)}
    data["proof"] = False  # other operators' servers: only success proves something, and only for direct mail
    if way.private:
        text = f"mail goes to {way.host} on a private address: no provider's port policy applies"
        return ok("egress.mail-port", subject, text, kind="private", **data)
    family = seen.main_family
    found = seen.pattern(way.port, family)
    rows = seen.on(way.port, family)
    listed = "; ".join(f"{t.host} {t.words}" for t in rows if t.outcome is not Outcome.UNKNOWN)
    data |= {"outcome": found.failed_by.value, "family": family, "tried": len(rows)}
    here = [t for t in rows if t.here]
    if found.blocked and seen.connected():
        # LOCAL: a rule of this host stops packets from the bound address.
        if found.failed_by is not Outcome.LOCAL and (others := _from_usual_address(ctx, rows)):
            text = f"port {way.port} {WORDS[found.failed_by]} at {found.failed} unrelated operators"
            address = source(ctx, family)[1]
            text += f" from {address}, which Postfix is told to use; from this host's usual address {others} connects"
            return fail("egress.mail-port", subject, text, kind="source", address=address, **data)
        text = (
            f"port {way.port} {WORDS[found.failed_by]} at {found.failed} unrelated operators ({listed}), while "
            f"{_control(seen, way.port)}"
        )
        return fail("egress.mail-port", subject, text, kind=_kind(found, rows), fix=FIND, **data)
    if found.kind in ("open", "mixed"):
        mute = [
            t for t in rows if t.open and way.port not in IMPLICIT_TLS_PORTS and not t.reply.banner and t.reply.error
        ]
        if len(mute) == len([t for t in rows if t.open]) > 1:
            text = f"TCP {way.port} connects at {len(mute)} unrelated operators, but none sends a greeting"
            return fail("egress.mail-port", subject, text, kind="silent", **data)
        if found.failed_by is Outcome.TIMEOUT and found.failed > found.opened and _waits(ctx, way.port):
            text = f"some connections to port {way.port} pass, most time out, as Postfix's do ({listed})"
            return fail("egress.mail-port", subject, f"{text}: it is throttled", kind="throttled", **data)
        if found.kind == "mixed" and here:
            say = fail if _waits(ctx, way.port) else warn
            text = f"some connections to port {way.port} pass, {len(here)} of {len(rows)} are stopped on this host"
            return say("egress.mail-port", subject, f"{text}: {listed}", kind="local", fix=FIND, **data)
        if found.kind == "mixed":
            return warn("egress.mail-port", subject, f"only some connect: {listed}", kind="mixed", **data)
        data["proof"] = not way.relay
        return ok("egress.mail-port", subject, f"connects: {listed}", kind="open", **data)
    if one := _one_server(seen, way.port, family):
        return fail("egress.mail-port", subject, one, kind="one-server", **data)
    if not rows:
        why = "no reference host is known for this port" if not seen.unresolved else "no reference host's name resolves"
    else:
        why = "too few of the reference hosts answered or failed clearly" + (
            f" ({seen.problem})" if seen.problem else ""
        )
    if found.blocked:
        why = "nothing at all is reachable, so the port itself cannot be judged"
    return unknown(
        "egress.mail-port", subject, f"could not check whether TCP {way.port} leaves the network: {why}", **data
    )


def _from_usual_address(ctx: Context, rows: Sequence[Tried]) -> str:
    """The first failed host that connects from this host's usual address; "" if none does, or Postfix has no source
    address set."""
    failed = [t for t in rows if t.outcome in FAILURES]
    if not failed or not source(ctx, failed[0].family)[1]:
        return ""
    queries = [dial_address(t.address, t.port, t.host, user=near_end(ctx)["user"]) for t in failed]
    replies = zip(failed, ask_all(ctx, queries), strict=True)
    return next((t.host for t, reply in replies if reply.connected), "")


def _of_container(ctx: Context, seen: Egress) -> Observation:
    """Observes, in a container without Postfix, which of the usual mail ports its network lets out."""
    usual = (25, 465, 587)
    closed = [port for port in usual if seen.pattern(port, seen.main_family).blocked]
    opened = [port for port in PORTS if seen.pattern(port, seen.main_family).opened]
    names = ", ".join(map(str, opened)) or "none"
    name_it = "" if application.found(ctx).any else ". Name its application's settings: --app-config FILE"
    if not closed:
        return ok("egress.container", "this container", f"has no Postfix; its network lets out: {names}{name_it}")
    text = f"has no Postfix; its network does not let out: {', '.join(map(str, closed))} (open: {names}){name_it}"
    return warn("egress.container", "this container", text)


def _one_server(seen: Egress, port: int, family: int) -> str:
    """Words for a port that fails at an address whose other ports connect, where several operators' names lead to it
    (a name server that answers so, a test network); else ""."""
    failed = [
        t for t in seen.on(port, family) if t.outcome in (Outcome.TIMEOUT, Outcome.PROHIBITED, Outcome.UNREACHABLE)
    ]
    for attempt in failed:
        open_ports = sorted({t.port for t in seen.ports if t.address == attempt.address and t.open})
        names = {t.host for t in seen.ports if t.address == attempt.address}
        if len(names) > 1 and len(open_ports) > 1:
            return (
                f"port {port} {WORDS[attempt.outcome]} at {attempt.address}, where the names of "
                f"{len(names)} operators lead, while its TCP {', '.join(map(str, open_ports))} connect"
            )
    return ""


def _waits(ctx: Context, port: int) -> bool:
    """Whether Postfix's own connects to this port time out now, and no other destination took mail after that began."""
    return any(
        fact.label == "connect-timeout" and fact.current and not fact.minor and not fact.alone
        and fact.reason.peer_port in (port, None)
        for fact in facts.failures(ctx, ctx.target.recipient)
    )  # fmt: skip


def _kind(found: Pattern, rows: Sequence[Tried]) -> str:
    failed = [t for t in rows if t.outcome in FAILURES]
    return "local" if found.failed_by in (Outcome.LOCAL, Outcome.NO_ROUTE) or all(t.here for t in failed) else "blocked"


def _control(seen: Egress, port: int) -> str:
    rest = sorted({t.port for t in (*seen.controls, *seen.ports) if t.open and t.port != port})
    return f"{'port' if len(rest) == 1 else 'ports'} {', '.join(map(str, rest))} connect" + (
        "s" if len(rest) == 1 else ""
    )


def _port(port: int, way: MailPort, seen: Egress) -> Observation:
    sign, subject = f"egress.port-{port}", f"TCP {port}"
    family = seen.main_family
    found = seen.pattern(port, family)
    listed = "; ".join(f"{t.host} {t.words}" for t in seen.on(port, family) if t.outcome is not Outcome.UNKNOWN)
    if found.kind in ("open", "mixed"):
        return ok(sign, subject, f"leaves this network: {listed}", port=port)
    if not found.blocked or not seen.connected():
        return unknown(sign, subject, f"not known: {listed or seen.problem or 'nothing could be tried'}", port=port)
    data: dict[str, Scalar] = {"port": port, "outcome": found.failed_by.value}
    if way.known and way.port == port and not way.private:
        return fail(sign, subject, f"does not leave this network: {listed}", **data)
    return warn(sign, subject, f"does not leave this network, but this mail does not use it: {listed}", **data)


def _endpoint(attempt: Tried) -> Observations:
    if attempt.outcome is Outcome.UNKNOWN:
        return
    say = ok if attempt.open else warn
    text = f"{attempt.host} port {attempt.port} {WORDS[attempt.outcome]}"
    subject = f"{attempt.host}:{attempt.port}"
    yield say("egress.endpoint", subject, text, host=attempt.host, port=attempt.port, open=attempt.open)


def _more_endpoints(ctx: Context, way: MailPort, seen: Egress, done: set[tuple[str, int]]) -> Iterator[Tried]:
    """Attempts at the ports of the relay in use and of those that may be advised, except ports that look blocked."""
    hosts: dict[str, tuple[int, ...]] = {}
    if way.relay and not way.private:
        known = identify(way.host)
        hosts[way.host] = tuple(end.port for end in known.endpoints) if known else ALTERNATES
    ranked = sorted((r for r in relays() if r.rank is not None), key=lambda r: (r.rank or 0, r.id))
    for relay in ranked[:PROVIDERS]:
        hosts.setdefault(_first_host(relay), tuple(end.port for end in relay.endpoints if end.stated))
    found = addresses(ctx, hosts, "A" if seen.main_family == 4 else "AAAA")
    wanted = [
        (host, port, found[host][0])
        for host, ports in hosts.items()
        for port in ports
        if found.get(host)
        and port not in (25, 80, 443, way.port)
        and (host, port) not in done
        and (seen.pattern(port, seen.main_family).opened or host == way.host)
        and not seen.pattern(port, seen.main_family).blocked
    ]
    queries = [dial_address(address, port, host) for host, port, address in wanted]
    for (host, _, _), query, reply in zip(wanted, queries, ask_all(ctx, queries), strict=True):
        yield tried(host, host, query, reply)


def _first_host(relay: Relay) -> str:
    return next((host.name for host in relay.hosts if host.delivers and host.stated), relay.hosts[0].name)

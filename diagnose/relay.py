"""Relay advice: provider, port, settings and commands. Pure: the caller passes in which ports are open.

    suggest(...)    -> Advice | None    the relay asked for, in use, or first suitable, on a port that is open
    identify(host)  -> Relay | None     the provider whose submission server a host name is
    find(name)      -> Relay | None     by id, other name or host
    listing()       -> tuple[Listed, …] the rows of `relay list`
    network_of(...) -> Network | None   the network that this host is in

Facts about providers and networks are in `diagnose/knowledge`, with their sources; facts without a source only order
the choice, and are not printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from diagnose.errors import UsageError
from diagnose.knowledge.labels import Endpoint, Login, Network, Relay, RelayHost, relays
from diagnose.knowledge.recognise import find, identify, network_of, split_next_hop
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Advice, AdviceFile
from diagnose.nearest import hint
from diagnose.record import frozen
from diagnose.relay_settings import Choice, Seen, System, commands, main_cf, password_line, version

__all__ = ["Listed", "System", "find", "identify", "listing", "network_of", "suggest"]

PORT_ORDER = (587, 465, 2525, 2587, 2465, 8025, 8465, 588, 443, 80, 25)
WEB_PORTS = frozenset({53, 80, 443})  # open everywhere, which says nothing about a mail server there
IMPLICIT_PORTS = IMPLICIT_TLS_PORTS | {443}


@frozen
class Listed:
    """A row of `relay list`, with confirmed ports only. suggested: may be proposed unasked."""

    id: str
    name: str
    kind: str
    host: str
    starttls: tuple[int, ...]
    implicit: tuple[int, ...]
    sign_in: str
    suggested: bool


Ports = Mapping[tuple[str, int], bool | None]


def listing() -> tuple[Listed, ...]:
    """Every provider: those suggested unasked, by rank, then the others by id."""
    rows = []
    for relay in sorted(relays(), key=lambda relay: (relay.rank is None, relay.rank or 0, relay.id)):
        known = sorted((end for end in relay.endpoints if end.stated), key=lambda end: PORT_ORDER.index(end.port))
        rows.append(
            Listed(
                id=relay.id,
                name=relay.name,
                kind=relay.kind,
                host=next((host.name for host in sorted(relay.hosts, key=lambda host: not host.stated)), relay.id),
                starttls=tuple(end.port for end in known if not end.implicit),
                implicit=tuple(end.port for end in known if end.implicit),
                sign_in=relay.sign_in,
                suggested=relay.rank is not None,
            )
        )
    return tuple(rows)


# Choosing -----------------------------------------------------------------------------------------------------------


def _seen(host: str, port: int, open_ports: Ports) -> Seen:
    own = open_ports.get((host, port))
    if own is not None:
        return Seen.OPEN if own else Seen.CLOSED
    if port in WEB_PORTS:
        return Seen.UNKNOWN
    others = [answer for (_, number), answer in open_ports.items() if number == port and answer is not None]
    passed = sum(others)
    if passed > len(others) - passed:
        return Seen.PASSES
    return Seen.BLOCKED if len(others) - passed > passed else Seen.UNKNOWN


def _usable(relay: Relay) -> bool:
    return relay.sign_in in ("password", "optional") and bool(relay.hosts)


def _choices(relay: Relay, open_ports: Ports, system: System, preferred: str | None) -> Iterator[Choice]:
    """Every host and port of a relay that this Postfix supports. preferred: only this host."""
    hosts = [host for host in relay.hosts if host.delivers]
    if preferred is not None:
        hosts = [host for host in hosts if host.name == preferred] or [RelayHost(name=preferred, evidence="recall")]
    elif any(host.stated for host in hosts):
        hosts = [host for host in hosts if host.stated]
    for host in hosts:
        for endpoint in relay.endpoints:
            if endpoint.implicit and version(system) < (3, 0):
                continue
            seen = _seen(host.name, endpoint.port, open_ports)
            yield Choice(relay=relay, host=host, endpoint=endpoint, seen=seen)


def _best(
    relay: Relay,
    open_ports: Ports,
    system: System,
    preferred: str | None = None,
    current: int | None = None,
    only: int | None = None,
) -> Choice | None:
    """The best host and port: seen open, then in use, then by PORT_ORDER; None if there is none. An unconfirmed port
    is chosen only if it was seen open at that host, or there is no other. only: consider this port alone."""
    found = [c for c in _choices(relay, open_ports, system, preferred) if only in (None, c.endpoint.port)]
    return min(
        found,
        key=lambda choice: (
            choice.seen,
            not (choice.endpoint.stated or choice.seen is Seen.OPEN),
            choice.endpoint.port != current or current == 25,
            PORT_ORDER.index(choice.endpoint.port),
            relay.hosts.index(choice.host) if choice.host in relay.hosts else 0,
        ),
        default=None,
    )


def _unlisted(host: str, port: int | None, open_ports: Ports) -> Relay | None:
    """A relay that is not in our tables, with its open ports; None if none was seen open."""
    tried = {number for (name, number), answer in open_ports.items() if name == host and answer}
    if not tried or not re.fullmatch(r"[a-z0-9._:-]+", host):
        return None
    ports = sorted(tried & set(PORT_ORDER), key=PORT_ORDER.index)
    if port in tried and port not in PORT_ORDER:
        return None
    return Relay(
        id=host,
        name=host,
        kind="service",
        hosts=(RelayHost(name=host, evidence="recall"),),
        endpoints=tuple(
            Endpoint(port=port, tls="implicit" if port in IMPLICIT_PORTS else "starttls", evidence="recall")
            for port in ports
        ),
        login=Login(user="<YOUR-USER-NAME>", password="<YOUR-PASSWORD>", evidence="recall"),
    )


def _candidates(sender: str | None, network: Network | None) -> Iterator[tuple[Relay, str]]:
    """(relay, reason) to suggest unasked, best first."""
    domain = (sender or "").rpartition("@")[2].lower()
    if domain:
        for relay in relays():
            if domain in relay.mail_domains:
                yield relay, f"{relay.name} is the operator of {domain}, the domain that this host sends as."
    if network is not None and network.relay:
        own = find(network.relay)
        if own is not None and own.rank is not None:
            yield own, f"{own.name} is the mail relay of {network.name}, the network of this host."
    ranked = [relay for relay in relays() if relay.rank is not None]
    for relay in sorted(ranked, key=lambda relay: (relay.rank or 0, relay.id)):
        yield relay, f"{relay.name} is one of several possible relays; choose another with --relay."


def _choose(
    *,
    open_ports: Ports,
    in_use: str | None,
    asked: str | None,
    system: System,
    sender: str | None,
    network: Network | None,
) -> tuple[Choice, str] | None:
    current_host, current_port = split_next_hop(in_use) if in_use else ("", None)
    current = (identify(current_host) or find(current_host)) if in_use else None
    preferred = current_host if current is not None and current.id != current_host and "." in current_host else None
    if asked is not None:
        wanted, only = asked_for(asked)
        where = (preferred, current_port) if wanted is current else (None, None)
        best = _best(wanted, open_ports, system, *where, only) if _usable(wanted) else None
        if best is None and only and _usable(wanted):
            ports = _numbers(each.port for each in wanted.endpoints)
            raise UsageError(f"{wanted.name} is not known to accept mail on port {only}, but on {ports}")
        if best is None:
            reason = wanted.notes[0].text if wanted.notes else "It does not accept a user name and password."
            if _usable(wanted):
                reason = "It accepts only implicit TLS, which Postfix supports from 3.0 on."
            raise UsageError(f"{wanted.name} cannot serve as a relay here: {reason} Choose another provider.")
        return best, f"{wanted.name} was chosen."
    offers: list[tuple[Choice, str]] = []
    lost = ""
    if in_use:
        relay = current if current is not None else _unlisted(current_host, current_port, open_ports)
        if relay is not None and _usable(relay):
            best = _best(relay, open_ports, system, preferred, current_port)
            if best is not None and best.seen <= Seen.UNKNOWN:
                return best, f"{relay.name} is the relay in use."
            if best is not None:
                offers.append((best, f"{relay.name} is the relay in use."))
                lost = f"No port of {relay.name}, the relay in use, was seen open from this host. "
    for relay, reason in _candidates(sender, network):
        best = _best(relay, open_ports, system) if _usable(relay) else None
        if best is not None:
            offers.append((best, lost + reason))
    for limit in (Seen.PASSES, Seen.UNKNOWN, Seen.CLOSED):
        for choice, why in offers:
            if choice.seen <= limit:
                return choice, why
    return None


def asked_for(text: str) -> tuple[Relay, int | None]:
    """(relay, port or None) for NAME[:PORT]. Raises UsageError."""
    name, _, port = text.partition(":")
    wanted = find(name)
    if wanted is None:
        near = hint(name, (relay.id for relay in relays()), "see `mail-diagnose relay list`")
        raise UsageError(f"no relay is called {name!r}; {near}")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise UsageError(f"a relay's port is a number, not {port[:20]!r}")
    return wanted, int(port) if port else None


# Saying why ---------------------------------------------------------------------------------------------------------


def _numbers(ports: Iterable[int]) -> str:
    return ", ".join(str(port) for port in ports)


def _network_notes(network: Network) -> Iterator[str]:
    policy = network.policy
    if policy is None or policy.default not in ("blocked", "conditional"):
        return
    whom = "by default" if policy.default == "blocked" else "for some customers"
    source = f" ({policy.source})" if policy.source else ""
    yield f"{network.name}: outgoing TCP {_numbers(policy.ports)} is blocked {whom}. {policy.text}".rstrip() + source
    unblock = network.unblock
    if unblock is not None and unblock.possible in ("yes", "conditional") and unblock.how:
        yield f"Unblocking: {unblock.how}" + (f" {unblock.url}" if unblock.url else "")


def _notes(choice: Choice, system: System, sender: str | None, network: Network | None) -> Iterator[str]:
    relay = choice.relay
    if "<" in password_line(choice, sender):
        yield "The words in <angle brackets> stand for your own login, which fix asks for."
    if choice.seen is not Seen.OPEN and not (choice.endpoint.stated and choice.host.stated):
        yield f"The provider's documentation does not confirm that {choice.host.name} listens on {choice.endpoint.port}: check it."
    yield from (note.text for note in relay.notes)
    regions = [host for host in relay.hosts if host.stated and host.region and host.delivers]
    if len(regions) > 1:
        shown = ", ".join(f"{host.name} ({host.region})" for host in regions[:6])
        rest = f" and {len(regions) - 6} more" if len(regions) > 6 else ""
        yield f"Hosts by region: {shown}{rest}. If yours differs, change it in both relayhost and sasl_passwd."
    if sender and relay.notes:
        yield f"This host sends as {sender}: {relay.name} must know that address or its domain."
    if "smtp_tls_CAfile" in main_cf(choice, system):
        yield ('smtp_tls_security_level "encrypt" never sends in the clear; "secure" also checks the server\'s name.')
    else:
        yield "No CA bundle is known on this host: the session is encrypted, the server's certificate not checked."
    if network is not None:
        yield from _network_notes(network)
    sources = dict.fromkeys(note.source for note in relay.notes if note.source)
    if sources:
        yield "Sources: " + " ".join(sources)


def _measured(choice: Choice, open_ports: Ports) -> str:
    host, port = choice.host.name, choice.endpoint.port
    shut = sorted(
        {end.port for end in choice.relay.endpoints if _seen(host, end.port, open_ports) >= Seen.BLOCKED} - {port}
    )
    also = f" TCP {_numbers(shut)} did not answer." if shut else ""
    if choice.seen is Seen.OPEN:
        return f"TCP {port} to {host} was seen open from this host.{also}"
    if choice.seen is Seen.PASSES:
        return (
            f"TCP {port} was seen open from this host, at other operators' servers; {host} itself was not tried.{also}"
        )
    if choice.seen is Seen.UNKNOWN:
        return f"Not verified: TCP {port} to {host} was not tried from this host.{also}"
    return f"Not verified: TCP {port} was tried from this host and did not answer, and no other port is known to answer.{also}"


def suggest(
    open_ports: Ports,
    in_use: str | None,
    asked: str | None,
    system: System,
    *,
    sender: str | None,
    network: Network | None,
) -> Advice | None:
    """A relay with settings and commands; None if no known relay suits this Postfix.

    open_ports: (host, port) to True (answered), False (did not), None (not tried), for any host. in_use: relayhost
    as configured. asked: NAME[:PORT], a provider's id, other name or host; raises UsageError if there is none, or it
    accepts no password. sender: the envelope sender.
    """
    if sender and not re.fullmatch(r"[\w.+=-]+@[\w.-]+", sender):
        sender = None  # "<>", or unsafe in commands
    chosen = _choose(open_ports=open_ports, in_use=in_use, asked=asked, system=system, sender=sender, network=network)
    if chosen is None:
        return None
    choice, reason = chosen
    settings = main_cf(choice, system)
    line = password_line(choice, sender)
    return Advice(
        kind="relay",
        provider=choice.relay.id,
        host=choice.host.name,
        port=choice.endpoint.port,
        tls="implicit" if choice.endpoint.implicit else "starttls",
        verified=choice.seen.verified,
        why=f"{reason} {_measured(choice, open_ports)}",
        main_cf=settings,
        files=(
            AdviceFile(path=f"{system.config_directory}/sasl_passwd", mode="0600", owner="root:root", text=line + "\n"),
        ),
        commands=commands(settings, line, system, sender),
        notes=tuple(_notes(choice, system, sender, network)),
    )

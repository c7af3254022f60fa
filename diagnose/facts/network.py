"""What this host can reach: one set of connections per run, shared by the network checks.

mail_port(ctx)   the port and hosts that mail is sent to
public_address(ctx)   this host's address as others see it
egress(ctx)      controls and ports at independent operators, for each address family in use
addresses(...)   names to addresses, by the host's own resolver or, where that fails, by a public one
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from diagnose import facts, threads
from diagnose.errors import Late
from diagnose.facts.asks import Asks, ask_all, ask_each
from diagnose.facts.dials import UNSPECIFIED, Tried, dial_address, family_of, near_end, tried
from diagnose.host.query import Dial, DialReply, DnsReply, Lookup, Query
from diagnose.knowledge.labels import Probe, probes_for
from diagnose.parse.system.outcomes import Outcome, Pattern, pattern
from diagnose.parse.system.own_network import is_address, is_private
from diagnose.record import dataclass, frozen

PORTS = (25, 465, 587, 2525, 2587, 2465)
OPERATORS = 3  # dialled for each port
PUBLIC_RESOLVERS = ("9.9.9.9", "8.8.8.8")
NAME_SECONDS, PUBLIC_SECONDS = 2.0, 1.5
DIAL_SECONDS = 6.0  # for all dials together: the connect, and a greeting that some servers delay
CONTROL_SECONDS = 2.0  # time for two SYNs; one of the controls is enough
FIND = (
    "As root, find the rule in what `nft list ruleset`, `iptables-save` and `ip rule` print: in the output hook, or in "
    "the input hook where answers are lost."
)
EARLY = 1.2  # seconds of silence before the path is traced, while the dials still wait
# Google's name servers answer a direct query for this name with the client's address.
ECHO_NAME, ECHO_SERVER = "o-o.myaddr.l.google.com", "216.239.32.10"


@frozen
class MailPort:
    """Where mail is sent. hosts: the names that Postfix dials, () for direct delivery without a known recipient;
    relay: the next hop is configured here; private: all its addresses are private or this host's, so that no ISP is
    involved; problem: why the port is unknown."""

    port: int = 25
    hosts: tuple[str, ...] = ()
    relay: bool = False
    private: bool = False
    addresses: tuple[str, ...] = ()
    known: bool = False
    problem: str = ""

    @property
    def host(self) -> str:
        return self.hosts[0] if self.hosts else ""


@dataclass(frozen=True)
class Egress:
    """All dials. families: those that Postfix may use; unresolved: names for which no address was found."""

    families: tuple[int, ...]
    controls: tuple[Tried, ...]
    ports: tuple[Tried, ...]
    unresolved: tuple[str, ...] = ()
    problem: str = ""

    def on(self, port: int, family: int | None = None) -> tuple[Tried, ...]:
        return tuple(t for t in self.ports if t.port == port and family in (None, t.family))

    def pattern(self, port: int, family: int | None = None) -> Pattern:
        """The pattern of one outcome per operator: open if any of its addresses is."""
        best: dict[str, Outcome] = {}
        for one in self.on(port, family):
            if one.outcome is not Outcome.UNKNOWN and best.get(one.operator) is not Outcome.OPEN:
                best[one.operator] = one.outcome
        return pattern(best.values())

    def connected(self, family: int | None = None) -> bool:
        """Whether any dial connected."""
        return any(t.open and family in (None, t.family) for t in (*self.controls, *self.ports))

    def control(self, family: int) -> Pattern:
        return pattern(t.outcome for t in self.controls if t.family == family)

    @property
    def main_family(self) -> int:
        """The decisive family: IPv4 if it connected anywhere or IPv6 did not, else IPv6."""
        if 4 in self.families and (self.connected(4) or not self.connected(6)):
            return 4
        return 6 if 6 in self.families else 4


# Names --------------------------------------------------------------------------------------------------------------


def addresses(ctx: Asks, names: Iterable[str], rtype: str = "A") -> dict[str, tuple[str, ...]]:
    """Name to addresses; () or missing if it has none or no resolver answered."""
    wanted = list(dict.fromkeys(names))
    own = ask_all(ctx, [_address_of(name, rtype) for name in wanted if not family_of(name)])
    return _completed(ctx, wanted, rtype, own)


def _address_of(name: str, rtype: str = "A") -> Lookup:
    return Lookup(name, rtype, timeout=NAME_SECONDS)


def _completed(
    ctx: Asks, names: Sequence[str], rtype: str, own: Iterable[DnsReply], public: bool = True
) -> dict[str, tuple[str, ...]]:
    """Name to addresses, by the host's own resolver's replies, else by public resolvers: a port must be judged even
    if the host's resolver is broken."""
    found: dict[str, tuple[str, ...]] = {name: (name,) for name in names if family_of(name)}
    silent = []
    for name, reply in zip((name for name in names if not family_of(name)), own, strict=True):
        if reply.tells:
            found[name] = tuple(a for a in reply.answers if family_of(a) and a not in UNSPECIFIED)
        else:
            silent.append(name)
    if silent and public and ctx.settings.network:
        questions = [
            Lookup(name, rtype, PUBLIC_RESOLVERS[i % len(PUBLIC_RESOLVERS)], PUBLIC_SECONDS)
            for i, name in enumerate(silent)
        ]
        for name, reply in zip(silent, ask_all(ctx, questions), strict=True):
            found[name] = tuple(a for a in reply.answers if family_of(a) and a not in UNSPECIFIED)
    return found


def families(ctx: Asks) -> tuple[int, ...]:
    """The address families that Postfix may use, by inet_protocols; both without Postfix."""
    words = facts.mta(ctx).words("inet_protocols")
    if not words or "all" in words:
        return (4, 6)
    return tuple(f for f, word in ((4, "ipv4"), (6, "ipv6")) if word in words) or (4, 6)


def mail_port(ctx: Asks) -> MailPort:
    """The port and hosts for the target's mail, or for any mail if no target is known."""
    way = facts.route(ctx)
    if way is None:
        own = facts.mailers.outgoing(ctx).problem if facts.mailer(ctx) is not None else facts.mta(ctx).problem
        return MailPort(problem=own or "how mail is routed is not known")
    if not way.remote:
        return MailPort(problem=f"this mail goes to {way.channel or 'no transport'}, which sends nothing out")
    if not way.relay:
        hosts = () if way.recipient == facts.ANYBODY else facts.exchangers(ctx, way.host).hosts
        return MailPort(port=way.port, hosts=hosts, known=True)
    names = facts.next_hop_hosts(ctx, way) or (way.host,)
    found = [a for known in addresses(ctx, names).values() for a in known]
    private = bool(found) and all(is_private(a) for a in found) and not private_view(ctx)
    return MailPort(
        port=way.port,
        hosts=names,
        relay=True,
        private=private or way.host.lower() in ("localhost", "localhost.localdomain"),
        addresses=tuple(found),
        known=True,
    )


def private_view(ctx: Asks) -> bool:
    """Whether Internet names resolve to private addresses here; a private address then does not mean a host in the
    own network."""
    hosts = [probe.host for probe in _operators(25, ())[:2]]
    found = [a for known in addresses(ctx, hosts).values() for a in known]
    return bool(found) and all(is_private(a) for a in found)


def service(way: MailPort) -> str:
    """ "exchange" on port 25, "submission" on any other."""
    return "exchange" if way.port == 25 else "submission"


def helo_name(ctx: Asks) -> str:
    return facts.mta(ctx).value("smtp_helo_name") or facts.mta(ctx).value("myhostname")


def _ask_in_time(ctx: Asks, queries: Sequence[Query[Any]], seconds: float) -> list[Any]:
    """As `ask_all`, but a query without an answer after `seconds` (or shortly before the check's deadline) yields a
    reply "timed out", so that one slow server does not cost the others' answers."""
    replies: dict[Query[Any], Any] = {}

    def work(query: Query[Any]) -> None:
        with contextlib.suppress(Late):
            replies[query] = ctx.ask(query)

    ask_each(ctx, queries, work, min(ctx.deadline - 0.3, time.monotonic() + seconds))
    return [ctx.settle(query, replies.get(query) or query.Reply(problem="timed out")) for query in queries]


# Dials --------------------------------------------------------------------------------------------------------------


def answering(ctx: Asks, way: MailPort, family: int) -> Tried | None:
    """A dial that shows the mail's server to be up: another port connects, or the server itself refuses it. None
    without such."""
    if not way.hosts:
        return None
    rtype = "A" if family == 4 else "AAAA"
    found = next((a for a in addresses(ctx, way.hosts[:2], rtype).values() if a), ())
    queries = [
        replace(dial_address(address, port, way.host), connect_timeout=CONTROL_SECONDS)
        for address in found[:1]
        for port in (443, 587, 465, 25)
        if port != way.port
    ]
    for query, reply in zip(queries, ask_all(ctx, queries), strict=True):
        attempt = tried(way.host, way.host, query, reply)
        by_itself = attempt.outcome is Outcome.REFUSED and not (reply.attempts and reply.attempts[-1].icmp)
        if attempt.open or by_itself:
            return attempt
    return None


@dataclass
class _Plan:
    """Dials to make, one per address and port."""

    entries: dict[tuple[str, int], tuple[str, Probe, Dial]] = field(default_factory=dict)

    def add(self, probe: Probe, address: str, say: str, helo: str, end: Mapping[str, str] | None = None) -> None:
        query = dial_address(address, probe.port, probe.host, say=say, helo=helo, **(end or {}))
        if probe.kind == "control":
            query = replace(query, connect_timeout=CONTROL_SECONDS)
        self.entries.setdefault((address, probe.port), (probe.host, probe, query))

    def queries(self) -> list[Query[Any]]:
        return [query for _, _, query in self.entries.values()]

    def rows(self, replies: Iterable[DialReply]) -> tuple[Tried, ...]:
        return tuple(
            tried(host, probe.operator, query, reply, probe)
            for (host, probe, query), reply in zip(self.entries.values(), replies, strict=True)
        )


def egress(ctx: Asks, begun: Callable[[], object] = lambda: None) -> Egress:
    """Dials the controls and every port at independent operators; IPv6 for the mail's port only, and for the others
    where IPv4 does not resolve. The operators' names are looked up while postconf runs, so that the dials, which
    take long if blocked, begin early. begun: called when they have."""
    for name in dict.fromkeys(probe.host for number in PORTS for probe in _operators(number, ())):
        _begin(ctx, _address_of(name))
    used = families(ctx)
    way = facts.route(ctx)
    port = way.port if way is not None and way.remote else 25
    helo = helo_name(ctx)
    end = near_end(ctx, way)
    # The next hop has its own check: it is no reference, and a host is dialled once at a time.
    own = (way.host,) if way is not None and way.relay else ()
    chosen = {number: _operators(number, own if number == port else ()) for number in dict.fromkeys((*PORTS, port))}
    names4 = list(dict.fromkeys(p.host for group in chosen.values() for p in group)) if 4 in used else []
    names6 = [p.host for p in chosen[port]] if 6 in used else []
    controls = _Plan()
    for family in used:
        for probe in _control_probes(family):
            controls.add(probe, probe.host, "connect", helo)
    for query in controls.queries():
        _begin(ctx, query)
    questions = [*map(_address_of, names4), *(_address_of(name, "AAAA") for name in names6)]
    answers = _ask_in_time(ctx, questions, NAME_SECONDS + 1.0)
    public = not all(a.tells for a in answers) and any(
        t.open and t.family == family_of(PUBLIC_RESOLVERS[0])
        for t in controls.rows(_ask_in_time(ctx, controls.queries(), CONTROL_SECONDS + 1.0))
    )
    found4 = _completed(ctx, names4, "A", answers[: len(names4)], public)
    found6 = _completed(ctx, names6, "AAAA", answers[len(names4) :], public)
    plan = _Plan(dict(controls.entries))
    for number, group in chosen.items():
        _add_port(plan, group, found4, "ehlo" if number in (25, port) else "connect", helo, end)
    _add_port(plan, chosen[port], found6, "ehlo", helo, end)
    for query in plan.queries():
        _begin(ctx, query)
    begun()
    made = plan.rows(_ask_in_time(ctx, plan.queries(), DIAL_SECONDS))
    result = _sorted_out(used, made, {**found6, **found4})
    if 6 in used and not result.connected(4) and result.connected(6):
        rest = [number for number in chosen if number != port]
        # Without an answer so far there is none for further names either.
        wanted = [p.host for number in rest for p in chosen[number]] if any(a.tells for a in answers) else []
        found6 = addresses(ctx, wanted, "AAAA")
        more = _Plan()
        for number in rest:
            _add_port(more, chosen[number], found6, "ehlo" if number == 25 else "connect", helo, end)
        result = _sorted_out(used, (*made, *more.rows(_ask_in_time(ctx, more.queries(), DIAL_SECONDS))), found6)
    return result


def begin_sweeps(ctx: Asks, way: MailPort, *sweeps: Callable[[str], Query[Any]]) -> None:
    """Starts the sweeps towards the port's first address if it is silent for EARLY seconds, so that their answers
    are ready if the dials fail."""
    query = None if way.private else _first_dial(ctx, way.port)
    if query is None:
        return
    until = time.monotonic() + EARLY
    if (asking := _begin(ctx, query)) is not None:
        asking.join(EARLY)
    if not ctx.has(query, until):
        for sweep in sweeps:
            _begin(ctx, sweep(query.host))


def _begin(ctx: Asks, query: Query[Any]) -> threading.Thread | None:
    """Asks in a thread of its own; None if it has been asked already, or no thread can be started."""

    def ask() -> None:
        with contextlib.suppress(Late):
            ctx.ask(query)

    return threads.begin(ask) if ctx.claim(query) else None


def _first_dial(ctx: Asks, port: int) -> Dial | None:
    """The first dial that `egress` makes at this port, an equal query; None if no operator's name resolves."""
    way = facts.route(ctx)
    for probe in _operators(port, (way.host,) if way is not None and way.relay else ()):
        for address in addresses(ctx, [probe.host]).get(probe.host, ())[:1]:
            return dial_address(address, port, probe.host, say="ehlo", helo=helo_name(ctx), **near_end(ctx, way))
    return None


def _operators(port: int, but: Sequence[str]) -> tuple[Probe, ...]:
    """One host per operator, except the hosts in `but`; two more than needed, in case a name does not resolve."""
    known = [probe for probe in probes_for(port, ipv6=False) if probe.host not in but]
    firsts = {probe.operator: probe for probe in reversed(known)}
    ordered = list(dict.fromkeys(probe.operator for probe in known))
    return tuple(firsts[operator] for operator in ordered)[: OPERATORS + 2]


def _control_probes(family: int) -> tuple[Probe, ...]:
    """Controls by address, independent of DNS: HTTPS and DNS over TCP, two of each."""
    kept = []
    for port in (443, 53):
        kept += [p for p in probes_for(port) if family_of(p.host) == family][:2]
    return tuple(kept)


def _add_port(
    plan: _Plan, group: Sequence[Probe], found: dict[str, tuple[str, ...]], say: str, helo: str, end: Mapping[str, str]
) -> None:
    left = OPERATORS
    for probe in group:
        for address in found.get(probe.host, ())[:1]:
            if left:
                plan.add(probe, address, say, helo, end)
                left -= 1


def _sorted_out(used: tuple[int, ...], made: tuple[Tried, ...], found: dict[str, tuple[str, ...]]) -> Egress:
    problems = {t.reply.problem for t in made if t.outcome is Outcome.UNKNOWN and t.reply.problem}
    return Egress(
        families=used,
        controls=tuple(t for t in made if t.probe is not None and t.probe.kind == "control"),
        ports=tuple(t for t in made if t.probe is not None and t.probe.kind != "control"),
        unresolved=tuple(sorted(name for name, known in found.items() if not known)),
        problem=min(problems, default=""),
    )


# Outside ------------------------------------------------------------------------------------------------------------


def public_address(ctx: Asks, family: int | None = None) -> str:
    """This host's address as a server on port 25 saw it, else as a name server asked directly did; "" if neither is
    known."""
    for attempt in egress(ctx).on(25, family):
        if attempt.probe is not None and attempt.probe.echo:
            match = re.search(r"\[([0-9A-Fa-f.:]+)\]", attempt.reply.ehlo.splitlines()[0] if attempt.reply.ehlo else "")
            if match and _public(match[1]):
                return match[1]
    if not ctx.settings.curious:
        return ""
    for text in ctx.ask(Lookup(ECHO_NAME, "TXT", server=ECHO_SERVER, timeout=2.0)).answers:
        if _public(text.strip('"')):
            return text.strip('"')
    return ""


def _public(text: str) -> bool:
    return is_address(text) and not is_private(text)

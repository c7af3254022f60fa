"""The domains that this host sends for, the addresses that their mail comes from, and the DNS records of both.

senders(ctx)               the domains, each with the route of its mail
spf(ctx, sender)           SPF for this host's address, or for the relay's
dmarc(ctx, domain)         the policy that applies to a domain
refused(ctx, domain)       a recent reply that refused its mail for lack of these
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from diagnose.errors import Late
from diagnose.facts.asks import Asks, ask_all
from diagnose.facts.filter_services import wanted
from diagnose.facts.mail import mail_log, queue, target
from diagnose.facts.names import NOT_PUBLIC, exchangers
from diagnose.facts.network import addresses, egress, families, public_address
from diagnose.facts.postfix import mta, origin, postfix_log
from diagnose.facts.route import ANYBODY, Route, next_hop_hosts, route
from diagnose.host.query import Lookup
from diagnose.knowledge.labels import Relay
from diagnose.knowledge.recognise import identify
from diagnose.parse.log import submitted
from diagnose.parse.sender import dmarc as policies
from diagnose.parse.sender.spf import Ask, Verdict, evaluate, some_address
from diagnose.parse.system.own_network import is_private
from diagnose.record import frozen

MOST = 3  # domains judged, first the one asked for, then the busiest
QUESTIONS = 60  # DNS queries for one domain's SPF
SECONDS = 2.0  # for each query
REFUSED = "sender-unauthenticated"  # the meaning of a reply that names SPF, DKIM or DMARC


@frozen
class Sender:
    """domain: of MAIL FROM, and presumably of the From header; asked: the user named it; way: the route of its mail;
    relay: the provider of the next hop, None for direct delivery or an unknown one."""

    domain: str
    asked: bool
    way: Route
    relay: Relay | None

    @property
    def through(self) -> str:
        """The relay's name as configured, "" for direct delivery."""
        return self.way.host if self.way.relay else ""


def senders(ctx: Asks) -> tuple[Sender, ...]:
    """The domains whose mail this host originates and smtp(8) sends: as asked, with submissions in the log, or this
    host's own names as senders in the queue. Forwarded mail does not count. At most MOST."""
    postfix = mta(ctx)
    named = _domain(ctx.target.sender or "")
    filtered = any(service.kind == "content" for service in wanted(postfix))
    own = {
        _domain(f"x@{name}") for name in (origin(ctx, postfix), postfix.value("myhostname"), postfix.value("mydomain"))
    }
    waiting = queue(ctx)
    found = [named, *submitted.domains(postfix_log(ctx).lines, filtered)]
    found += [
        name for name in (_domain(group.sample.sender) for group in (waiting.groups if waiting else ())) if name in own
    ]
    whose = target(ctx).recipient or ANYBODY
    result = []
    for domain in [name for name in dict.fromkeys(found) if name][:MOST]:
        way = route(ctx, whose, f"postmaster@{domain}")
        if way is not None and way.remote and way.program == "smtp":
            relay = identify(way.host) if way.relay else None
            result.append(Sender(domain=domain, asked=domain == named, way=way, relay=relay))
    return tuple(result)


def _domain(address: str) -> str:
    """The domain of an address, in lower case; "" if it cannot be in public DNS."""
    name = address.rpartition("@")[2].lower().rstrip(".")
    return "" if "." not in name or name.endswith(NOT_PUBLIC) or name.startswith("[") else name


def refused(ctx: Asks, domain: str) -> str:
    """A reply in the log or the queue that refused mail of this domain as unauthenticated; "" if there is none."""
    log, waiting = mail_log(ctx), queue(ctx)
    told = [
        (group.sample.sender or "", group.sample.text)
        for (label, _, _), group in (log.deliveries.items() if log else ())
        if label == REFUSED
    ]
    told += [(g.sample.sender, g.sample.text) for g in (waiting.groups if waiting else ()) if g.label == REFUSED]
    return next((text for sender, text in told if _domain(sender) == domain), "")


def asker(ctx: Asks, most: int = QUESTIONS) -> Ask:
    """A DNS lookup for the pure parsers: (name, type) to answers; None if unknown, after `most` queries, or too late."""
    seen: set[tuple[str, str]] = set()

    def ask(name: str, kind: str) -> tuple[str, ...] | None:
        key = (name.lower().rstrip("."), kind)
        if (len(seen) >= most and key not in seen) or time.monotonic() > ctx.deadline - SECONDS / 2:
            return None
        seen.add(key)
        try:
            reply = ctx.ask(Lookup(*key, timeout=SECONDS))
        except Late:
            return None
        return reply.answers if reply.tells else None

    return ask


def ahead(ctx: Asks, questions: Iterable[tuple[str, str]]) -> None:
    """Asks (name, type) pairs in parallel, so that later lookups find the answers ready."""
    try:
        ask_all(ctx, [Lookup(name.lower().rstrip("."), kind, timeout=SECONDS) for name, kind in questions])
    except Late:
        return


@frozen
class Spf:
    """SPF for an address. known: mail really comes from it, so that receivers reach the same verdict; by: whose
    address it is."""

    address: str
    verdict: Verdict
    known: bool
    by: str


def spf(ctx: Asks, sender: Sender) -> tuple[Spf, ...]:
    """SPF for each address that the domain's mail comes from, a relay's taken from its own SPF record; () if none is
    known."""
    found = [*_of_relay(ctx, sender)] if sender.way.relay else [(a, True, "this host") for a in own_addresses(ctx)]
    return tuple(
        Spf(address=address, verdict=_evaluate(ctx, sender.domain, address, sender.way.helo), known=known, by=by)
        for address, known, by in found
    )


def _evaluate(ctx: Asks, domain: str, address: str, helo: str) -> Verdict:
    return evaluate(
        asker(ctx), domain, address, sender=f"postmaster@{domain}", helo=helo, ahead=lambda pairs: ahead(ctx, pairs)
    )


def own_addresses(ctx: Asks) -> tuple[str, ...]:
    """This host's public addresses: IPv4, and IPv6 if port 25 is open over it."""
    found = [public_address(ctx)]
    if 6 in families(ctx) and any(tried.open for tried in egress(ctx).on(25, 6)):
        found.append(public_address(ctx, 6))
    return tuple(a for a in dict.fromkeys(found) if a and not is_private(a))


def _of_relay(ctx: Asks, sender: Sender) -> Iterable[tuple[str, bool, str]]:
    """(address, whether the relay is known to send from it, source). A relay may send from other addresses than it
    listens on."""
    labels = sender.way.host.split(".")
    above = [".".join(labels[n:]) for n in range(1, len(labels) - 1)]
    places = [sender.relay.publishes.spf] if sender.relay and sender.relay.publishes else above
    ask = asker(ctx, 20)
    ahead(ctx, [(place, "TXT") for place in places])
    for place in places:
        if address := some_address(ask, place):
            yield address, True, place
            return
    hosts = next_hop_hosts(ctx, sender.way) or (sender.way.host,)
    listens = [a for each in addresses(ctx, hosts[:2]).values() for a in each if not is_private(a)]
    if listens:
        yield listens[0], False, sender.way.host


def dmarc(ctx: Asks, domain: str) -> policies.Policy:
    names = policies.steps(domain)
    ahead(ctx, [(name, "TXT") for name in names])
    ask = asker(ctx)
    exists = exchangers(ctx, domain).rcode != "NXDOMAIN"
    return policies.policy(lambda name: ask(name, "TXT"), domain, exists)


def aligned(ctx: Asks, author: str, other: str, strict: bool) -> bool | None:
    """See `diagnose.parse.sender.dmarc.aligned`."""
    ask = asker(ctx)
    return policies.aligned(lambda name: ask(name, "TXT"), author, other, strict)

"""The transport and next hop of mail, and its TLS settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from diagnose.facts import mailers
from diagnose.facts.asks import Asks
from diagnose.facts.mail import mail_log, target
from diagnose.facts.names import exchangers
from diagnose.facts.postfix import Parameters, mta
from diagnose.host.query import MapLookup, Read
from diagnose.knowledge.smtp import port_number
from diagnose.model import Target
from diagnose.parse.mailers.way import Way
from diagnose.parse.postfix import master_cf, postconf, table, trivial_rewrite
from diagnose.parse.postfix.master_cf import Service
from diagnose.parse.postfix.nexthop import NextHop, parse, parse_list
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.system.own_network import is_address
from diagnose.record import frozen

if TYPE_CHECKING:
    from diagnose.parse.log.current import Fact
    from diagnose.parse.words.reason import Reason


@frozen
class Route(Parameters):
    """Where a recipient's mail goes.

    channel: master.cf's service name; program: its command (smtp, lmtp, local, error, discard …, "" if master.cf
    lacks the service); relay: the next hop is configured here, not the recipient's domain; host, port: of the first
    hop; settings: main.cf's with the service's -o overrides; reasons: the deciding settings; mailer: the id of
    another mailer than Postfix, from whose settings the route is taken (`settings` then holds only the EHLO name);
    way: these settings.
    """

    recipient: str
    domain: str
    address_class: str
    channel: str
    program: str
    nexthop: str
    hops: tuple[NextHop, ...]
    relay: bool
    host: str
    port: int
    bracketed: bool
    service: Service | None
    settings: Mapping[str, str]
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]
    mailer: str = ""
    way: Way | None = None

    @property
    def helo(self) -> str:
        """The name that smtp(8) sends with EHLO."""
        return self.value("smtp_helo_name") or self.value("myhostname")

    @property
    def remote(self) -> bool:
        """Whether smtp(8) or lmtp(8) delivers it, to a known next hop."""
        return self.program in ("smtp", "lmtp") and bool(self.hops)

    @property
    def first_lookup(self) -> tuple[str, str] | None:
        """(name, type) of the first DNS lookup: the domain's MX, or a bracketed host's A; None if there is none."""
        if not self.remote or is_address(self.host):
            return None
        return self.host, "A" if self.bracketed else "MX"

    @property
    def destination(self) -> str:
        """host:port, for people."""
        return f"{self.host}:{self.port}"


# Used if no recipient is known, to find the default route; RFC 2606 reserves the domain.
ANYBODY = "someone@example.com"


def route(ctx: Asks, recipient: str | None = None, sender: str | None = None) -> Route | None:
    """The route of mail to `recipient` (default: the target's, else ANYBODY); None if no mailer's settings are known."""
    postfix = mta(ctx)
    if not postfix.settings:
        return _of_mailer(ctx, recipient)
    whose = Target(sender, recipient) if recipient else target(ctx)
    recipient = whose.recipient or ANYBODY
    decision = trivial_rewrite.decide(postfix.settings, asker(ctx), whose.sender or "", recipient)
    service = postfix.master.get(decision.transport)
    settings = master_cf.effective(postfix.settings, service)
    hop = decision.hops[0] if decision.hops else None
    domain = recipient.rpartition("@")[2].lower()
    host = hop.host if hop else ""
    default = _default_port(settings, service)
    program, relay = service.command.rpartition("/")[2] if service else "", bool(hop) and host.lower() != domain
    spare = postconf.expand(settings.get("smtp_fallback_relay", ""), settings) if relay and program == "smtp" else ""
    return Route(
        recipient=recipient,
        domain=domain,
        address_class=decision.address_class,
        channel=decision.transport,
        program=program,
        nexthop=decision.nexthop,
        hops=(*decision.hops, *parse_list(spare)),
        relay=relay,
        host=host,
        port=(hop.port_number(default) if hop else None) or default,
        bracketed=bool(hop and (hop.bracketed or hop.address)),
        service=service,
        settings=settings,
        reasons=decision.reasons,
        unknown=decision.unknown,
    )


def _of_mailer(ctx: Asks, recipient: str | None) -> Route | None:
    """The route of mail under another mailer than Postfix; None if unknown."""
    here = mailers.mailer(ctx)
    way = mailers.outgoing(ctx) if here is not None else None
    if here is None or way is None or not way.kind:
        return None
    recipient = recipient or target(ctx).recipient or ANYBODY
    domain = recipient.rpartition("@")[2].lower()
    host = {"relay": way.host, "direct": domain}.get(way.kind, "")
    named = [f"[{name}]:{port}" for name, port in ((host, way.port), *way.more)] if way.kind == "relay" else [host]
    hops = tuple(parse(each) for each in named if host)
    return Route(
        recipient=recipient,
        domain=domain,
        address_class="default" if host else "local",
        channel=here.id if host else "",
        program="smtp" if host else "local",
        nexthop=hops[0].raw if hops else "",
        hops=hops,
        relay=way.kind == "relay",
        host=host,
        port=way.port,
        bracketed=way.kind == "relay",
        service=None,
        settings={"smtp_helo_name": way.helo},
        reasons=(way.relay_by,),
        unknown=(),
        mailer=here.id,
        way=way,
    )


def _default_port(settings: Mapping[str, str], service: Service | None) -> int:
    named = settings.get("smtp_tcp_port", "smtp")
    if service and service.command.rpartition("/")[2] == "lmtp":
        named = settings.get("lmtp_tcp_port", "24")
    return port_number(named, 25)


def asker(ctx: Asks) -> trivial_rewrite.Lookup:
    """The table lookup for `trivial_rewrite`; it raises LookupError if the table cannot be read."""

    def ask(name: str, key: str) -> str | None:
        if name.startswith("/"):  # a file with list items
            return _in_file(ctx, name, key)
        reply = ctx.ask(MapLookup(name, key))
        if reply.problem or reply.broken:
            raise LookupError(reply.problem or reply.error)
        return reply.value if reply.found else None

    return ask


def _in_file(ctx: Asks, path: str, key: str) -> str | None:
    reply = ctx.ask(Read(path))
    if reply.problem:
        raise LookupError(reply.problem)
    lines = (line for line in reply.text.splitlines() if not line.lstrip().startswith("#"))
    return key if key.lower() in {item.lower() for line in lines for item in items(line)} else None


@frozen
class TlsMode:
    """level: as in smtp_tls_security_level (none, may, encrypt, dane, dane-only, fingerprint, verify, secure);
    verifies: the certificate must be valid; wrapper: implicit TLS; by: the deciding parameter or table; strict: the
    certificate must be valid if TLS is used, whatever the level; own: from another mailer's settings, which have
    other values than these levels."""

    level: str
    wrapper: bool
    ca_file: str
    ca_path: str
    by: str
    policy: str = ""
    strict: bool = False
    own: bool = False

    @property
    def verifies(self) -> bool:
        return self.strict or self.level in ("verify", "secure", "fingerprint", "dane-only")

    @property
    def words(self) -> str:
        """The deciding setting with its value, for people."""
        return self.by if self.own else f"{self.by} = {self.level}"

    @property
    def mandatory(self) -> bool:
        return self.level not in ("none", "may", "dane", "")

    @property
    def dial(self) -> str:
        """Dial.tls as Postfix would begin."""
        return "implicit" if self.wrapper else ("none" if self.level == "none" else "starttls")


_LEVELS = {"none": "none", "starttls": "may"}


def tls_mode(ctx: Asks, way: Route) -> TlsMode:
    if (own := way.way) is not None:
        return TlsMode(
            level="fingerprint" if own.pin else _LEVELS.get(own.tls, "encrypt"),
            wrapper=own.tls == "implicit",
            ca_file=own.ca_file,
            ca_path="",
            by=own.tls_by,
            policy=f"fingerprint match={own.pin}" if own.pin else "",
            strict=own.verifies,
            own=True,
        )
    level = way.value("smtp_tls_security_level").lower()
    by = "smtp_tls_security_level"
    if not level:
        if way.flag("smtp_enforce_tls"):
            level = "verify" if way.flag("smtp_tls_enforce_peername") else "encrypt"
            by = "smtp_enforce_tls"
        elif way.flag("smtp_use_tls"):
            level, by = "may", "smtp_use_tls"
        else:
            level, by = "none", "no TLS setting"
    policy = ""
    for it in table.parse_list(way.value("smtp_tls_policy_maps")):
        for key in dict.fromkeys((way.nexthop, way.host)):
            reply = ctx.ask(MapLookup(it.key, key)) if key else None
            if reply is not None and reply.found and not policy:
                policy = reply.value
                level, by = policy.split()[0].lower(), f"smtp_tls_policy_maps {it.raw}"
    return TlsMode(
        level=level,
        wrapper=way.flag("smtp_tls_wrappermode"),
        ca_file=way.value("smtp_tls_CAfile"),
        ca_path=way.value("smtp_tls_CApath"),
        by=by,
        policy=policy,
    )


def unheard(ctx: Asks, way: Route, address: str) -> tuple[frozenset[str], str]:
    """(EHLO keywords in lower case that smtp(8) ignores from the server at `address`, the parameter that says so or
    "")."""
    if way.flag("smtp_never_send_ehlo"):
        return frozenset({"auth", "starttls"}), "smtp_never_send_ehlo"
    for name in ("smtp_discard_ehlo_keyword_address_maps", "smtp_discard_ehlo_keywords"):
        value = way.value(name)
        if name.endswith("_maps"):
            replies = (ctx.ask(MapLookup(it.key, address)) for it in table.parse_list(value) if address)
            value = next((reply.value for reply in replies if reply.found), "")
        if words := frozenset(items(value.lower())):
            return words, name
    return frozenset(), ""


def next_hop_hosts(ctx: Asks, way: Route) -> tuple[str, ...]:
    """The host names that smtp(8) would dial for this route, in order; () if DNS has none."""
    if not way.hops:
        return ()
    if way.bracketed:
        return (way.host,)
    return exchangers(ctx, way.host).hosts


def failures(ctx: Asks, asked: str | None) -> tuple[Fact, ...]:
    """The kinds of failure in the log, and whether they still apply; () if no log can be read. asked: as in
    `parse.log.current`."""
    from diagnose.parse.log import current

    read = mail_log(ctx)
    return current.facts(read, relay_of(ctx), asked) if read is not None else ()


def relay_of(ctx: Asks) -> Callable[[str, str], str]:
    """A function (sender, recipient) for `parse.log.current` that returns the relay's host name as the log writes
    it, "*" if DNS decides it, "" for direct delivery, "local" for none."""
    known: dict[tuple[str, str], str] = {}

    def way_of(sender: str, recipient: str) -> str:
        key = (sender, recipient.rpartition("@")[2].lower())
        if key not in known:
            way = route(ctx, recipient, sender) if len(known) < 40 else None
            known[key] = _relay_name(way)
        return known[key]

    return way_of


def is_hop(relay: str, reason: Reason) -> bool:
    """Whether the server that a failure names is the relay (as `relay_of` tells it), not a filter before it."""
    return bool(relay) and relay in (reason.peer_name, reason.peer_address)


def _relay_name(way: Route | None) -> str:
    if way is None or (way.remote and not way.relay):
        return ""
    if not way.remote:
        return "local"
    # Other mailers log the name that the relay's DNS records resolve to.
    return way.host if way.bracketed and not way.mailer and len(way.hops) == 1 else "*"

"""Answers that several checks share, worked out from the same few questions.

target(ctx)            whose mail it is about: as asked, else learnt from the queue or the log
mta(ctx)               Postfix here: version, settings, services, complaints
route(ctx)             the transport and next hop that the target's mail takes, and why
tls_mode(ctx, route)   how that next hop's TLS is set up
exchangers(ctx, name)  a domain's mail exchangers by RFC 5321 5.1 and RFC 7505
mail_log(ctx)          the day's log, read once
queue(ctx)             the queue's summary
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from diagnose.host.plain import from_plain
from diagnose.host.query import Exec, LogReply, Lookup, MailLog, MailQueue, MapLookup, Now, Query, Read
from diagnose.model import Target
from diagnose.parse import master_cf, postconf, trivial_rewrite
from diagnose.parse.master_cf import MasterCf, Service
from diagnose.parse.nexthop import NextHop
from diagnose.parse.setting_types import boolean, items

if TYPE_CHECKING:
    from diagnose.parse.maillog import MailLog as ReadLog
    from diagnose.parse.queue import QueueSummary

R = TypeVar("R")


class Asks(Protocol):
    """What a fact needs of a check's context."""

    target: Target

    @property
    def settings(self) -> Any: ...

    def ask(self, query: Query[R]) -> R: ...


# --- Postfix


@dataclass(frozen=True, slots=True, kw_only=True)
class Mta:
    """Postfix as its own tools describe it.

    settings: every parameter, defaults included, unexpanded; explicit: those that main.cf sets; complaints: what
    postconf warned or died of; problem: why nothing could be learnt ("" when it could).
    """

    installed: bool = False
    version: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    explicit: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    master: MasterCf = field(default_factory=lambda: MasterCf(services=(), findings=()))
    complaints: tuple[postconf.Complaint, ...] = ()
    map_types: tuple[str, ...] = ()
    problem: str = ""

    def value(self, name: str) -> str:
        """A parameter's value, $names expanded."""
        return postconf.expand(self.settings.get(name, ""), self.settings).strip()

    def flag(self, name: str) -> bool:
        return bool(boolean(self.value(name)))

    def words(self, name: str) -> tuple[str, ...]:
        return items(self.value(name))

    @property
    def config_directory(self) -> str:
        return self.value("config_directory") or "/etc/postfix"

    @property
    def queue_directory(self) -> str:
        return self.value("queue_directory") or "/var/spool/postfix"

    @property
    def numbers(self) -> tuple[int, int]:
        """(3, 7) of version "3.7.11"; (0, 0) when unknown."""
        part = self.version.split(".")
        try:
            return int(part[0]), int(part[1].split("-")[0])
        except (ValueError, IndexError):
            return 0, 0


def mta(ctx: Asks) -> Mta:
    everything = ctx.ask(Exec(("postconf",)))
    if everything.problem and everything.problem.startswith("not found"):
        return Mta(problem="Postfix is not installed here (no postconf)")
    if everything.problem:
        return Mta(installed=everything.problem != "not recorded", problem=f"postconf: {everything.problem}")
    settings = postconf.parse_settings(everything.out)
    defaults = postconf.parse_settings(ctx.ask(Exec(("postconf", "-d"))).out)
    explicit_reply = ctx.ask(Exec(("postconf", "-n")))
    explicit = postconf.parse_settings(explicit_reply.out)
    services = ctx.ask(Exec(("postconf", "-M")))
    problem = ""
    if not settings:
        # postconf refused main.cf: what it names in spite of that, over the defaults, is the best that can be had.
        problem = (everything.err.strip().splitlines() or ["postconf said nothing"])[-1]
        raw = ctx.ask(Read(f"{_config_directory(defaults)}/main.cf"))
        from diagnose.parse import main_cf

        explicit = {s.name: s.value for s in main_cf.parse(raw.text).settings}
        settings = {**defaults, **explicit}
    complaints = postconf.complaints("\n".join((everything.err, explicit_reply.err, services.err)))
    return Mta(
        installed=True,
        version=settings.get("mail_version", defaults.get("mail_version", "")),
        settings={**defaults, **settings},
        explicit=explicit,
        defaults=defaults,
        master=_master(ctx, services.out, settings, defaults),
        complaints=complaints,
        map_types=tuple(ctx.ask(Exec(("postconf", "-m"))).out.split()),
        problem=problem,
    )


def _config_directory(defaults: Mapping[str, str]) -> str:
    return defaults.get("config_directory", "/etc/postfix")


def _master(ctx: Asks, out: str, settings: Mapping[str, str], defaults: Mapping[str, str]) -> MasterCf:
    level = settings.get("compatibility_level", "0")
    if out:
        parsed = master_cf.parse(out, level)
    else:
        parsed = master_cf.parse(ctx.ask(Read(f"{_config_directory(defaults)}/master.cf")).text, level)
    overrides = master_cf.parse_overrides(ctx.ask(Exec(("postconf", "-P"))).out)
    return master_cf.with_overrides(parsed, overrides)


# --- whose mail


def target(ctx: Asks) -> Target:
    """As asked; what is not named is learnt from the mail that waits, else from the log's newest failure, else from its
    newest delivery to another host. Fields stay None where nothing tells."""
    asked = ctx.target
    if asked.recipient:
        return asked
    learnt = _learn(ctx)
    return Target(asked.sender or learnt.sender, learnt.recipient)


def _learn(ctx: Asks) -> Target:
    waiting = queue(ctx)
    if waiting is not None:
        for group in sorted(waiting.groups, key=lambda g: -g.count):
            if _remote(group.recipient) and group.sender not in ("MAILER-DAEMON", ""):
                return Target(group.sender, group.recipient)
        for group in waiting.groups:
            if _remote(group.recipient):
                return Target(None, group.recipient)
    log = mail_log(ctx)
    if log is None:
        return Target()
    newest = sorted(log.deliveries, key=lambda d: (d.status == "sent", -(d.at.timestamp() if d.at else 0.0)))
    for delivery in newest:
        if delivery.service not in ("local", "virtual", "discard") and _remote(delivery.recipient):
            return Target(delivery.sender or None, delivery.recipient)
    return Target()


def _remote(address: str) -> bool:
    domain = address.rpartition("@")[2]
    return "@" in address and "." in domain and not domain.endswith((".localdomain", ".local"))


# --- the way it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a recipient's mail goes.

    channel: master.cf's service name; program: what it runs (smtp, lmtp, local, error, discard …, "" when master.cf lacks
    it); relay: a next hop of this host's own choice, not the recipient's domain; host/port: the first hop's; settings:
    main.cf under the service's -o overrides; reasons: what decided.
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

    def value(self, name: str) -> str:
        return postconf.expand(self.settings.get(name, ""), self.settings).strip()

    def flag(self, name: str) -> bool:
        return bool(boolean(self.value(name)))

    @property
    def remote(self) -> bool:
        """Whether smtp(8) or lmtp(8) connects anywhere."""
        return self.program in ("smtp", "lmtp") and bool(self.hops)

    @property
    def destination(self) -> str:
        """host:port, for people."""
        return f"{self.host}:{self.port}"


# Where no recipient is known the default way is judged; RFC 2606 keeps this name from being anybody's.
ANYBODY = "someone@example.com"


def route(ctx: Asks, recipient: str | None = None, sender: str | None = None) -> Route | None:
    """The way of `recipient` (default: the target's, else anybody's); None without Postfix' settings."""
    postfix = mta(ctx)
    if not postfix.settings:
        return None
    whose = Target(sender, recipient) if recipient else target(ctx)
    recipient = whose.recipient or ANYBODY
    decision = trivial_rewrite.decide(postfix.settings, asker(ctx), whose.sender or "", recipient)
    service = postfix.master.get(decision.transport)
    settings = master_cf.effective(postfix.settings, service)
    hop = decision.hops[0] if decision.hops else None
    domain = recipient.rpartition("@")[2].lower()
    host = hop.host if hop else ""
    default = _default_port(settings, service)
    return Route(
        recipient=recipient,
        domain=domain,
        address_class=decision.address_class,
        channel=decision.transport,
        program=(service.command.rpartition("/")[2] if service else ""),
        nexthop=decision.nexthop,
        hops=decision.hops,
        relay=bool(hop) and host.lower() != domain,
        host=host,
        port=(hop.port_number(default) if hop else None) or default,
        bracketed=bool(hop and (hop.bracketed or hop.address)),
        service=service,
        settings=settings,
        reasons=decision.reasons,
        unknown=decision.unknown,
    )


def _default_port(settings: Mapping[str, str], service: Service | None) -> int:
    named = settings.get("smtp_tcp_port", "smtp")
    if service and service.command.rpartition("/")[2] == "lmtp":
        named = settings.get("lmtp_tcp_port", "24")
    return {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465}.get(
        named, int(named) if named.isdigit() else 25
    )


def asker(ctx: Asks) -> trivial_rewrite.Lookup:
    """A table lookup for `trivial_rewrite`: LookupError where the table cannot be asked."""

    def ask(table: str, key: str) -> str | None:
        reply = ctx.ask(MapLookup(table, key))
        if reply.problem or reply.error:
            raise LookupError(reply.problem or reply.error)
        return reply.value if reply.found else None

    return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsMode:
    """level: as in smtp_tls_security_level (none, may, encrypt, dane, dane-only, fingerprint, verify, secure); verifies:
    the certificate must be good; wrapper: implicit TLS; by: the parameter or table that decided."""

    level: str
    wrapper: bool
    ca_file: str
    ca_path: str
    by: str
    policy: str = ""

    @property
    def verifies(self) -> bool:
        return self.level in ("verify", "secure", "fingerprint", "dane-only")

    @property
    def mandatory(self) -> bool:
        return self.level not in ("none", "may", "dane", "")

    @property
    def dial(self) -> str:
        """The `tls` of a Dial that does as Postfix would."""
        return "implicit" if self.wrapper else ("none" if self.level == "none" else "starttls")


def tls_mode(ctx: Asks, way: Route) -> TlsMode:
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
    for table in items(way.value("smtp_tls_policy_maps")):
        for key in dict.fromkeys((way.nexthop, way.host)):
            reply = ctx.ask(MapLookup(table, key)) if key else None
            if reply is not None and reply.found and not policy:
                policy = reply.value
                level, by = policy.split()[0].lower(), f"smtp_tls_policy_maps {table}"
    return TlsMode(
        level=level,
        wrapper=way.flag("smtp_tls_wrappermode"),
        ca_file=way.value("smtp_tls_CAfile"),
        ca_path=way.value("smtp_tls_CApath"),
        by=by,
        policy=policy,
    )


# --- exchangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchangers:
    """hosts: by preference; kind: mx, address (no MX but an address: the implicit MX of RFC 5321 5.1), null (RFC 7505),
    none (NXDOMAIN or nothing), or "unknown" (no answer: see rcode and problem)."""

    domain: str
    kind: str
    hosts: tuple[str, ...] = ()
    rcode: str = ""
    problem: str = ""


def exchangers(ctx: Asks, domain: str) -> Exchangers:
    reply = ctx.ask(Lookup(domain, "MX"))
    if reply.problem:
        return Exchangers(domain=domain, kind="unknown", problem=reply.problem)
    rcode = reply.rcode or ""
    if rcode == "NXDOMAIN":
        return Exchangers(domain=domain, kind="none", rcode=rcode)
    if rcode not in ("NOERROR", "NODATA"):
        return Exchangers(domain=domain, kind="unknown", rcode=rcode, problem=f"the name server answered {rcode}")
    ranked = []
    for answer in reply.answers:
        preference, _, host = answer.partition(" ")
        ranked.append((int(preference) if preference.isdigit() else 0, host.rstrip(".").lower()))
    hosts = tuple(host for _, host in sorted(ranked))
    if hosts and all(not host for host in hosts):
        return Exchangers(domain=domain, kind="null", rcode=rcode)
    if hosts:
        return Exchangers(domain=domain, kind="mx", hosts=tuple(h for h in hosts if h), rcode=rcode)
    if any(ctx.ask(Lookup(domain, kind)).rcode == "NOERROR" for kind in ("A", "AAAA")):
        return Exchangers(domain=domain, kind="address", hosts=(domain,), rcode=rcode)
    return Exchangers(domain=domain, kind="none", rcode="NODATA")


def next_hop_hosts(ctx: Asks, way: Route) -> tuple[str, ...]:
    """The host names that smtp(8) would dial for this way, in order; empty where DNS does not tell."""
    if not way.hops:
        return ()
    if way.bracketed:
        return (way.host,)
    return exchangers(ctx, way.host).hosts


# --- log and queue, read once


_reading = threading.Lock()


def mail_log(ctx: Asks) -> ReadLog | None:
    """The log of the window that counts as current; None where none can be read (ask MailLog for the reason)."""
    reply = ctx.ask(MailLog(ctx.settings.since))
    if reply.problem and not reply.lines:
        return None
    return _read_log(reply, ctx.ask(Now()).epoch, ctx.ask(Now()).offset)


def _read_log(reply: LogReply, epoch: float, offset: int) -> ReadLog:
    with _reading:
        return _cached_log(_Same(reply), epoch, offset)


class _Same:
    """A reply as a key by identity: hashing a day's log costs more than reading it."""

    def __init__(self, reply: LogReply) -> None:
        self.reply = reply

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.reply is self.reply

    def __hash__(self) -> int:
        return id(self.reply)


@functools.lru_cache(maxsize=4)
def _cached_log(same: _Same, epoch: float, offset: int) -> ReadLog:
    from diagnose.parse import maillog

    return maillog.read(same.reply.lines, _moment(epoch, offset))


def _moment(epoch: float, offset: int) -> datetime:
    return datetime.fromtimestamp(epoch, timezone(timedelta(seconds=offset)))


def now(ctx: Asks) -> datetime:
    reply = ctx.ask(Now())
    return _moment(reply.epoch, reply.offset)


def queue(ctx: Asks) -> QueueSummary | None:
    """The queue's summary; None where it cannot be read (ask MailQueue for the reason)."""
    reply = ctx.ask(MailQueue())
    if reply.summary is None:
        return None
    from diagnose.parse.queue import QueueSummary

    summary: QueueSummary = from_plain(QueueSummary, dict(reply.summary))
    return summary

"""How does this host introduce itself: HELO name, PTR record, and sender domain?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from diagnose import facts
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Data,
    Lookup,
    Now,
    Observation,
    Observations,
    SignSpec,
    Status,
    ask_all,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta
from diagnose.facts.names import is_public
from diagnose.facts.network import egress, families, public_address
from diagnose.facts.tables import hits
from diagnose.parse.system.own_network import is_private

_ADDRESS = ("A", "AAAA")
_HOST = ("MX", *_ADDRESS)


@check(
    id="identity",
    title="Host name and PTR record",
    signs=(
        SignSpec("identity.helo", {"via": ANY, "kind": ("invalid", "unresolvable")}),
        "identity.ptr",
        "identity.sender-domain",
        SignSpec("identity.hostname", {"failing": FLAG}),
    ),
    tags=("dns", "network"),
    needs=("network", "postfix"),
    probes=True,
    timeout=8.0,
)
def identity(ctx: Context) -> Observations:
    postfix, way = facts.mta(ctx), facts.route(ctx)
    if way is None:
        skip(f"Postfix's settings cannot be read: {postfix.problem}")
    leaving, helo = _leaving(ctx, postfix), way.helo
    sender, by = _sent_as(ctx, postfix, way)
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    questions = [Lookup(name, kind) for name in dict.fromkeys((*leaving, domain)) if name for kind in _HOST]
    questions += [Lookup(helo, kind) for kind in _ADDRESS] if is_public(helo) else []
    replies = ask_all(ctx, questions)  # in one batch: the functions below ask the same
    silent = bool(replies) and all(reply.problem for reply in replies)
    yield from _hostname(ctx, postfix, leaving)
    yield from _sender(ctx, domain, sender, by)
    yield from _helo(ctx, helo, "relay" if way.relay else "direct")
    if way.remote and not way.relay and silent:
        yield unknown("identity.ptr", "this host's public address", "not looked up: the resolver does not answer")
    elif way.remote and not way.relay:
        yield from _ptr(ctx)


def _leaving(ctx: Context, postfix: Mta) -> list[str]:
    """The host's own names to which mail would leave this host. Mail to bare names (root, cron's) goes to $myorigin, and
    mail to the host's names is meant for the host: these must be local here, or resolve."""
    names = (facts.origin(ctx, postfix), postfix.value("myhostname"), ctx.ask(Now()).fqdn)
    found = []
    for name in dict.fromkeys(name.lower().rstrip(".") for name in names if name):
        way = facts.route(ctx, f"root@{name}")
        if way is not None and way.address_class == "default" and way.remote and not way.relay:
            found.append(name)
    return found


def _sent_as(ctx: Context, postfix: Mta, way: facts.Route) -> tuple[str, str]:
    """(the target's sender, else one in $myorigin, which senders without a domain get, as smtp(8) sends it; the table that
    makes it, "" for none)."""
    address = facts.target(ctx).sender or f"root@{facts.origin(ctx, postfix)}"
    parameter = f"{way.program}_generic_maps"
    for reference, key, value in hits(ctx, way.value(parameter), address):
        if "@" in value and not key.startswith("?"):
            made = address.rpartition("@")[0] + value if value.startswith("@") else value
            return made, f"{parameter} ({reference})"
    return address, ""


def _exists(ctx: Context, name: str, kinds: tuple[str, ...]) -> bool | None:
    """Whether DNS has such a record; None when it could not be asked."""
    replies = ask_all(ctx, [Lookup(name, kind) for kind in kinds])
    if any(reply.rcode == "NOERROR" for reply in replies):
        return True
    return None if any(reply.problem or reply.rcode not in ("NODATA", "NXDOMAIN") for reply in replies) else False


def _helo(ctx: Context, name: str, via: str) -> Observations:
    data = {"name": name, "via": via}
    if name.startswith("["):
        yield ok("identity.helo", name, "greets with its address", **data)
    elif not is_public(name):
        yield fail(
            "identity.helo",
            name,
            f"the HELO name {name!r} is not a name in public DNS",
            kind="invalid",
            **data,
        )
    elif (known := _exists(ctx, name, _ADDRESS)) is None:
        yield unknown(
            "identity.helo", name, "could not check whether receivers can resolve it: the lookup failed", **data
        )
    elif known:
        yield ok("identity.helo", name, "greets servers with a name that resolves", **data)
    else:
        yield fail(
            "identity.helo",
            name,
            f"this host greets servers as {name}, which does not resolve",
            kind="unresolvable",
            **data,
        )


def _fails(ctx: Context, domain: str) -> bool:
    """Whether mail to this domain waits, or failed recently."""
    log, queue = facts.mail_log(ctx), facts.queue(ctx)
    failed = {known for _, _, known in log.deliveries} if log else set()
    return domain in failed or any(group.domain == domain for group in (queue.groups if queue else ()))


def _hostname(ctx: Context, postfix: Mta, leaving: list[str]) -> Observations:
    wrong = False
    for name in leaving:
        if _exists(ctx, name, _HOST) is False:
            wrong = True
            text = f"mail to root@{name} would leave this host, since {name} is not in mydestination, and the name does not resolve"
            yield fail("identity.hostname", name, text, domain=name, name=name, failing=_fails(ctx, name))
    if not wrong:
        origin = facts.origin(ctx, postfix)
        text = "mail to this host's own users has a destination"
        yield ok("identity.hostname", origin, text, domain=origin, name=origin)


def _sender(ctx: Context, domain: str, sender: str, by: str) -> Observations:
    target = facts.target(ctx)
    learnt = target.sender is not None
    data: Data = {"domain": domain, "sender": sender if learnt or by else "", "learnt": learnt}
    if not domain:
        return
    known = _exists(ctx, domain, _HOST)
    whose = f"the sender {sender}" if learnt or by else f"senders without a domain (myorigin {domain})"
    if by:
        whose += f", which {by} makes of {target.sender or 'senders without a domain'},"
    if known is None:
        yield unknown("identity.sender-domain", domain, f"the domain of {whose} could not be looked up", **data)
    elif known:
        yield ok("identity.sender-domain", domain, f"the domain of {whose} exists", **data)
    elif learnt:
        yield fail("identity.sender-domain", domain, f"the domain of {whose} does not exist in DNS", **data)
    else:
        yield warn("identity.sender-domain", domain, f"the domain of {whose} does not exist in DNS", **data)


def _ptr(ctx: Context) -> Observations:
    """Observes the PTR of each public address that servers see. Postfix uses IPv4 or IPv6: one without a name spoils
    its share of the mail."""
    seen_as = [a for a in dict.fromkeys((public_address(ctx), *_by_ipv6(ctx))) if a and not is_private(a)]
    if not seen_as:
        yield unknown("identity.ptr", "this host's public address", "unknown: no MX host that echoes it was reached")
        return
    found = [_confirmed(ctx, ipaddress.ip_address(address)) for address in seen_as]
    wrong = [observation for observation in found if observation.status is not Status.OK]
    yield from wrong or found


def _by_ipv6(ctx: Context) -> Iterator[str]:
    """This host's public IPv6 address, if Postfix uses IPv6 and port 25 opens over it."""
    if 6 in families(ctx) and any(t.open for t in egress(ctx).on(25, 6)):
        seen_as = public_address(ctx, 6)
        if ":" in seen_as:
            yield seen_as


def _confirmed(ctx: Context, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Observation:
    reverse = ctx.ask(Lookup(address.reverse_pointer, "PTR"))
    data = {"address": str(address)}
    if reverse.problem or not reverse.tells:
        return unknown("identity.ptr", str(address), "its PTR record could not be looked up", **data)
    names = [name.rstrip(".") for name in reverse.answers]
    if not names:
        text = f"the public address {address} has no PTR record"
        return fail("identity.ptr", str(address), text, kind="missing", **data)
    kind = "AAAA" if address.version == 6 else "A"
    for name in names[:4]:
        if str(address) in ctx.ask(Lookup(name, kind)).answers:
            return ok("identity.ptr", str(address), f"{address} is {name}, forward-confirmed", name=name, **data)
    text = f"{address} is {names[0]}, which does not resolve back to it"
    return fail("identity.ptr", str(address), text, kind="unconfirmed", name=names[0], **data)

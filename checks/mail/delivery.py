"""Do settings hold mail back, discard it or keep it on this host?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from diagnose import facts
from diagnose.check import (
    Context,
    Observation,
    Observations,
    Query,
    Resolve,
    ResolveReply,
    ask_all,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta, Route, exchangers, mta, postfix_log, route, target
from diagnose.facts.dials import interface_addresses
from diagnose.parse.log import brought
from diagnose.parse.system.outcomes import organisation

_LOCAL = ("local", "virtual-mailbox", "virtual-alias")
_DISCARDED = re.compile(r"/discard\[\d+\]: (\w+): to=<([^>]+@[^>]+)>.* status=sent")
_PASSED = re.compile(r"/(?!discard)[\w-]+\[\d+\]: (\w+): to=<[^>]+>.* status=sent")
_COPIES = ("always_bcc", "sender_bcc_maps", "recipient_bcc_maps")
_LOCALLY = re.compile(r"to=<([^>]+@[^>]+)>.* relay=(?:local|virtual),")
_NOBODY = re.compile(
    r"to=<([^>]+@([^>]+))>.* relay=(?:local|virtual|none),.*status=bounced \((?:unknown user|User unknown in)", re.I
)
_REFUSED = re.compile(r"NOQUEUE: reject: RCPT .*User unknown in [\w ]+ table; .* to=<([^>]+@([^>]+))>")
# Postfix keeps the class of a server's reply, unless a filter in its settings changes it.
_MADE_PERMANENT = re.compile(r" to=<[^>]+>,.* dsn=5[^ ]*, status=bounced \(host \S+ said: (4\d\d)[ -]")
_SENDER = re.compile(r": from=<([^>]+@[^>]+)>, size=")
_LISTS = {
    "local": "mydestination",
    "virtual-mailbox": "virtual_mailbox_domains",
    "virtual-alias": "virtual_alias_domains",
}


@check(
    id="delivery",
    title="Mail held back by settings",
    signs=("config.suspended", "config.soft-bounce", "config.recipient-local"),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def delivery(ctx: Context) -> Observations:
    postfix = mta(ctx)
    way = route(ctx)
    if way is None:
        skip("could not determine the route of the mail")
    yield _suspended(postfix, _thrown_away(ctx, postfix) or way)
    if postfix.flag("soft_bounce"):
        text = (
            "soft_bounce = yes: mail that servers refuse permanently is tried again and again instead of being returned"
        )
        yield warn("config.soft-bounce", "soft_bounce", text, parameter="soft_bounce", value="yes")
    yield from _made_permanent(ctx, way)
    yield from _kept(ctx, postfix)


def _made_permanent(ctx: Context, way: Route) -> Observations:
    """A failure if a status or reply filter turned a receiver's 4xx into a bounce, as the log shows."""
    names = ("smtp_delivery_status_filter", "default_delivery_status_filter", "smtp_reply_filter")
    name = next((each for each in names if way.value(each) and not way.settings[each].startswith("$")), "")
    lines = facts.since_start(ctx) if name else ()
    code = next((m[1] for line in lines if (m := _MADE_PERMANENT.search(line))), "")
    if code:
        text = f"{name} = {way.value(name)} makes a permanent failure of the receiver's {code}: the mail comes back instead of being tried again"
        yield fail("config.suspended", name, text, how="return", parameter=name, value=way.value(name))


def _thrown_away(ctx: Context, postfix: Mta) -> Route | None:
    """The route of the last discarded mail, which the log calls sent, if it still leads to discard(8); else None,
    also if a recipient was named. Copies of mail that its recipient got do not count, nor does mail to this host's
    own senders."""
    if target(ctx).recipient:
        return None
    lines = postfix_log(ctx).lines
    copies = any(postfix.value(parameter) for parameter in _COPIES)
    discarded = [m for line in reversed(lines) if (m := _DISCARDED.search(line))]
    passed = {m[1] for line in lines if (m := _PASSED.search(line))} if copies and discarded else set()
    last = next((m for m in discarded if m[1] not in passed and not _sends(m[2], lines)), None)
    way = route(ctx, last[2]) if last else None
    return way if way is not None and way.program == "discard" else None


def _sends(address: str, lines: Iterable[str]) -> bool:
    """Whether this host sends as that address: its bounces are then discarded on purpose."""
    return any(f"from=<{address}>" in line for line in lines)


def _suspended(postfix: Mta, way: Route) -> Observation:
    deferred = postfix.words("defer_transports")
    if way.channel in deferred:
        text = f"defer_transports names {way.channel}, which this mail uses: it waits until someone flushes it"
        return fail(
            "config.suspended", "defer_transports", text, how="defer", parameter="defer_transports", value=way.channel
        )
    why = way.reasons[-1] if way.reasons else way.channel
    parameter = why.partition(" ")[0].rstrip(":")
    if way.program in ("error", "discard") and way.address_class != "virtual-alias":
        how = "discard" if way.program == "discard" else "error"
        does = (
            "discards the mail and reports it as sent" if how == "discard" else "deliberately returns or holds the mail"
        )
        text = f"{why}: the {way.channel} transport {does}"
        return fail(
            "config.suspended",
            way.domain,
            text,
            how=how,
            parameter=parameter,
            value=way.channel,
            domain=way.domain,
            recipient=way.recipient,
        )
    if way.program in ("local", "virtual") and way.address_class not in _LOCAL and "." in way.domain:
        text = f"{why}: mail for other hosts' domains is given to the {way.channel} transport, which looks for the mailboxes here"
        return fail(
            "config.suspended", way.domain, text, how="local", parameter=parameter, value=way.channel, domain=way.domain
        )
    return ok("config.suspended", way.domain, f"mail to {way.domain} goes to the transport {way.channel}")


def _kept(ctx: Context, postfix: Mta) -> Observations:
    """Observes domains whose mail stays on this host although their MX hosts are elsewhere; at most four."""
    recipients = [r for r in (target(ctx).recipient, *_lately_local(ctx)) if r and "@" in r]
    log = postfix_log(ctx)
    own = {postfix.value("myhostname").lower()} - _unknown_here(log.lines) | {"localhost", "localhost.localdomain"}
    listed = _listed(postfix) if log.problem and not log.lines else []
    recipients += listed
    seen: dict[str, str] = {}
    for recipient in recipients:
        domain = recipient.rpartition("@")[2].lower()
        if "." in domain and domain not in own and not domain.endswith((".localdomain", ".local")):
            seen.setdefault(domain, recipient)
    judged = False
    for domain, recipient in list(seen.items())[:4]:
        way = route(ctx, recipient)
        if way is None or way.address_class not in _LOCAL:
            continue
        judged = True
        yield _compare(ctx, way, domain, recipient, sure=recipient not in listed)
    if not judged:
        yield ok("config.recipient-local", "recipients", "no other domain's mail is kept on this host")


def _listed(postfix: Mta) -> list[str]:
    """postmaster@ each domain that main.cf lists as local or virtual, for use where the log names no recipient."""
    words = [word for parameter in _LISTS.values() for word in postfix.words(parameter)]
    return [f"postmaster@{word}" for word in words if re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", word)]


def _sought(lines: Iterable[str]) -> dict[str, str]:
    """Addresses that this host did not know, in lower case, mapped to their domains."""
    found = (_NOBODY.search(line) or _REFUSED.search(line) for line in lines)
    return {match[1].lower(): match[2].lower() for match in found if match}


def _unknown_here(lines: Iterable[str]) -> set[str]:
    """Domains with an address that this host did not know; senders whose bounces came back do not count."""
    nobody = _sought(lines)
    senders = {match[1].lower() for line in lines if (match := _SENDER.search(line))} if nobody else set()
    return {domain for address, domain in nobody.items() if address not in senders}


def _lately_local(ctx: Context) -> list[str]:
    """Recipients that were delivered, or not found, on this host recently; the newest first."""
    found: dict[str, None] = {}
    for line in reversed(postfix_log(ctx).lines):
        match = _LOCALLY.search(line) or _REFUSED.search(line)
        if match and not _another(ctx, line):
            found.setdefault(match[1])
            if len(found) >= 20:
                break
    return list(found)


def _another(ctx: Context, line: str) -> bool:
    """Whether the recipient replaces, by a table of this host, one whose domain is elsewhere (orig_to)."""
    was = re.search(r" orig_to=<([^>]+@[^>]+)>", line)
    way = route(ctx, was[1]) if was else None
    return way is not None and way.address_class not in _LOCAL and "." in way.domain


def _compare(ctx: Context, way: Route, domain: str, recipient: str, sure: bool) -> Observation:
    parameter = _LISTS[way.address_class]
    told = f"{parameter} lists {domain}, so its mail stays on this host"
    data = {"domain": domain, "recipient": recipient, "parameter": parameter}
    found = exchangers(ctx, domain)
    if found.kind == "unknown":
        return unknown("config.recipient-local", domain, f"{told}; its MX hosts are not known: {found.problem}", **data)
    if found.kind != "mx":
        return ok("config.recipient-local", domain, f"{told}, and it has no other MX host", **data)
    queries: list[Query[ResolveReply]] = [Resolve(host) for host in found.hosts[:3]]
    addresses = {address for reply in ask_all(ctx, queries) for address in reply.addresses}
    here = {one.address for one in interface_addresses(ctx)}
    named = way.value("myhostname").lower() in found.hosts
    if named or addresses & here:
        return ok("config.recipient-local", domain, f"{told}, and its MX {found.hosts[0]} is this host", **data)
    clients = brought.clients(postfix_log(ctx).lines, domain)
    if {organisation(name) for name in clients} & {organisation(host) for host in found.hosts}:
        text = f"{told}, and its MX {found.hosts[0]} hands its mail on to this host"
        return ok("config.recipient-local", domain, text, **data)
    if clients:
        text = f"{told}: {clients[-1]} brings mail for it here, while its MX is {found.hosts[0]}, another host"
        return warn("config.recipient-local", domain, text, host=found.hosts[0], **data)
    if not sure:
        # Mail may come in through a third party's filter, and be meant for this host.
        text = f"{told}, while its MX is {found.hosts[0]}: mail that programs here send to it never leaves"
        return warn("config.recipient-local", domain, text, host=found.hosts[0], **data)
    if not _certain(ctx, domain, here):
        text = f"{told}; its MX is {found.hosts[0]}, which may be this host as seen from outside"
        return warn("config.recipient-local", domain, text, host=found.hosts[0], **data)
    if not addresses:
        return unknown("config.recipient-local", domain, f"{told}; its MX {found.hosts[0]} has no address", **data)
    text = f"{told}, while its MX is {found.hosts[0]}, another host: this mail never leaves"
    return fail("config.recipient-local", domain, text, host=found.hosts[0], **data)


def _certain(ctx: Context, domain: str, here: set[str]) -> bool:
    """Whether the MX host is certainly another one: this host has a public address of its own, or lacked a recipient
    of the domain. Behind NAT it does not see its public address."""
    if any(ipaddress.ip_address(a.partition("%")[0]).is_global for a in here):
        return True
    return domain in _sought(postfix_log(ctx).lines).values()

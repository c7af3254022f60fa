"""The first packets that Postfix would send, and this host's routes and policy rules that reject or divert them.

own_tried(ctx, way)          the dials to the mail's next hop, as Postfix makes them
packets(ctx, way)            one for each address of the next hop
apart(ctx, port)             whether Postfix's user is routed otherwise than this one
detour(ctx, lost, packets)   the specific route or rule that a failed connect followed
refusals(ctx, packets)       the routes and rules that reject them
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from diagnose import facts
from diagnose.errors import Late
from diagnose.facts.asks import Asks, ask_all
from diagnose.facts.dials import Tried, dial_address, near_end, tried
from diagnose.facts.network import MailPort, addresses, families, helo_name
from diagnose.facts.patience import wait
from diagnose.host.query import Dial, DialReply, Exec, Read
from diagnose.parse.system import iproute
from diagnose.parse.system.own_network import is_private
from diagnose.parse.system.packet import Packet
from diagnose.record import dataclass

DIALLED = 3  # MX hosts of the recipient
DESTINATIONS = 4  # addresses of the next hop considered; '' stands for any public one
ANYWHERE = {4: "9.9.9.9", 6: "2620:fe::fe"}  # a public address that the default route leads to
REFUSING = ("prohibit", "blackhole", "unreachable")


@dataclass(frozen=True)
class Refusal:
    """kind: route, rule, or network (an interface's netmask that covers others' addresses); text: in the syntax of
    ip(8); fix: the command that removes or bypasses it; proven: it was seen to be the cause, not what lies beyond
    it."""

    packet: Packet
    kind: str
    text: str
    fix: str
    proven: bool = False


def all_stopped(packets: Sequence[Packet], stopped: Sequence[Packet]) -> bool:
    """Whether every packet of the decisive family is stopped: IPv4, or IPv6 if there is no other."""
    family = min(packet.family for packet in packets)
    wanted = {packet.destination for packet in packets if packet.family == family}
    return wanted <= {packet.destination for packet in stopped if packet.family == family}


def exchangers_tried(ctx: Asks, hosts: tuple[str, ...], port: int) -> list[Tried]:
    """Dials each host's first address in each family that Postfix uses, up to EHLO within TLS."""
    used = families(ctx)
    found4 = addresses(ctx, hosts, "A") if 4 in used else {}
    found6 = addresses(ctx, hosts, "AAAA") if 6 in used else {}
    firsts = ((host, found.get(host, ())[:1]) for host in hosts for found in (found4, found6))
    wanted = list(dict.fromkeys((host, address) for host, first in firsts for address in first))
    helo, end = helo_name(ctx), near_end(ctx)
    way = facts.route(ctx)
    tls = facts.tls_mode(ctx, way).dial if way is not None and way.remote else "none"
    timeout = wait(ctx)
    queries = [
        replace(dial_address(address, port, host, say="ehlo", helo=helo, **end), tls=tls, timeout=timeout)
        for host, address in wanted
    ]
    replies = ask_all(ctx, queries)
    return [tried(host, host, q, r) for (host, _), q, r in zip(wanted, queries, replies, strict=True)]


def own_tried(ctx: Asks, way: MailPort) -> tuple[Tried, ...]:
    """The dials to the mail's own next hop, the same as in the relay checks; () without any in time."""
    from diagnose.facts.relay import relay_route, session, way_in

    if not ctx.settings.network or not way.hosts:
        return ()
    try:
        if not way.relay:
            return tuple(exchangers_tried(ctx, way.hosts[:DIALLED], way.port))
        route = relay_route(ctx)
        if route is None:
            return ()
        reply = session(ctx, route).reply
    except Late:
        return ()
    host = way_in(ctx, route).host
    query = Dial(host=host, port=way.port)
    if reply.connected:
        return (tried(host, host, replace(query, host=reply.address), reply),)
    return tuple(
        tried(host, host, replace(query, host=one.address), DialReply(attempts=(one,), problem=reply.problem))
        for one in reply.attempts
    )


def packets(ctx: Asks, way: MailPort) -> tuple[Packet, ...]:
    """One packet for each of the next hop's addresses and each family in use, as Postfix's user would send it."""
    here = facts.mailer(ctx)
    owner = here.account if here else facts.mta(ctx).value("mail_owner") or "postfix"
    accounts = _rows(ctx, "/etc/passwd")
    users, groups = _ids(accounts), _ids(_rows(ctx, "/etc/group"))
    who = Packet(
        port=way.port,
        uid=users.get(owner),
        # Its primary group: Postfix's daemons run with it, and a rule's gid is the process's own.
        gid=next((int(row[3]) for row in accounts if row[0] == owner and row[3:] and row[3].isdecimal()), None),
        users=tuple(users.items()),
        groups=tuple(groups.items()),
    )
    made = []
    used = families(ctx)
    for family in used:
        found = addresses(ctx, way.hosts, "A" if family == 4 else "AAAA") if way.hosts and ctx.settings.network else {}
        names = dict.fromkeys(a for known in found.values() for a in known if (":" in a) == (family == 6))
        names = names or lost_of_late(ctx, way.port, family)
        if way.hosts and not names and (family == 6 or any(found.values())):
            continue
        table = iproute.routes(ctx.ask(Exec(("ip", "-j", f"-{family}", "route"))).out, family)
        for destination in [*names][:DESTINATIONS] or [""]:
            taken = iproute.route_for(table, destination or ANYWHERE[family])
            made.append(
                replace(
                    who,
                    family=family,
                    destination=destination,
                    oif="lo"
                    if destination and ipaddress.ip_address(destination).is_loopback
                    else taken.device
                    if taken
                    else "",
                )
            )
    return tuple(made) or (who,)


def lost_of_late(ctx: Asks, port: int, family: int) -> dict[str, None]:
    """The addresses that Postfix recently failed to connect to, from the log and the queue."""
    log, waiting = facts.mail_log(ctx), facts.queue(ctx)
    reasons = [] if log is None else [r for group in log.deliveries.values() for r in group.sample.reasons]
    reasons += [] if waiting is None else [group.reason for group in waiting.groups if group.reason is not None]
    found = [
        r.peer_address
        for r in reasons
        if r.label.startswith("connect-") and r.peer_address and r.peer_port in (port, None)
    ]
    return dict.fromkeys(a for a in found if (":" in a) == (family == 6) and a[:1] in "0123456789abcdef:")


def _rows(ctx: Asks, path: str) -> list[list[str]]:
    """The entries of /etc/passwd or /etc/group, each as its fields: name, password, id and the rest."""
    rows = [line.split(":") for line in ctx.ask(Read(path)).text.splitlines()]
    return [row for row in rows if len(row) > 2]


def _ids(rows: list[list[str]]) -> dict[str, int]:
    return {row[0]: int(row[2]) for row in rows if row[2].isdecimal()}


def detour(ctx: Asks, lost: Tried, made: Sequence[Packet]) -> Refusal | None:
    """The route, rule or netmask that led a failed connect elsewhere than the default route; None if none did."""
    packet = next((one for one in made if one.destination == lost.address), None)
    if packet is None:
        return None
    local = lost.reply.attempts[-1].local if lost.reply.attempts and near_end(ctx)["bind"] else ""
    family = f"-{packet.family}"
    queries = [
        _route_get(packet, local),
        Exec(("ip", "-j", family, "route", "get", ANYWHERE[packet.family])),
        Exec(("ip", "-j", family, "route")),
        Exec(("ip", "-j", "addr")),
        Exec(("ip", "-j", family, "rule")),
    ]
    got, usual, table, own, listing = ask_all(ctx, queries)
    ways = [next(iter(iproute.routes(reply.out, packet.family)), None) for reply in (got, usual)]
    taken, default = ways
    if taken is None or default is None:
        return None
    version = "" if packet.family == 4 else " -6"
    listed = iproute.route_for(iproute.routes(table.out, packet.family), packet.destination)
    if (taken.gateway, taken.device) == (default.gateway, default.device):
        if (
            listed is not None
            and listed.source == taken.source != default.source
            and _passes(ctx, packet, source=default.source)
        ):
            text = f"{listed.destination} {_hop(taken)} src {listed.source}"
            return Refusal(packet, "route", text, f"ip{version} route del {text}", proven=True)
        return _marked(ctx, lost, packet, default.device, iproute.policy_rules(listing.out))
    here = ipaddress.ip_address(packet.destination)
    if here.is_loopback:
        return None
    private = is_private(packet.destination)
    near = [ipaddress.ip_interface(f"{a.address}/{a.prefix}") for a in iproute.addresses(own.out)]
    ours = next((one for one in near if here in one.network), None) if not taken.gateway else None
    beside = taken.device == default.device
    # Truly in the same network; but a public address in a private interface's network shows too wide a netmask.
    if ours and beside and (private or not is_private(str(ours.ip))):
        return None
    proven = bool(ours and beside) or _passes(ctx, packet, default.device)
    if ours:
        if private and not proven:
            return None
        past = f"ip{version} route add {packet.destination} {_hop(default)}"
        return Refusal(packet, "network", f"{ours.network} dev {taken.device}", past, proven)
    way = _hop(taken)
    if listed is not None and (listed.gateway, listed.device) == (taken.gateway, taken.device):
        text = f"{listed.destination} {way}"
        return Refusal(packet, "route", text, f"ip{version} route del {text}", proven)
    rule = _leading(iproute.policy_rules(listing.out), packet)
    there = f"del priority {rule.priority}" if rule else "show, and del the rule that leads there"
    return Refusal(packet, "rule", f"a table of its own, {way}", f"ip{version} rule {there}", proven)


def _route_get(packet: Packet, source: str = "") -> Exec:
    """The query how the kernel routes such a packet of Postfix's user."""
    wanted = ["ipproto", "tcp", "dport", str(packet.port)]
    wanted += ["uid", str(packet.uid)] if packet.uid is not None else []
    wanted += ["from", source] if source else []
    return Exec(("ip", "-j", f"-{packet.family}", "route", "get", packet.destination, *wanted))


def apart(ctx: Asks, port: int) -> bool:
    """Whether the kernel routes Postfix's user to the Internet differently from this user."""
    (packet, *_) = packets(ctx, MailPort(port=port))
    there = replace(packet, destination=ANYWHERE[packet.family])
    own = replace(there, uid=None)
    mine, other = ask_all(ctx, [_route_get(own), _route_get(there)])
    ways = [iproute.routes(reply.out, packet.family)[:1] for reply in (mine, other)]
    return mine.code == 0 and [(r.gateway, r.device) for r in ways[0]] != [(r.gateway, r.device) for r in ways[1]]


def _leading(rules: Sequence[iproute.PolicyRule], packet: Packet) -> iproute.PolicyRule | None:
    """The first rule that sends the packet to a table other than the standard ones, None without one."""
    own = (r for r in rules if r.action == "lookup" and r.table not in ("local", "main", "default"))
    return next((r for r in own if iproute.applies(r, packet.port, packet.uid)), None)


def _hop(route: iproute.Route) -> str:
    """A route's gateway and device in the syntax of ip(8)."""
    return " ".join(f"{word} {value}" for word, value in (("via", route.gateway), ("dev", route.device)) if value)


def _passes(ctx: Asks, packet: Packet, device: str = "", source: str = "") -> bool:
    """Whether a connect bound to that interface, or from that address, succeeds."""
    there = dial_address(packet.destination, packet.port, packet.destination, bind=source)
    return ctx.ask(replace(there, device=device)).connected


def _marked(ctx: Asks, lost: Tried, packet: Packet, usual: str, rules: Sequence[iproute.PolicyRule]) -> Refusal | None:
    """The fwmark rule that explains why a packet was seen to leave by another interface than `usual`, the default
    route's, or not to leave; else None. Which packets get the mark, only the packet filter knows."""
    device = lost.reply.attempts[-1].device if lost.reply.attempts else ""
    command = "ip rule" if packet.family == 4 else "ip -6 rule"
    for rule in rules:
        if "fwmark" not in rule.selector or rule.action != "lookup":
            continue
        text = f"{rule.selector} lookup {rule.table} (priority {rule.priority})"
        if lost.wire == "kept":
            listed = ctx.ask(Exec(("ip", "-j", f"-{packet.family}", "route", "show", "table", rule.table))).out
            taken = iproute.route_for(iproute.routes(listed, packet.family), packet.destination)
            why = f"to {taken.type} {taken.destination}" if taken is not None and taken.refuses else ""
        else:
            why = f"by {device}" if device and device != usual else ""
        if why:
            return Refusal(packet, "rule", f"{text}, {why}", f"{command} del priority {rule.priority}", proven=True)
    return None


def refusals(ctx: Asks, made: Sequence[Packet]) -> tuple[tuple[Refusal, ...], str]:
    """(the routes and rules that reject the packets, why routes could not be read or "")."""
    found: list[Refusal] = []
    for family in sorted({packet.family for packet in made}):
        route, rule = ask_all(ctx, [Exec(("ip", "-j", f"-{family}", what)) for what in ("route", "rule")])
        if route.problem or route.code:
            return (), route.problem or "ip failed"
        version = "" if family == 4 else " -6"
        table, rules = iproute.routes(route.out, family), iproute.policy_rules(rule.out)
        for packet in made:
            if packet.family != family:
                continue
            taken = iproute.route_for(table, packet.destination) if packet.destination else None
            if taken is not None and taken.refuses:
                text = f"{taken.type} {taken.destination}"
                found.append(Refusal(packet, "route", text, f"ip{version} route del {text}"))
            for one in rules:
                if one.action in REFUSING and iproute.applies(one, packet.port, packet.uid):
                    text = f"{one.action} {one.selector}".strip() + f" (priority {one.priority})"
                    found.append(Refusal(packet, "rule", text, f"ip{version} rule del priority {one.priority}"))
            leading = _leading(rules, packet) if packet.destination else None
            if leading is not None and ctx.ask(_route_get(packet)).code:
                text = f"{leading.selector} lookup {leading.table} (priority {leading.priority})"
                found.append(Refusal(packet, "rule", text, f"ip{version} rule del priority {leading.priority}"))
    return tuple(found), ""

"""Does a rule or route of this very host stop outgoing mail?

Judged for the packet that Postfix would send: its port, its destination, its user.
"""

import ipaddress
from collections.abc import Iterator, Sequence

from diagnose import facts
from diagnose.check import Context, Exec, Now, Read, ask_all, check, fail, ok, skip, unknown, warn
from diagnose.facts_network import MailPort, addresses, families, is_private, mail_port
from diagnose.model import Observation, Scalar, Status
from diagnose.parse import iproute, iptables, nft
from diagnose.parse.packet import ACCEPT, Packet, Verdict

DESTINATIONS = 4  # of the next hop's addresses that are judged; '' stands for any public one
Found = tuple[Packet, str, Verdict]


@check(
    id="firewall",
    title="This host's own firewall and routes",
    signs=("firewall.smtp", "firewall.route", "firewall.redirect"),
    informational=("firewall.redirect",),
    tags=("network",),
    timeout=9.0,
)
def check_firewall(ctx: Context) -> Iterator[Observation]:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    packets = _packets(ctx, way)
    refused = False
    for observation in _routes(ctx, way, packets):
        refused = refused or observation.status is Status.FAILED
        yield observation
    verdicts, gap = _rules(ctx, packets)
    subject = f"TCP {way.port}"
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay}
    stops = [(packet, tool, verdict) for packet, tool, verdict in verdicts if verdict.stops]
    sure = [found for found in stops if found[2].certain]
    for packet, tool, verdict in verdicts:
        if verdict.action == "redirect":
            text = f"a NAT rule of this host sends port {packet.port} elsewhere: {verdict.rule}"
            yield warn("firewall.redirect", subject, text, tool=tool, rule=verdict.rule, **data)
            break
    if sure and _all_stopped(packets, sure):
        packet, tool, verdict = sure[0]
        data |= {"fix": _fix(way.port, packet, tool, verdict), **_data(tool, verdict)}
        yield fail("firewall.smtp", subject, _words(way, packet, tool, verdict), **data)
    elif stops:
        packet, tool, verdict = (sure or stops)[0]
        text = _words(way, packet, tool, verdict) + (f", unless it depends on {verdict.doubt}" if verdict.doubt else "")
        some = "for some of its addresses only: " if sure else "perhaps: "
        yield warn("firewall.smtp", subject, some + text, **data, **_data(tool, verdict))
    elif gap:
        yield unknown("firewall.smtp", subject, f"packet filter rules could not be read ({gap}): one of them might stop mail")
    elif not refused:
        yield ok("firewall.smtp", subject, f"no packet filter rule of this host stops port {way.port}", port=way.port)


def _all_stopped(packets: Sequence[Packet], stops: Sequence[Found]) -> bool:
    """Whether no packet of the decisive family gets out: IPv4's, or IPv6's where there is no other."""
    family = min(p.family for p in packets)
    wanted = {p.destination for p in packets if p.family == family}
    return wanted <= {p.destination for p, _, _ in stops if p.family == family}


def _data(tool: str, verdict: Verdict) -> dict[str, Scalar]:
    return {
        "tool": tool, "rule": verdict.rule, "table": verdict.table, "chain": verdict.chain, "owner": verdict.owner,
        "action": verdict.action, "by_user": verdict.by_user, "packets": verdict.packets,
    }  # fmt: skip


def _fix(port: int, packet: Packet, tool: str, verdict: Verdict) -> str:
    """What lets the packet pass at once, in the words of the tool that keeps the rule."""
    if verdict.owner == "ufw":
        return f"To let it pass: ufw allow out {port}/tcp"
    if verdict.owner == "csf":
        return "To let Postfix pass: name its user in SMTP_ALLOWUSER of /etc/csf/csf.conf, then csf -r"
    if tool == "nftables":
        place = " ".join(part for part in (verdict.table, verdict.chain) if part)
        return f"To let it pass at once: nft insert rule {place} tcp dport {port} accept"
    command = tool if packet.family == 4 else tool.replace("iptables", "ip6tables", 1).replace("ip6ip6", "ip6")
    return f"To let it pass at once: {command} -I OUTPUT -p tcp --dport {port} -j ACCEPT"


def _words(way: MailPort, packet: Packet, tool: str, verdict: Verdict) -> str:
    where = " ".join(part for part in (verdict.table, verdict.chain) if part)
    text = f"{tool} {verdict.action}s TCP {way.port}" + (f" to {packet.destination}" if packet.destination else "")
    if verdict.by_user:
        text += " of the user that Postfix runs as"
    text += f": {verdict.rule} (in {where})" if where else f": {verdict.rule}"
    return text + (f", {verdict.packets} packets so far" if verdict.packets else "")


# What Postfix would send --------------------------------------------------------------------------------------------


def _packets(ctx: Context, way: MailPort) -> tuple[Packet, ...]:
    owner = facts.mta(ctx).value("mail_owner") or "postfix"
    users = _users(ctx)
    packets = []
    used = families(ctx)
    for family in used:
        found = addresses(ctx, way.hosts, "A" if family == 4 else "AAAA") if way.hosts and ctx.settings.network else {}
        names = dict.fromkeys(a for known in found.values() for a in known if (":" in a) == (family == 6))
        names = names or _tried(ctx, way.port, family)
        if way.hosts and not names and (family == 6 or any(found.values())):
            continue
        table = iproute.routes(ctx.ask(Exec(("ip", "-j", f"-{family}", "route"))).out, family)
        for destination in [*names][:DESTINATIONS] or [""]:
            taken = iproute.route_for(table, destination or ("9.9.9.9" if family == 4 else "2620:fe::fe"))
            packets.append(
                Packet(
                    port=way.port,
                    family=family,
                    uid=users.get(owner),
                    destination=destination,
                    oif="lo" if destination and ipaddress.ip_address(destination).is_loopback else taken.device if taken else "",
                    users=tuple(users.items()),
                )
            )
    return tuple(packets) or (Packet(port=way.port, uid=users.get(owner), users=tuple(users.items())),)


def _tried(ctx: Context, port: int, family: int) -> dict[str, None]:
    """The addresses that Postfix could not connect to of late: where names cannot be asked for, the log knows them."""
    log = facts.mail_log(ctx)
    reasons = [] if log is None else [r for group in log.deliveries.values() for r in group.sample.reasons]
    found = [
        r.peer_address
        for r in reasons
        if r.label.startswith("connect-") and r.peer_address and r.peer_port in (port, None)
    ]
    return dict.fromkeys(a for a in found if (":" in a) == (family == 6) and a[:1] in "0123456789abcdef:")


def _users(ctx: Context) -> dict[str, int]:
    found = {}
    for line in ctx.ask(Read("/etc/passwd")).text.splitlines():
        part = line.split(":")
        if len(part) > 2 and part[2].isdigit():
            found[part[0]] = int(part[2])
    return found


# Rules --------------------------------------------------------------------------------------------------------------


def _rules(ctx: Context, packets: Sequence[Packet]) -> tuple[list[Found], str]:
    """Every verdict but plain acceptance, the surest first, and why something could not be read."""
    root = ctx.ask(Now()).root
    listing = ctx.ask(Exec(("nft", "-j", "list", "ruleset")))
    gap = ""
    found: list[Found] = []
    if listing.problem or listing.code:
        gap = "no nft command" if (listing.problem or "").startswith("not found") else "this takes root"
    else:
        ruleset = nft.parse(listing.out)
        found += [(packet, "nftables", nft.judge(ruleset, packet)) for packet in packets]
        gap = ruleset.findings[0] if ruleset.findings else ""
    if root:
        readable = False
        for argv, family in _commands(ctx, listing.out if not listing.problem else ""):
            reply = ctx.ask(Exec(argv))
            if reply.problem or reply.code:
                continue
            readable = True
            tables = iptables.parse(reply.out)
            found += [(p, argv[0].replace("-save", ""), iptables.judge(tables, p)) for p in packets if p.family == family]
        if readable and gap == "no nft command":
            gap = ""
    kept = [(p, tool, v) for p, tool, v in found if v != ACCEPT and (v.stops or v.action == "redirect")]
    kept.sort(key=lambda row: (not row[2].certain, row[0].family, not row[1].startswith("iptables")))
    return kept, gap


def _commands(ctx: Context, ruleset: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """iptables' tables, where there are any: to list the old kind loads its kernel modules, which a look must not do."""
    for name, family in (("iptables", 4), ("ip6tables", 6)):
        old = ctx.ask(Read(f"/proc/net/{'ip' if family == 4 else 'ip6'}_tables_names")).text.split()
        if old:
            yield (f"{name}-legacy-save", "-c"), family
            yield (f"{name}-save", "-c"), family
        elif not ruleset or '"xt"' in ruleset:
            yield (f"{name}-nft-save", "-c"), family
            yield (f"{name}-save", "-c"), family


# Routes -------------------------------------------------------------------------------------------------------------


def _routes(ctx: Context, way: MailPort, packets: Sequence[Packet]) -> Iterator[Observation]:
    subject = f"route to TCP {way.port}"
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay}
    refused: list[tuple[Packet, str, str]] = []
    for family in sorted({p.family for p in packets}):
        route, rule = ask_all(ctx, [Exec(("ip", "-j", f"-{family}", "route")), Exec(("ip", "-j", f"-{family}", "rule"))])
        if route.problem or route.code:
            why = route.problem or "ip failed"
            yield unknown("firewall.route", subject, f"routes could not be read ({why}): one might refuse mail")
            return
        table, rules = iproute.routes(route.out, family), iproute.policy_rules(rule.out)
        for packet in packets:
            if packet.family != family:
                continue
            taken = iproute.route_for(table, packet.destination) if packet.destination else None
            if taken is not None and taken.refuses:
                refused.append((packet, "route", f"{taken.type} {taken.destination}"))
            for one in rules:
                strict = one.action in ("prohibit", "blackhole", "unreachable")
                if strict and iproute.applies(one, packet.port, packet.uid):
                    text = f"{one.action} {one.selector}".strip() + f" (priority {one.priority})"
                    refused.append((packet, "rule", text))
    if not refused:
        yield ok("firewall.route", subject, "no route or routing rule of this host refuses it", port=way.port)
        return
    packet, kind, text = refused[0]
    what = f"ip {kind}: {text}" + (f" covers {packet.destination}" if packet.destination else "")
    main = min(p.family for p in packets)
    wanted = {p.destination for p in packets if p.family == main}
    whole = wanted <= {p.destination for p, _, _ in refused if p.family == main}
    say = fail if whole else warn
    data |= {"kind": kind, "rule": text, "action": text.split()[0], "public": not is_private(packet.destination)}
    version = "" if packet.family == 4 else " -6"
    selector = f"route del {text}" if kind == "route" else f"rule del priority {text.rpartition('priority ')[2].rstrip(')')}"
    yield say("firewall.route", subject, what, fix=f"To take it out at once: ip{version} {selector}", **data)

"""Does this very host stop outgoing mail, and by which rule of its packet filter?

Whether it does is seen on the wire while Postfix's own connects are made, where root asks; the rules then name what did it.
"""

from collections.abc import Iterator, Sequence

from diagnose.check import Context, Exec, Now, Read, check, fail, ok, skip, unknown, warn
from diagnose.facts.network import MailPort, Tried, mail_port
from diagnose.facts.packets import all_stopped, own_tried, packets, refusals
from diagnose.model import Observation, Scalar
from diagnose.parse.system import iptables, nft
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.system.packet import ACCEPT, Packet, Verdict

Found = tuple[Packet, str, Verdict]
FIND = "Find the rule by the commands below: of the output hook, or of the input hook for the answers."


@check(
    id="firewall",
    title="This host's own firewall",
    signs=("firewall.smtp", "firewall.redirect"),
    tags=("network",),
    timeout=9.0,
)
def check_firewall(ctx: Context) -> Iterator[Observation]:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    made = packets(ctx, way)
    verdicts, gap = _rules(ctx, made)
    subject = f"TCP {way.port}"
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay}
    stops = [(packet, tool, verdict) for packet, tool, verdict in verdicts if verdict.stops]
    sure = [found for found in stops if found[2].certain]
    own = own_tried(ctx, way)
    here = [t for t in own if t.wire in ("kept", "answered") and t.outcome is Outcome.LOCAL]
    turned = [found for found in verdicts if found[2].action == "redirect"]
    for packet, tool, verdict in turned[:1]:
        text = f"a NAT rule of this host sends port {packet.port} elsewhere: {verdict.rule}"
        fix = f"Delete the rule that sends it elsewhere, or repair what it is sent to: {verdict.rule}"
        yield warn("firewall.redirect", subject, text, fix=fix, **data, **_data(tool, verdict))
    if here and len(here) == len([t for t in own if t.family == here[0].family]):
        yield fail("firewall.smtp", subject, _seen(way, here[0], verdicts), **data, **_named(way, here[0], verdicts))
    elif any(t.open or t.wire == "sent" for t in own) and not [found for found in stops if found[2].by_user]:
        text = (
            "connects as Postfix does" if any(t.open for t in own) else "its packets leave this host, seen on the wire"
        )
        yield ok("firewall.smtp", subject, f"no rule of this host stops port {way.port}: {text}", port=way.port)
    elif sure and all_stopped(made, [packet for packet, _, _ in sure]):
        packet, tool, verdict = sure[0]
        data |= {"fix": _fix(way.port, packet, tool, verdict), **_data(tool, verdict)}
        yield fail("firewall.smtp", subject, _words(way, packet, tool, verdict), **data)
    elif stops:
        packet, tool, verdict = (sure or stops)[0]
        text = _words(way, packet, tool, verdict) + (f", unless it depends on {verdict.doubt}" if verdict.doubt else "")
        some = "for some of its addresses only: " if sure else "perhaps: "
        yield warn("firewall.smtp", subject, some + text, **data, **_data(tool, verdict))
    elif gap:
        yield unknown(
            "firewall.smtp", subject, f"packet filter rules could not be read ({gap}): one of them might stop mail"
        )
    elif not turned and not refusals(ctx, made)[0]:  # else there is something of this host against it
        yield ok("firewall.smtp", subject, f"no packet filter rule of this host stops port {way.port}", port=way.port)


def _named(way: MailPort, stopped: Tried, verdicts: Sequence[Found]) -> dict[str, Scalar]:
    """The rule that explains what was seen, and what lets the packet pass."""
    named = next((found for found in verdicts if stopped.wire == "kept"), None)
    if named is None:
        return {"wire": stopped.wire, "action": "drop", "by_user": False, "fix": FIND}
    packet, tool, verdict = named
    return {"wire": stopped.wire, "fix": _fix(way.port, packet, tool, verdict), **_data(tool, verdict)}


def _seen(way: MailPort, stopped: Tried, verdicts: Sequence[Found]) -> str:
    end = f"TCP {way.port} to {stopped.address}"
    if stopped.wire == "answered":
        return f"{end}: the server's answer reaches this host, which discards it (INPUT rules, connection tracking, rp_filter)"
    named = next(iter(verdicts), None)
    text = f"{end}: packets of Postfix's user do not leave this host, seen on the wire"
    if named is None:
        return f"{text}; no rule that was understood does it"
    _, tool, verdict = named
    return f"{text}; {tool}: {verdict.rule or verdict.doubt}"


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
            found += [
                (p, argv[0].replace("-save", ""), iptables.judge(tables, p)) for p in packets if p.family == family
            ]
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

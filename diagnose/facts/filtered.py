"""This host's packet filters: their rules, what these do with a packet, and the command that lets it pass.

listed(ctx)                   the rules as each tool lists them
judgements(rules, packets)    the rules that stop or divert packets
like(rules, packets, re)      the rules that packets may pass, and in which a pattern occurs
opening(ctx, port, found)     the command that lets it pass, for the tool that owns the rule
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from diagnose.facts.asks import Asks
from diagnose.host.query import Exec, Now, Read, Stat
from diagnose.parse.system import iptables, nft
from diagnose.parse.system.packet import Packet, Verdict
from diagnose.parse.system.ruleset import Ruleset, judge, passed
from diagnose.record import dataclass


@dataclass(frozen=True)
class Found:
    """What a tool's rules do with a packet, or may do (`verdict.certain` is False)."""

    packet: Packet
    tool: str
    verdict: Verdict


def like(each: Sequence[Listed], made: Sequence[Packet], pattern: re.Pattern[str]) -> Iterator[Found]:
    """The rules that mail's packets may pass on their way out, and in which the pattern occurs."""
    for tool, rules, family in each:
        for packet in (one for one in made if family in (0, one.family)):
            for chain, rule in passed(rules, packet):
                if pattern.search(rule.text):
                    verdict = Verdict(
                        action="alter", rule=rule.text, table=chain.table, chain=chain.name, certain=False
                    )
                    yield Found(packet, tool, verdict)


def opening(ctx: Asks, port: int, one: Found) -> str:
    """A command that lets the packet pass at once, for the tool that owns the rule."""
    packet, tool, verdict, proto = one.packet, one.tool, one.verdict, one.packet.proto
    if verdict.owner == "fail2ban" and ctx.ask(Stat("/usr/bin/fail2ban-client")).exists:
        return f"To lift the ban: fail2ban-client unban {packet.destination}"
    if packet.answer:
        rule = f"saddr {packet.destination} {proto} sport {port} ct state established accept"
        place = f"{verdict.table} {verdict.chain} {'ip' if packet.family == 4 else 'ip6'}"
        if tool == "nftables":
            return f"To let the answers in at once: nft insert rule {place} {rule}"
        return f"To let the answers in at once: {tool} -I INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
    if verdict.action == "redirect":
        if tool == "nftables":
            return f"To let it go where it is meant to: nft insert rule {verdict.table} {verdict.chain} {proto} dport {port} accept"
        return f"To let it go where it is meant to: {tool} -t nat -I OUTPUT -p {proto} --dport {port} -j ACCEPT"
    if verdict.owner == "ufw":
        return f"To let it pass: ufw allow out {port}/{proto}"
    if verdict.owner == "firewalld":
        return f"To let it pass: {_firewalld(packet, verdict, port)}"
    if verdict.owner == "csf":
        return "To let Postfix pass: name its user in SMTP_ALLOWUSER of /etc/csf/csf.conf, then csf -r"
    if verdict.action == "alter" and tool != "nftables":
        return f"To let it pass unchanged: {tool} -t {verdict.table} -I {verdict.chain} -p {proto} --dport {port} -j ACCEPT"
    if tool == "nftables":
        place = " ".join(part for part in (verdict.table, verdict.chain) if part)
        return f"To allow it until the next reload: nft insert rule {place} {proto} dport {port} accept"
    return f"To allow it until the next reload: {tool} -I OUTPUT -p {proto} --dport {port} -j ACCEPT"


def _firewalld(packet: Packet, verdict: Verdict, port: int) -> str:
    """The command that accepts the port before the other rules of the policy that drops it, or before a direct rule."""
    policy = re.fullmatch(r"filter_OUT_policy_(.+?)(?:_(?:pre|log|deny|allow|post))?", verdict.chain)
    if policy is None:
        kind = "ipv4" if packet.family == 4 else "ipv6"
        return f"firewall-cmd --direct --add-rule {kind} filter OUTPUT 0 -p {packet.proto} --dport {port} -j ACCEPT"
    rule = f'rule priority="-32768" port port="{port}" protocol="{packet.proto}" accept'
    return f"firewall-cmd --policy={policy[1]} --add-rich-rule='{rule}'"


Listed = tuple[str, Ruleset, int]
"""The tool that lists the rules, the rules, and their address family, 0 for both."""


def listed(ctx: Asks) -> tuple[list[Listed], str]:
    """This host's rules as each tool lists them; and why rules could not be read, or ""."""
    root = ctx.ask(Now()).root
    listing = ctx.ask(Exec(("nft", "list", "ruleset")))
    gap = ""
    found: list[Listed] = []
    if listing.problem or listing.code:
        gap = "no nft command" if (listing.problem or "").startswith("not found") else "this takes root"
    else:
        found.append(("nftables", nft.parse(listing.out), 0))
    for argv, family in _commands(ctx, listing.out if not listing.problem else "") if root else ():
        reply = ctx.ask(Exec(argv))
        if not reply.problem and not reply.code:
            found.append((argv[0].replace("-save", ""), iptables.parse(reply.out, family), family))
            gap = "" if gap == "no nft command" else gap
    return found, gap


def judgements(each: Sequence[Listed], made: Sequence[Packet]) -> list[Found]:
    """Every stop and redirection found, certain ones first."""
    found = [
        one
        for tool, rules, family in each
        for one in _judged(tool, rules, [p for p in made if family in (0, p.family)])
    ]
    found.sort(key=lambda one: (not one.verdict.certain, one.packet.answer, one.packet.family, one.tool == "nftables"))
    return found


def _judged(tool: str, rules: Ruleset, made: Sequence[Packet]) -> Iterator[Found]:
    for packet in made:
        verdict = judge(rules, packet)
        if verdict.action != "accept":
            yield Found(packet, tool, verdict)
        if verdict.suspect is not None:
            yield Found(packet, tool, replace(verdict.suspect, by_user=verdict.by_user))


def _commands(ctx: Asks, ruleset: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """(command, address family) of iptables' listings. Legacy tables are listed only if they exist: listing them
    loads kernel modules, which a diagnosis must not do."""
    for name, family in (("iptables", 4), ("ip6tables", 6)):
        old = ctx.ask(Read(f"/proc/net/{'ip' if family == 4 else 'ip6'}_tables_names")).text.split()
        if old:
            yield (f"{name}-legacy-save", "-c"), family
            yield (f"{name}-save", "-c"), family
        elif not ruleset or re.search(r"\bxt (match|target)|managed by iptables", ruleset):
            yield (f"{name}-nft-save", "-c"), family
            yield (f"{name}-save", "-c"), family

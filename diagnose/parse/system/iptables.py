"""iptables-save(8) and `iptables -S` output as rules."""

from __future__ import annotations

import re
import shlex

from diagnose.parse.system.ruleset import Chain, Condition, Rule, Ruleset

_TABLES = ("raw", "mangle", "nat", "filter", "security")
_HOOKS = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")
_FINAL = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "STEAL": "drop", "TARPIT": "drop", "RETURN": "return",
          "QUEUE": "queue", "NFQUEUE": "queue"}  # fmt: skip
_HARMLESS = ("-m", "--match", "--comment", "--reject-with", "--icmp-type", "--socket-exists", "-c")
_FIELDS = {
    "-p": "l4proto", "--protocol": "l4proto", "--dport": "dport", "--destination-port": "dport", "--dports": "dport",
    "--destination-ports": "dport", "--ports": "dport", "--sport": "sport", "--source-port": "sport", "--sports": "sport",
    "--source-ports": "sport", "-o": "oif", "--out-interface": "oif", "-i": "iif", "--in-interface": "iif", "-d": "daddr",
    "--destination": "daddr", "--dst-range": "daddr", "-s": "saddr", "--source": "saddr", "--src-range": "saddr",
    "--uid-owner": "skuid", "--gid-owner": "skgid", "--ctstate": "state", "--state": "state", "--ctdir": "direction",
    "--dst-type": "daddr-type",
}  # fmt: skip


def parse(text: str, family: int = 4) -> Ruleset:
    """Rules in iptables-save or `iptables -S` output; the latter names no table and is read as filter. Unknown lines
    are skipped."""
    found = Ruleset()
    table = "filter"
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("*"):
            table = line[1:].strip()
        elif match := re.match(r":(\S+)\s+(\S+)(?:\s+\[(\d+):\d+\])?|-P (\S+) (\S+)|-N (\S+)", line):
            chain = _chain(found, table, match[1] or match[4] or match[6], family)
            chain.policy = (match[2] or match[5] or "").lower().replace("-", "") or "accept"
            chain.packets = int(match[3][:18]) if match[3] else None
        elif match := re.match(r"(?:\[(\d+):\d+\]\s+)?-A (\S+)\s*(.*)$", line):
            chain = _chain(found, table, match[2], family)
            chain.rules.append(_rule(table, match[2], match[3], int(match[1][:18]) if match[1] else None))
    for chain in found.chains.values():
        chain.rules = [_resolved(found, chain, rule) for rule in chain.rules]
    return found


def _chain(found: Ruleset, table: str, name: str, family: int) -> Chain:
    if (table, name) not in found.chains:
        built_in = name in _HOOKS
        found.chains[table, name] = Chain(
            table,
            name,
            "ip" if family == 4 else "ip6",
            hook=name.lower() if built_in else "",
            priority=_TABLES.index(table) if table in _TABLES else 9,
        )
    return found.chains[table, name]


def _resolved(found: Ruleset, chain: Chain, rule: Rule) -> Rule:
    """The rule with a jump if its target is a chain of the same table; other targets that are no verdict have no
    effect."""
    action = "jump" if rule.action == "" and (chain.table, rule.target) in found.chains else rule.action
    if action == "goto" and (chain.table, rule.target) not in found.chains:
        action = ""
    return Rule(conditions=rule.conditions, action=action, target=rule.target, packets=rule.packets, text=rule.text)


def _rule(table: str, chain: str, text: str, packets: int | None) -> Rule:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    conditions: list[Condition] = []
    action = target = ""
    negated = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!":
            negated = True
            continue
        values: list[str] = []
        while at < len(words) and words[at] != "!" and not re.match(r"--?[A-Za-z]", words[at]):
            values.append(words[at])
            at += 1
        if word in ("-j", "--jump", "-g", "--goto"):
            target = values[0] if values else ""
            action = "goto" if word in ("-g", "--goto") else _FINAL.get(target, "")
            if target in ("REDIRECT", "DNAT") and table == "nat":
                action = "redirect"
        elif not target and word not in _HARMLESS and not word.startswith(("--log", "--nflog")):
            # Options after the target belong to the target.
            conditions.append(_condition(word, values, negated))
        negated = False
    return Rule(
        conditions=tuple(conditions),
        action=action,
        target=target,
        packets=packets,
        text=f"-A {chain} {text}".strip(),
    )


def _condition(name: str, values: list[str], negated: bool) -> Condition:
    op = "!=" if negated else "=="
    if name == "--syn":
        return Condition(("flags",), ("fin,syn,rst,ack/syn",), op)
    if name == "--tcp-flags" and len(values) == 2:
        every = "fin,syn,rst,psh,ack,urg"
        mask, wanted = (every if value.lower() == "all" else value.lower() for value in values)
        return Condition(("flags",), (f"{mask}/{wanted}",), op)
    known = _FIELDS.get(name)
    if known is None:
        return Condition(("?",), ("?",), op)
    items = " ".join(values).lower() if known in ("state", "direction", "daddr-type", "l4proto") else " ".join(values)
    spans = items.replace(":", "-") if known in ("dport", "sport") else items
    if known in ("dport", "sport"):
        spans = re.sub(r"(^|,)-", r"\g<1>0-", re.sub(r"-(,|$)", r"-65535\1", spans))
    return Condition((known,), tuple(item.strip() for item in spans.split(",")), op)

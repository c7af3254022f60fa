"""iptables-save(8) and `iptables -S` output, and what the rules do with a packet that leaves this host."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from diagnose.parse.system.packet import EPHEMERAL, SERVICES, Packet, Verdict, address_matches, both, negate, owner_of

_TABLES = ("raw", "mangle", "nat", "filter", "security")
_FINAL = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "STEAL": "drop", "TARPIT": "drop"}
# Each option's number of words; what is not listed takes the words up to the next option and cannot be judged.
_HARMLESS = frozenset(("-m", "--match", "--comment", "--reject-with", "--log-prefix", "--log-level", "--icmp-type"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its chain, its options as (name, negated, value), its target, its counter and its text."""

    chain: str
    options: tuple[tuple[str, bool, str], ...]
    target: str
    goto: bool
    packets: int | None
    text: str


@dataclass(slots=True)
class Table:
    """A table's policies (built-in chains only) and its rules by chain, in order."""

    name: str
    policies: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)


def parse(text: str) -> dict[str, Table]:
    """Tables by name. `iptables -S` output, which names none, is taken for the filter table. Strange lines are left out."""
    tables: dict[str, Table] = {}
    current = "filter"
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("*"):
            current = line[1:].strip()
            continue
        if not line or line.startswith("#") or line == "COMMIT":
            continue
        table = tables.setdefault(current, Table(current))
        if match := re.match(r":(\S+)\s+(\S+)(?:\s+\[(\d+):\d+\])?", line):
            table.rules.setdefault(match[1], [])
            if match[2] != "-":
                table.policies[match[1]] = match[2]
                if match[3]:
                    table.counters[match[1]] = int(match[3][:18])
        elif match := re.match(r"-P (\S+) (\S+)", line):
            table.policies[match[1]] = match[2]
            table.rules.setdefault(match[1], [])
        elif match := re.match(r"-N (\S+)", line):
            table.rules.setdefault(match[1], [])
        elif match := re.match(r"(?:\[(\d+):\d+\]\s+)?-A (\S+)\s*(.*)$", line):
            rule = _rule(match[2], match[3], int(match[1][:18]) if match[1] else None)
            table.rules.setdefault(match[2], []).append(rule)
    return tables


def _rule(chain: str, text: str, packets: int | None) -> Rule:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    options: list[tuple[str, bool, str]] = []
    target, goto, negated = "", False, False
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
        value = " ".join(values)
        if word in ("-j", "--jump", "-g", "--goto"):
            target, goto = value, word in ("-g", "--goto")
        elif word == "-c":
            counts = value.split()
            packets = int(counts[0][:18]) if counts and counts[0].isdigit() else packets
        elif not target or word == "--reject-with":
            # What stands behind the target is the target's own.
            options.append((word, negated, value))
        negated = False
    return Rule(
        chain=chain,
        options=tuple(options),
        target=target,
        goto=goto,
        packets=packets,
        text=f"-A {chain} {text}".strip(),
    )


def judge(tables: dict[str, Table], packet: Packet, chains: tuple[str, ...] = ("OUTPUT", "POSTROUTING")) -> Verdict:
    """What becomes of the packet in the given built-in chains of all tables: the first stop, or accept.

    A NAT rule that sends it elsewhere gives 'redirect'. With ('FORWARD',) it is judged as one of a container or guest.
    """
    doubt = ""
    by_user = False
    for chain in chains:
        for name in _TABLES:
            table = tables.get(name)
            if table is None or chain not in {*table.rules, *table.policies}:
                continue
            verdict = _Walk(table, packet).run(chain)
            by_user = by_user or verdict.by_user
            doubt = doubt or verdict.doubt
            if verdict.action != "accept":
                return replace(verdict, by_user=by_user, certain=not doubt, doubt=doubt)
    return Verdict(action="accept", by_user=by_user, certain=not doubt, doubt=doubt)


class _Walk:
    """One packet's way through one table."""

    def __init__(self, table: Table, packet: Packet) -> None:
        self._table = table
        self._packet = packet
        self._doubt = ""
        self._by_user = False
        self._budget = 20_000

    def run(self, chain: str) -> Verdict:
        found = self._chain(chain, 0)
        if found is None:
            policy = self._table.policies.get(chain, "ACCEPT")
            found = Verdict(
                action=_FINAL.get(policy, "accept"),
                rule=f"policy {policy}",
                chain=chain,
                packets=self._table.counters.get(chain),
            )
        return replace(
            found,
            table=self._table.name,
            owner=owner_of("", found.chain) or "iptables",
            by_user=self._by_user,
            certain=not self._doubt,
            doubt=self._doubt,
        )

    def _chain(self, chain: str, depth: int) -> Verdict | None:
        """The verdict of a chain, or None where it returns."""
        if depth > 64:
            return None
        for rule in self._table.rules.get(chain, []):
            self._budget -= 1
            if self._budget < 0:
                self._doubt = self._doubt or "the rule set is too large"
                return None
            if rule.target in (
                "",
                "LOG",
                "NFLOG",
                "ULOG",
                "MARK",
                "CONNMARK",
                "TRACE",
                "CT",
                "NOTRACK",
                "SET",
                "TCPMSS",
            ):
                continue
            match = self._match(rule)
            if match is False:
                continue
            if match is None:
                # It may or may not apply. A stop is noted as doubt; whatever follows decides.
                if self._stops_or_accepts(rule):
                    self._doubt = self._doubt or rule.text
                continue
            if rule.target == "RETURN":
                return None
            if rule.target in self._table.rules:
                found = self._chain(rule.target, depth + 1)
                if found is not None or rule.goto:
                    return found
            elif rule.target in _FINAL:
                return self._verdict(rule, _FINAL[rule.target])
            elif rule.target in ("REDIRECT", "DNAT") and self._table.name == "nat":
                return self._verdict(rule, "redirect")
            elif rule.target in ("QUEUE", "NFQUEUE"):
                self._doubt = self._doubt or rule.text
        return None

    def _stops_or_accepts(self, rule: Rule) -> bool:
        return (
            rule.target in _FINAL or rule.target in self._table.rules or rule.target in ("REDIRECT", "DNAT", "RETURN")
        )

    def _verdict(self, rule: Rule, action: str) -> Verdict:
        error = ""
        if action == "reject":
            given = next((value for name, _, value in rule.options if name == "--reject-with"), "")
            error = given or "icmp-port-unreachable"
        return Verdict(action=action, rule=rule.text, chain=rule.chain, packets=rule.packets, error=error)

    def _match(self, rule: Rule) -> bool | None:
        matches = [negate(self._one(name, value), negated) for name, negated, value in rule.options]
        result = both(*matches)
        if result is not False and any("owner" in name for name, _, _ in rule.options):
            self._by_user = True
        others = both(
            *(m for m, o in zip(matches, rule.options, strict=True) if not o[0].endswith(("uid-owner", "gid-owner")))
        )
        if others is not False and any(o[0].endswith(("uid-owner", "gid-owner")) for o in rule.options):
            self._by_user = True
        return result

    def _one(self, name: str, value: str) -> bool | None:
        packet = self._packet
        if name in _HARMLESS or (name.startswith(("--log", "--nflog"))):
            return True
        if name in ("-p", "--protocol"):
            return value.lower() in ("tcp", "6", "all", "0")
        if name in ("--dport", "--destination-port", "--dports", "--destination-ports", "--ports"):
            return _port_in(packet.port, value)
        if name in ("--sport", "--source-port", "--sports", "--source-ports"):
            # The kernel picks an ephemeral port.
            inside = [_port_in(port, value) for port in EPHEMERAL]
            return True if all(inside) else None if any(inside) else False
        if name in ("-o", "--out-interface"):
            return _interface(packet.oif, value)
        if name in ("-i", "--in-interface"):
            return None
        if name in ("-d", "--destination"):
            return _any_address(packet.destination, packet.family, value)
        if name in ("-s", "--source"):
            wide = address_matches("", packet.family, value)
            return address_matches(packet.source, packet.family, value) if packet.source else (True if wide else None)
        if name in ("--dst-range", "--src-range"):
            end = packet.destination if name == "--dst-range" else packet.source
            return address_matches(end, packet.family, value) if end or name == "--dst-range" else None
        if name == "--uid-owner":
            return _owner(packet.uid, packet.user_id, value)
        if name == "--gid-owner":
            return _owner(packet.gid, packet.group_id, value)
        if name in ("--ctstate", "--state"):
            return "NEW" in value.upper().split(",")
        if name == "--ctdir":
            return value.upper() == "ORIGINAL"
        if name in ("--syn",):
            return True
        if name == "--tcp-flags":
            return _syn(value)
        if name in ("--dst-type", "--src-type"):
            kinds = value.upper().split(",")
            return "UNICAST" in kinds if name == "--dst-type" else None
        if name == "--socket-exists":
            return True
        return None


def _owner(number: int | None, number_of: Callable[[str], int | None], value: str) -> bool | None:
    """Whether the sender's uid or gid is the one, or in the range, that a rule names; None where its name is unknown."""
    if number is None:
        return None
    if re.fullmatch(r"\d{1,10}-\d{1,10}", value):
        return _number_in(number, value)
    wanted = number_of(value)
    return None if wanted is None else wanted == number


def _number_in(number: int, value: str) -> bool | None:
    match = re.fullmatch(r"(\d{1,10})(?:[-:](\d{1,10}))?", value)
    return int(match[1]) <= number <= int(match[2] or match[1]) if match else None


def _port_in(port: int, value: str) -> bool:
    for item in value.split(","):
        low, colon, high = item.strip().partition(":")
        first = SERVICES.get(low, -1) if not low.isdigit() else int(low[:9])
        if not colon:
            if first == port:
                return True
        elif max(first, 0) <= port <= (int(high[:9]) if high.isdigit() else 65535):
            return True
    return False


def _interface(oif: str, value: str) -> bool | None:
    pattern = value.removesuffix("+")
    if not oif:
        return False if pattern == "lo" and not value.endswith("+") else (True if not pattern else None)
    return oif.startswith(pattern) if value.endswith("+") else oif == value


def _any_address(address: str, family: int, value: str) -> bool | None:
    results = [address_matches(address, family, item) for item in value.split(",")]
    return True if True in results else None if None in results else False


def _syn(value: str) -> bool | None:
    words = value.upper().split()
    if len(words) != 2:
        return None
    mask = set(words[0].split(",")) - {"NONE"}
    if "ALL" in mask:
        mask = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"}
    wanted = set() if words[1] == "NONE" else set(words[1].split(","))
    if "ALL" in wanted:
        wanted = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"}
    return ({"SYN"} & mask) == wanted

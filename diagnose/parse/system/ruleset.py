"""Packet filter rules, independent of their language, and the verdict on a packet of mail.

A rule's conditions are three-valued: True, False, or None for what cannot be determined from outside (a rate, a
mark, a time of day, a set that cannot be listed). The first certain stop decides; a rule that may stop is named too.
A packet must pass every base chain of its hooks: accept ends only that chain, drop is final.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace

from diagnose.parse.system.packet import Packet, Verdict, both, negate, owner_of, value_of
from diagnose.record import dataclass, frozen

SENT = ("output", "postrouting", "egress")
RECEIVED = ("ingress", "prerouting", "input")
_STOPS = ("drop", "reject", "queue")


@dataclass(frozen=True)
class Condition:
    """One match. fields: "dport", "daddr", "skuid" …, several for a concatenation, ("?",) if unrecognised; values:
    what they are compared with, "a-b" for a range; op: the comparison."""

    fields: tuple[str, ...]
    values: tuple[str, ...] = ()
    op: str = "=="


@frozen
class Rule:
    """action: accept, drop, reject, return, jump, goto, redirect, queue, vmap or "" (none); cases: of a verdict map,
    (value, action, target) each."""

    conditions: tuple[Condition, ...] = ()
    action: str = ""
    target: str = ""
    cases: tuple[tuple[str, str, str], ...] = ()
    packets: int | None = None
    text: str = ""


@dataclass
class Chain:
    """A chain of rules. hook: "" unless it is a base chain, where packets enter."""

    table: str
    name: str
    family: str = "inet"
    hook: str = ""
    type: str = "filter"
    priority: int = 0
    policy: str = "accept"
    packets: int | None = None
    rules: list[Rule] = field(default_factory=list)


@dataclass
class Ruleset:
    """chains: by (table, name); sets: the elements of named sets and maps, likewise."""

    chains: dict[tuple[str, str], Chain] = field(default_factory=dict)
    sets: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def judge(rules: Ruleset, packet: Packet) -> Verdict:
    """The verdict on the packet. If no rule stops it for certain, `suspect` is the first that may."""
    families = ("inet", "ip" if packet.family == 4 else "ip6", "netdev")
    hooks = RECEIVED if packet.answer else SENT
    bases = [chain for chain in rules.chains.values() if chain.hook in hooks and chain.family in families]
    bases.sort(key=lambda chain: (hooks.index(chain.hook), chain.priority, chain.table, chain.name))
    walk = _Walk(rules, packet)
    end = Verdict(action="accept")
    for base in bases:
        found = walk.chain(base, 0) or _policy(base)
        if found.action != "accept":
            end = found
            break
    suspect = None if end.stops and not walk.doubt else walk.suspect
    return replace(end, by_user=walk.by_user, certain=not walk.doubt, doubt=walk.doubt, suspect=suspect)


def passed(rules: Ruleset, packet: Packet) -> Iterator[tuple[Chain, Rule]]:
    """The rules of the base chains that the packet may match on its way out."""
    families = ("inet", "ip" if packet.family == 4 else "ip6")
    walk = _Walk(rules, packet)
    for chain in rules.chains.values():
        if chain.hook in SENT and chain.family in families:
            yield from ((chain, rule) for rule in chain.rules if walk.matches(chain, rule) is not False)


def _policy(base: Chain) -> Verdict:
    action = "drop" if base.policy == "drop" else "accept"
    return _verdict(base, Rule(packets=base.packets, text=f"policy {base.policy}"), action)


def _verdict(chain: Chain, rule: Rule, action: str) -> Verdict:
    return Verdict(
        action=action,
        rule=rule.text,
        table=chain.table,
        chain=chain.name,
        owner=owner_of(chain.table, chain.name),
        packets=rule.packets,
    )


class _Walk:
    """One packet's traversal of the chains."""

    def __init__(self, rules: Ruleset, packet: Packet) -> None:
        self._rules = rules
        self._packet = packet
        self._budget = 20_000
        self.doubt = ""
        self.suspect: Verdict | None = None
        self.by_user = False

    def chain(self, chain: Chain, depth: int) -> Verdict | None:
        """The verdict of a chain, None if it returns or ends without one."""
        for rule in chain.rules if depth <= 16 else ():
            self._budget -= 1
            if self._budget < 0:
                self.doubt = self.doubt or "the rule set is too large"
                return None
            outcome = self._rule(chain, rule, depth)
            if outcome == "return":
                return None
            if isinstance(outcome, Verdict):
                return outcome
        return None

    def _rule(self, chain: Chain, rule: Rule, depth: int) -> Verdict | str | None:
        match = self.matches(chain, rule)
        if match is False:
            return None
        if rule.action != "vmap":
            return self._apply(chain, rule, rule.action, rule.target, match, depth)
        key = rule.conditions[-1].fields
        for value, action, target in rule.cases or self._cases(chain, rule):
            here = both(match, self._one(chain, Condition(key, (value,))))
            if here is not False:
                return self._apply(chain, rule, action, target, here, depth)
        return None

    def _cases(self, chain: Chain, rule: Rule) -> list[tuple[str, str, str]]:
        pairs = (element.rpartition(" : ") for element in self._rules.sets.get((chain.table, rule.target[1:]), ()))
        return [(value, *_words(action)) for value, _, action in pairs]

    def matches(self, chain: Chain, rule: Rule) -> bool | None:
        """Whether the packet fits a rule's conditions; None if that cannot be determined."""
        conditions = rule.conditions[:-1] if rule.action == "vmap" else rule.conditions
        users = [c for c in rule.conditions if c.fields[0] in ("skuid", "skgid")]
        if users and both(*(self._one(chain, c) for c in conditions if c not in users)) is not False:
            self.by_user = True  # the user matters only if all other conditions match
        return both(*(self._one(chain, c) for c in conditions))

    def _one(self, chain: Chain, condition: Condition) -> bool | None:
        values: list[str] = []
        for value in condition.values:
            named = self._rules.sets.get((chain.table, value[1:])) if value.startswith("@") else [value]
            if named is None:
                return None
            values += named
        results = [self._fits(condition, value) for value in values]
        found = True if True in results else None if None in results else False
        # "ip daddr != x" implies IPv4, and so never matches IPv6.
        if any(f.startswith("ip-" if self._packet.family == 6 else "ip6-") for f in condition.fields):
            return False
        return negate(found, condition.op in ("!=", "!"))

    def _fits(self, condition: Condition, value: str) -> bool | None:
        parts = value.split(" . ") if len(condition.fields) > 1 else [value]
        if len(parts) != len(condition.fields):
            return None
        return both(
            *(value_of(self._packet, f, part, condition.op) for f, part in zip(condition.fields, parts, strict=True))
        )

    def _apply(
        self, chain: Chain, rule: Rule, action: str, target: str, match: bool | None, depth: int
    ) -> Verdict | str | None:
        if action in ("jump", "goto"):
            inner = self._rules.chains.get((chain.table, target))
            found = self.chain(inner, depth + 1) if inner else None
            if match is not None:
                return found or ("return" if action == "goto" else None)
            if found is None:
                return None
            if found.stops:
                self._may(found)
            self.doubt = self.doubt or rule.text
            return None
        if action in ("", "continue"):
            return None
        if match is None or action == "queue":
            self.doubt = self.doubt or rule.text
            if action in _STOPS:
                self._may(_verdict(chain, rule, action))
            return None
        return "return" if action == "return" else _verdict(chain, rule, action)

    def _may(self, found: Verdict) -> None:
        self.suspect = self.suspect or replace(found, certain=False)


def _words(text: str) -> tuple[str, str]:
    action, _, target = text.strip().partition(" ")
    return action, target

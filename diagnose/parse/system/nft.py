"""nftables rule sets, from `nft -j list ruleset` or its plain text, and what they do with a packet that leaves this host.

A packet must pass every base chain of its hook: an accept ends only that chain, a drop in any of them is the end.
Rules that iptables-nft wrote may hold matches that nft cannot express (xt): those are unknown here, read them with iptables.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from diagnose.parse.system import nft_text
from diagnose.parse.system.nft_match import matches, rule_text, user_match
from diagnose.parse.system.packet import Packet, Verdict, both, owner_of

_XT_TARGETS = {"REJECT": "reject", "DNAT": "redirect", "REDIRECT": "redirect", "NFQUEUE": "queue"}
_HOOKS = ("output", "postrouting", "egress")
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}


@dataclass(slots=True)
class Chain:
    """A chain; `hook` is '' unless it is a base chain. `rules` are nft's JSON expressions, in order."""

    family: str
    table: str
    name: str
    type: str = ""
    hook: str = ""
    priority: int = 0
    policy: str = "accept"
    rules: list[list[Any]] = field(default_factory=list)


@dataclass(slots=True)
class Ruleset:
    """Chains by (family, table, name); elements of named sets and maps by the same; `findings` say what was not read."""

    chains: dict[tuple[str, str, str], Chain] = field(default_factory=dict)
    sets: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def parse(text: str) -> Ruleset:
    """Read `nft -j list ruleset`, or the plain `nft list ruleset`. What is not understood becomes a finding."""
    ruleset = Ruleset()
    if text.lstrip().startswith("{"):
        try:
            objects = json.loads(text).get("nftables", [])
        except (ValueError, AttributeError, RecursionError):
            ruleset.findings.append("the output of nft -j is no JSON")
            return ruleset
    else:
        objects = nft_text.objects(text)
    for item in objects if isinstance(objects, list) else []:
        if isinstance(item, dict):
            for kind, body in item.items():
                if isinstance(body, dict):
                    _add(ruleset, kind, body)
    return ruleset


def _add(ruleset: Ruleset, kind: str, body: dict[str, Any]) -> None:
    family, table = str(body.get("family", "ip")), str(body.get("table", ""))
    name = str(body.get("chain" if kind == "rule" else "name", ""))
    key = (family, table, name)
    if kind == "chain":
        chain = ruleset.chains.setdefault(key, Chain(family, table, name))
        chain.type, chain.hook = str(body.get("type", "")), str(body.get("hook", ""))
        chain.policy = str(body.get("policy") or "accept")
        chain.priority = _priority(body.get("prio"))
    elif kind == "rule":
        expressions = body.get("expr")
        chain = ruleset.chains.setdefault(key, Chain(family, table, name))
        chain.rules.append(expressions if isinstance(expressions, list) else [])
    elif kind in ("set", "map"):
        elements = body.get("elem")
        ruleset.sets[key] = elements if isinstance(elements, list) else []
    elif kind == "element":
        elements = body.get("elem")
        ruleset.sets.setdefault(key, []).extend(elements if isinstance(elements, list) else [])


def _priority(value: object) -> int:
    if isinstance(value, int):
        return value
    words = str(value or "0").replace("+", " + ").replace("-", " - ").split()
    total, sign = 0, 1
    for word in words:
        if word in ("+", "-"):
            sign = -1 if word == "-" else 1
        elif word.isdigit():
            total += sign * int(word[:9])
        else:
            total += _PRIORITIES.get(word, 0)
    return total


def judge(ruleset: Ruleset, packet: Packet, hooks: tuple[str, ...] = _HOOKS) -> Verdict:
    """What becomes of the packet: the first stop in the order of hooks and priorities, or accept.

    With ('forward',) it is judged as one of a container or guest behind this host. Give `packet.oif` where it is known:
    rules that name another interface than lo cannot be judged without.
    """
    families = ("inet", "ip" if packet.family == 4 else "ip6", "netdev")
    bases = [chain for chain in ruleset.chains.values() if chain.hook in hooks and chain.family in families]
    bases.sort(key=lambda chain: (hooks.index(chain.hook), chain.priority, chain.family, chain.table, chain.name))
    doubt, by_user = "", False
    for base in bases:
        verdict = _Walk(ruleset, packet).run(base)
        doubt, by_user = doubt or verdict.doubt, by_user or verdict.by_user
        if verdict.action != "accept":
            return replace(verdict, by_user=by_user, certain=not doubt, doubt=doubt)
    return Verdict(action="accept", by_user=by_user, certain=not doubt, doubt=doubt)


class _Walk:
    """One packet's way through one base chain."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self._ruleset = ruleset
        self._packet = packet
        self._doubt = ""
        self._by_user = False
        self._budget = 20_000

    def run(self, base: Chain) -> Verdict:
        found = self._chain(base, 0)
        if found is None:
            found = Verdict(
                action="drop" if base.policy == "drop" else "accept",
                rule=f"policy {base.policy}",
                table=f"{base.family} {base.table}",
                chain=base.name,
                owner=owner_of(base.table, base.name),
            )
        return replace(found, by_user=self._by_user, certain=not self._doubt, doubt=self._doubt)

    def _chain(self, chain: Chain, depth: int) -> Verdict | None:
        """The verdict of a chain, or None where it returns or ends."""
        if depth > 16:
            return None
        for expressions in chain.rules:
            self._budget -= 1
            if self._budget < 0:
                self._doubt = self._doubt or "the rule set is too large"
                return None
            outcome = self._rule(chain, expressions, depth)
            if outcome == "return":
                return None
            if isinstance(outcome, Verdict):
                return outcome
        return None

    def _rule(self, chain: Chain, expressions: list[Any], depth: int) -> "Verdict | str | None":
        """A Verdict, 'return', or None to go on with the next rule."""
        match: bool | None = True
        packets: int | None = None
        users = False
        for expression in expressions:
            if not isinstance(expression, dict) or not expression:
                continue
            kind, body = next(iter(expression.items()))
            if kind == "counter" and isinstance(body, dict):
                packets = body["packets"] if isinstance(body.get("packets"), int) else None
            elif kind in ("accept", "drop", "reject", "return", "jump", "goto", "redirect", "dnat", "queue"):
                return self._apply(chain, expressions, kind, body, (match, packets), depth)
            elif kind == "xt" and isinstance(body, dict) and body.get("type") == "target":
                action = _XT_TARGETS.get(str(body.get("name")))
                if action:
                    return self._apply(chain, expressions, action, {}, (match, packets), depth)
            elif kind == "vmap" and isinstance(body, dict):
                outcome = self._vmap(chain, expressions, body, (match, packets), depth)
                if outcome is not None:
                    return outcome
            else:
                one = self._expression(chain, kind, body)
                users = users or user_match(kind, body)
                match = both(match, one)
                self._by_user = self._by_user or (users and self._besides_user(chain, expressions))
                if match is False:
                    return None
        return None

    def _expression(self, chain: Chain, kind: str, body: Any) -> bool | None:
        def elements(name: str) -> list[Any] | None:
            return self._ruleset.sets.get((chain.family, chain.table, name))

        return matches(kind, body, self._packet, elements)

    def _besides_user(self, chain: Chain, expressions: list[Any]) -> bool:
        """Whether everything but the match of the user fits: only then do users fare differently."""
        results = [
            self._expression(chain, kind, body)
            for expression in expressions
            if isinstance(expression, dict)
            for kind, body in list(expression.items())[:1]
            if kind == "match" and not user_match(kind, body)
        ]
        return both(*results) is not False

    def _apply(
        self,
        chain: Chain,
        expressions: list[Any],
        kind: str,
        body: Any,
        so_far: tuple[bool | None, int | None],
        depth: int,
    ) -> "Verdict | str | None":
        match, packets = so_far
        if kind == "continue":
            return None
        if match is None or kind == "queue":
            self._doubt = self._doubt or rule_text(expressions)
            return None
        if kind == "return":
            return "return"
        if kind in ("jump", "goto"):
            target = body.get("target") if isinstance(body, dict) else None
            inner = self._ruleset.chains.get((chain.family, chain.table, str(target)))
            found = self._chain(inner, depth + 1) if inner else None
            return found or ("return" if kind == "goto" else None)
        error = ""
        if kind == "reject":
            error = _reject_error(body)
        return Verdict(
            action="redirect" if kind in ("redirect", "dnat") else kind,
            rule=rule_text(expressions),
            table=f"{chain.family} {chain.table}",
            chain=chain.name,
            owner=owner_of(chain.table, chain.name),
            packets=packets,
            error=error,
        )

    def _vmap(
        self,
        chain: Chain,
        expressions: list[Any],
        body: dict[str, Any],
        so_far: tuple[bool | None, int | None],
        depth: int,
    ) -> "Verdict | str | None":
        data = body.get("data")
        pairs: Any = data.get("set") if isinstance(data, dict) else None
        if isinstance(data, str):
            pairs = self._ruleset.sets.get((chain.family, chain.table, data.lstrip("@")))
        for pair in pairs if isinstance(pairs, list) else []:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], dict) and pair[1]):
                continue
            test = {"op": "==", "left": body.get("key"), "right": pair[0]}
            self._by_user = self._by_user or (user_match("match", test) and so_far[0] is not False)
            here = both(so_far[0], self._expression(chain, "match", test))
            if here is not False:
                kind, inner = next(iter(pair[1].items()))
                return self._apply(chain, expressions, kind, inner, (here, so_far[1]), depth)
        return None


def _reject_error(body: Any) -> str:
    if not isinstance(body, dict) or not body:
        return "icmp-port-unreachable"
    kind = str(body.get("type", "icmpx"))
    return "tcp-reset" if kind == "tcp reset" else "icmp-" + str(body.get("expr") or "port-unreachable")

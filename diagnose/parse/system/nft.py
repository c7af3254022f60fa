"""Parses `nft list ruleset` into rules. Only text is read, because nft prints it with and without JSON support.

Rules written by iptables-nft may have matches that nft cannot express (xt): they are unknown here; read them with
iptables.
"""

from __future__ import annotations

import re

from diagnose.parse.system.ruleset import Chain, Condition, Rule, Ruleset

_TOKEN = re.compile(
    r'"[^"\n]*"|::[0-9a-fA-F:./-]*|[{},;:]|!=|!|<=|>=|==|[<>&|()]|[^\s{},;:"!<>=&|()]+(?::(?=[^\s{},;])[^\s{},;"]*)*|\n'
)
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_ENDS = tuple("accept drop return continue jump goto reject redirect dnat queue".split())
_PASSES = ("masquerade", "snat", "notrack", "counter", "log", "comment", "flow", "dup", "tproxy")
_META = {"oifname": "oif", "oif": "oif", "iifname": "iif", "iif": "iif", "skuid": "skuid", "skgid": "skgid",
         "l4proto": "l4proto", "nfproto": "nfproto", "protocol": "family"}  # fmt: skip
_PORTS = {"tcp": ("dport", "sport"), "udp": ("dport", "sport"), "th": ("dport", "sport")}
_OTHERS = ("udplite", "icmp", "icmpv6", "sctp", "dccp", "arp", "esp", "ah")
_OPS = ("==", "!=", "!", "<", ">", "<=", ">=")


def parse(text: str) -> Ruleset:
    """Chains, rules and sets in the order printed. Unrecognised parts of a rule become unknown conditions."""
    found = Ruleset()
    lines = _lines(re.sub(r"#[^\n\"]*$", "", text, flags=re.M))
    table = family = ""
    place: Chain | list[str] | None = None
    for words in lines:
        if words[0] == "table" and words[-1] == "{":
            family = words[1] if len(words) > 3 else "ip"
            table, place = f"{family} {words[-2]}", None
        elif words[0] == "chain" and words[-1] == "{" and len(words) > 2:
            chain = place = Chain(table, words[1], family)
            found.chains[table, words[1]] = chain
        elif words[0] in ("set", "map") and words[-1] == "{" and len(words) > 2:
            place = found.sets.setdefault((table, words[1]), [])
        elif isinstance(place, list):
            if words[0] == "elements" and "{" in words:
                place += _elements(words[words.index("{") :])
        elif isinstance(place, Chain) and words[0] == "type" and "hook" in words:
            _base(place, words)
        elif isinstance(place, Chain) and words[0] == "policy":
            place.policy = words[-1]
        elif isinstance(place, Chain) and words != ["}"]:
            place.rules.append(_rule(words))
    return found


def _lines(text: str) -> list[list[str]]:
    """Statements as lists of words: each up to the end of a line or a semicolon, including a set in braces."""
    lines: list[list[str]] = []
    words: list[str] = []
    level = 0
    for token in _TOKEN.findall(text):
        if token == "{":
            block = not words or (words[0] in ("table", "chain", "set", "map") and not level)
            words.append(token)
            if block:
                lines.append(words)
                words = []
            else:
                level += 1
        elif token == "}" and level:
            level -= 1
            words.append(token)
        elif token in ("\n", ";", "}") and not level:
            lines += [words] if words else []
            words = []
        elif token != "\n":
            words.append(token)
    return lines


def _base(chain: Chain, words: list[str]) -> None:
    chain.type, chain.hook = words[1], words[words.index("hook") + 1] if words[-1] != "hook" else ""
    tail = words[words.index("priority") + 1 :] if "priority" in words else []
    total, sign = 0, 1
    for word in re.findall(r"[-+]|\w+", " ".join(tail)):
        if word in "+-":
            sign = -1 if word == "-" else 1
        else:
            total += sign * int(word[:9]) if word.isdecimal() else _PRIORITIES.get(word, 0)
    chain.priority = total


def _elements(words: list[str]) -> list[str]:
    """`{ a, b . c timeout 3s, d : drop }` as texts: "a", "b . c", "d : drop"."""
    found: list[str] = []
    item: list[str] = []
    level = 0
    for word in words:
        level += (word == "{") - (word == "}")
        if (word == "," and level == 1) or level == 0:
            if item:
                found.append(_element(item))
            item = []
            if level == 0:
                break
        elif not (word == "{" and level == 1):
            item.append(word)
    return found


def _element(item: list[str]) -> str:
    end = item.index(":") if ":" in item else len(item)
    cut = next((i for i in range(1, end) if item[i] in ("timeout", "expires", "counter", "comment")), end)
    return " ".join(word.strip('"') for word in (*item[:cut], *item[end:]))


def _rule(words: list[str]) -> Rule:
    conditions: list[Condition] = []
    action = target = ""
    cases: tuple[tuple[str, str, str], ...] = ()
    packets: int | None = None
    at = 0
    while at < len(words) and not action:
        word = words[at]
        after = words[at + 1] if at + 1 < len(words) else ""
        if word in _ENDS:
            action = "redirect" if word == "dnat" else word
            target = after if word in ("jump", "goto") else ""
        elif word == "counter" and words[at + 1 : at + 2] == ["packets"]:
            packets = int(words[at + 2][:18]) if words[at + 2 : at + 3] and words[at + 2].isdecimal() else None
            at += 5
        elif word in _PASSES:
            at += 1
            while at < len(words) and words[at] not in (*_ENDS, *_PASSES) and not _fields(words, at)[0]:
                at += 1
        else:
            fields, used = _fields(words, at)
            at += used
            rest = words[at : at + 1]
            if rest == ["set"]:
                at = _next(words, at)
            elif rest == ["vmap"]:
                action, target = "vmap", words[at + 1] if at + 1 < len(words) else ""
                pairs = _elements(words[at + 1 :]) if target == "{" else []
                cases = tuple((v, *_split(a)) for v, _, a in (pair.rpartition(" : ") for pair in pairs))
                conditions.append(Condition(fields or ("?",)))
            elif fields:
                condition, at = _compared(words, at, fields)
                conditions.append(condition)
            else:
                conditions.append(Condition(("?",), ("?",)))
                at = _next(words, at)
    return Rule(
        conditions=tuple(conditions), action=action, target=target, cases=cases, packets=packets, text=_text(words)
    )


def _split(action: str) -> tuple[str, str]:
    verdict, _, target = action.partition(" ")
    return verdict, target


def _text(words: list[str]) -> str:
    return re.sub(r"counter packets \d+ bytes \d+ ", "", " ".join(words).replace(" ,", ","))[:300]


def _next(words: list[str], at: int) -> int:
    """The index after an unrecognised match: of the verdict or the next known statement."""
    level = 0
    at += 1
    while at < len(words) and (level or words[at] not in (*_ENDS, "counter", "log", "comment")):
        level += (words[at] == "{") - (words[at] == "}")
        at += 1
    return at


def _fields(words: list[str], at: int) -> tuple[tuple[str, ...], int]:
    """The fields that a match begins with, () if unrecognised; and the number of words they take."""
    found: list[str] = []
    begin = at
    while True:
        name, used = _field(words, at)
        if not name:
            return (), max(1, at - begin)
        found.append(name)
        at += used
        if words[at : at + 1] != ["."]:
            return tuple(found), at - begin
        at += 1


def _field(words: list[str], at: int) -> tuple[str, int]:
    word, after = words[at] if at < len(words) else "", words[at + 1] if at + 1 < len(words) else ""
    if word in _PORTS and after in _PORTS[word]:
        return after if word == "th" else f"{word}-{after}", 2
    if word in _PORTS:
        return after if (word, after) == ("tcp", "flags") else "?" if word != "udp" else "never", 2
    if word in _OTHERS and after:
        return "never", 2
    if word in ("ip", "ip6") and after:
        name = {"protocol": "l4proto", "nexthdr": "l4proto"}.get(after, after)
        return (f"{word}-{name}" if name in ("saddr", "daddr", "l4proto") else "?"), 2
    if word == "meta" and after:
        return _META.get(after, "?"), 2
    if word in _META:
        return _META[word], 1
    if word == "ct" and after:
        return after if after in ("state", "direction") else "?", 2
    if word == "fib" and "type" in words[at : at + 6]:
        end = words.index("type", at)
        return ("daddr-type" if "daddr" in words[at:end] else "?"), end - at + 1
    return "", 1


def _compared(words: list[str], at: int, fields: tuple[str, ...]) -> tuple[Condition, int]:
    op = words[at] if words[at : at + 1] and words[at] in _OPS else "=="
    at += words[at : at + 1] == [op]
    if words[at : at + 1] == ["&"]:
        end = next((i for i in range(at, len(words)) if words[i] in ("==", "!=")), len(words))
        last = _flags_end(words, end + 1)
        mask, wanted = (",".join(w for w in part if w.isalpha()) for part in (words[at:end], words[end + 1 : last]))
        value = f"{mask}/{wanted}" if fields == ("flags",) else "?"
        known = fields if fields == ("flags",) else ("?",)
        return Condition(known, (value,), words[end] if end < len(words) else "=="), last
    if words[at : at + 1] == ["{"]:
        level, end = 0, at
        while end < len(words):
            level += (words[end] == "{") - (words[end] == "}")
            end += 1
            if level == 0:
                break
        return Condition(fields, tuple(_elements(words[at:end])), op), end
    values, at = _listed(words, at)
    if fields == ("flags",) and words[at : at + 1] == ["/"]:
        masks, at = _listed(words, at + 1)
        values = [f"{','.join(masks)}/{','.join(values)}"]
    elif fields == ("flags",) and op in ("==", "!=") and len(values) == 1 and words[at - 2] in ("==", "!="):
        values = [f"fin,syn,rst,psh,ack,urg/{values[0]}"]
    return Condition(fields, tuple(values), op), at


def _listed(words: list[str], at: int) -> tuple[list[str], int]:
    """The values in `a, b` or `a . b`, and the index after them."""
    values: list[str] = []
    while at < len(words):
        item = [words[at].strip('"')]
        at += 1
        while words[at : at + 1] == ["."] and at + 1 < len(words):
            item += [".", words[at + 1].strip('"')]
            at += 2
        values.append(" ".join(item))
        if words[at : at + 1] != [","]:
            break
        at += 1
    return values, at


def _flags_end(words: list[str], at: int) -> int:
    """The index after `a`, `a | b` or `( a | b )`."""
    if words[at : at + 1] == ["("]:
        return words.index(")", at) + 1 if ")" in words[at:] else len(words)
    at += 1
    while words[at : at + 1] == ["|"]:
        at += 2
    return at

"""One statement of an nftables rule, in the form of `nft -j`, against a packet; and its text for people."""

import re
from collections.abc import Callable
from typing import Any

from diagnose.parse.system.packet import EPHEMERAL, SERVICES, Packet, address_matches, negate

Elements = Callable[[str], list[Any] | None]
"""The elements of a named set; None where it is not known."""

_ALWAYS = frozenset(
    ("continue", "counter", "log", "comment", "mangle", "masquerade", "snat", "notrack", "ct helper", "flow", "dup")
)


def matches(kind: str, body: Any, packet: Packet, elements: Elements) -> bool | None:
    """Whether a statement lets the packet pass on; None where that cannot be told (limits, xt, marks of connections)."""
    if kind in _ALWAYS or (kind == "xt" and isinstance(body, dict) and body.get("name") == "comment"):
        return True
    if kind != "match" or not isinstance(body, dict):
        return None
    left, right, op = body.get("left"), body.get("right"), str(body.get("op", "=="))
    if op in ("<", ">", "<=", ">="):
        return _ordered(left, right, op, packet)
    return negate(_equal(left, right, packet, elements), op in ("!=", "!"))


def user_match(kind: str, body: Any) -> bool:
    """Whether a statement asks for the sending user or group."""
    left = body.get("left") if kind == "match" and isinstance(body, dict) else None
    meta = left.get("meta") if isinstance(left, dict) else None
    return isinstance(meta, dict) and meta.get("key") in ("skuid", "skgid")


def _ordered(left: Any, right: Any, op: str, packet: Packet) -> bool | None:
    number = _number(left, packet)
    bound = _plain(right)
    if number is None or bound is None:
        return None
    return {"<": number < bound, ">": number > bound, "<=": number <= bound, ">=": number >= bound}[op]


def _plain(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else SERVICES.get(text)


def _number(left: Any, packet: Packet) -> int | None:
    """The packet's value of a numeric field; None for another field, or an unknown one."""
    if not isinstance(left, dict):
        return None
    payload, meta = left.get("payload"), left.get("meta")
    if isinstance(payload, dict) and payload.get("protocol") in ("tcp", "th") and payload.get("field") == "dport":
        return packet.port
    if isinstance(meta, dict):
        return {"skuid": packet.uid, "skgid": packet.gid}.get(str(meta.get("key")))
    return None


def _values(right: Any, elements: Elements) -> list[Any] | None:
    """The right side as a list of values; None where a named set is not known."""
    if isinstance(right, str) and right.startswith("@"):
        found = elements(right[1:])
        return None if found is None else list(found)
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        return list(right["set"])
    return list(right) if isinstance(right, list) else [right]


def _equal(left: Any, right: Any, packet: Packet, elements: Elements) -> bool | None:
    if not isinstance(left, dict) or not left:
        return None
    if "&" in left or "|" in left:
        return _flags(left, right)
    values = _values(right, elements)
    if values is None:
        return None
    results = [_one(left, _unwrapped(value), packet) for value in values]
    return True if True in results else None if None in results else False


def _unwrapped(value: Any) -> Any:
    """An element with a time-out or a counter is wrapped: {"elem": {"val": …}}."""
    inner = value.get("elem") if isinstance(value, dict) else None
    return inner.get("val") if isinstance(inner, dict) else value


def _one(left: dict[str, Any], value: Any, packet: Packet) -> bool | None:
    kind, body = next(iter(left.items()))
    if kind == "concat":
        return _concat(body, value, packet)
    if not isinstance(body, dict):
        return None
    if kind == "payload":
        return _payload(str(body.get("protocol")), str(body.get("field")), value, packet)
    if kind == "meta":
        return _meta(str(body.get("key")), value, packet)
    if kind == "ct":
        key = body.get("key")
        if key == "state":
            return str(value) == "new"
        if key == "direction":
            return str(value) == "original"
        return False if key == "status" else None
    if kind == "fib":
        return str(value) == "unicast" if body.get("result") == "type" and "daddr" in str(body.get("flags")) else None
    return None


def _concat(fields: Any, value: Any, packet: Packet) -> bool | None:
    parts = value.get("concat") if isinstance(value, dict) else None
    if not isinstance(fields, list) or not isinstance(parts, list) or len(fields) != len(parts):
        return None
    results = [_one(f, p, packet) if isinstance(f, dict) and f else None for f, p in zip(fields, parts, strict=True)]
    return False if False in results else None if None in results else True


def _payload(protocol: str, name: str, value: Any, packet: Packet) -> bool | None:
    if protocol in ("tcp", "th"):
        if name == "dport":
            return _in(packet.port, value)
        if name == "sport":
            inside = [_in(port, value) for port in EPHEMERAL]
            return True if all(inside) else None if any(inside) else False
        return _syn_only(value) if name == "flags" else None
    if protocol in ("udp", "udplite", "icmp", "icmpv6", "sctp", "dccp", "arp"):
        return False
    if protocol in ("ip", "ip6"):
        if packet.family != (4 if protocol == "ip" else 6):
            return False
        if name in ("protocol", "nexthdr"):
            return str(value) in ("tcp", "6")
        if name in ("daddr", "saddr"):
            address = packet.destination if name == "daddr" else packet.source
            found = address_matches(address, packet.family, _network(value))
            return None if name == "saddr" and not address and not found else found
    return None


def _network(value: Any) -> str:
    if isinstance(value, dict):
        prefix, span = value.get("prefix"), value.get("range")
        if isinstance(prefix, dict):
            return f"{prefix.get('addr')}/{prefix.get('len')}"
        if isinstance(span, list) and len(span) == 2:
            return f"{span[0]}-{span[1]}"
    return str(value)


def _in(number: int, value: Any) -> bool | None:
    if isinstance(value, dict):
        span = value.get("range")
        if isinstance(span, list) and len(span) == 2:
            low, high = _plain(span[0]), _plain(span[1])
            return None if low is None or high is None else low <= number <= high
        return None
    plain = _plain(value)
    return None if plain is None else plain == number


def _meta(key: str, value: Any, packet: Packet) -> bool | None:
    if key in ("l4proto", "protocol", "nfproto"):
        own = {"l4proto": ("tcp", "6"), "protocol": ("ip", "ip6"), "nfproto": ("ipv4", "ipv6")}[key]
        return str(value) in own if key == "l4proto" else str(value) == own[packet.family == 6]
    if key in ("oifname", "oif"):
        name = str(value)
        if not packet.oif:
            return False if name == "lo" else None
        return packet.oif.startswith(name[:-1]) if name.endswith("*") else packet.oif == name
    if key == "skuid":
        return _owner(packet.uid, packet.user_id, value)
    if key == "skgid":
        return _owner(packet.gid, packet.group_id, value)
    if key == "oiftype":
        return False if str(value) == "loopback" else None
    return None


def _owner(number: int | None, number_of: Callable[[str], int | None], value: Any) -> bool | None:
    """Whether a uid or gid is the one that a rule names; None where its name is unknown."""
    if number is None:
        return None
    if isinstance(value, str) and not value.isdigit():
        named = number_of(value)
        return None if named is None else named == number
    return _in(number, value)


def _syn_only(value: Any) -> bool | None:
    return str(value) == "syn" if isinstance(value, str) else None


def _flags(left: dict[str, Any], right: Any) -> bool | None:
    """`tcp flags & (fin|syn|rst|ack) == syn` for a SYN."""
    sides = left.get("&")
    if not isinstance(sides, list) or len(sides) != 2 or "flags" not in str(sides[0]):
        return None
    mask, wanted = _words(sides[1]), _words(right)
    return ({"syn"} & mask) == wanted


def _words(value: Any) -> set[str]:
    names = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}
    return names & set(re.findall(r"[a-z]+", str(value)))


def rule_text(expressions: list[Any]) -> str:
    """A rule in nft's own words, as near as needed to find it again."""
    return " ".join(filter(None, (_statement(e) for e in expressions)))[:300]


def _statement(expression: Any) -> str:
    if not isinstance(expression, dict) or not expression:
        return ""
    kind, body = next(iter(expression.items()))
    if kind == "match" and isinstance(body, dict):
        op = str(body.get("op", "=="))
        middle = f" {op} " if op in ("!=", "<", ">", "<=", ">=") else " "
        return f"{_value(body.get('left'))}{middle}{_value(body.get('right'))}"
    if kind in ("jump", "goto") and isinstance(body, dict):
        return f"{kind} {body.get('target')}"
    if kind == "reject" and isinstance(body, dict):
        return f"reject with {body.get('type', '')} {body.get('expr') or ''}".strip()
    if kind == "vmap" and isinstance(body, dict):
        return f"{_value(body.get('key'))} vmap {_value(body.get('data'))}"
    kind = str(kind)
    if kind in ("accept", "drop", "reject", "return", "redirect", "queue", "masquerade", "dnat", "snat", "log"):
        return kind
    if kind == "counter":
        return "counter"
    if kind == "xt" and isinstance(body, dict):
        return f"xt {body.get('type')} {body.get('name')}"
    return f"{kind} …"


def _value(value: Any) -> str:
    if isinstance(value, dict) and value:
        kind, body = next(iter(value.items()))
        if kind == "payload" and isinstance(body, dict):
            return f"{body.get('protocol')} {body.get('field')}"
        if kind in ("meta", "ct") and isinstance(body, dict):
            return f"{kind} {body.get('key')}"
        if kind == "prefix" and isinstance(body, dict):
            return f"{body.get('addr')}/{body.get('len')}"
        if kind == "range" and isinstance(body, list) and len(body) == 2:
            return f"{body[0]}-{body[1]}"
        if kind == "set" and isinstance(body, list):
            return "{ " + ", ".join(_pair(item) for item in body) + " }"
        if kind == "elem" and isinstance(body, dict):
            return _value(body.get("val"))
        return str(kind)
    if isinstance(value, list):
        return ",".join(_value(item) for item in value)
    return str(value)


def _pair(item: Any) -> str:
    if isinstance(item, list) and len(item) == 2:
        return f"{_value(item[0])} : {_statement(item[1])}"
    return _value(item)

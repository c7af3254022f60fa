"""Converts the text output of busybox' ip(8) to the form of iproute2's `ip -j`, which busybox lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

_TYPES = ("unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "anycast")
_ROUTE_KEYS = {"via": "gateway", "dev": "dev", "table": "table", "scope": "scope", "src": "prefsrc", "metric": "metric"}
_RULE_KEYS = {"from": "src", "to": "dst", "lookup": "table", "iif": "iif", "fwmark": "fwmark", "tos": "tos"}
_LINK = re.compile(r"\d+: (?P<name>[^:@\s]+)(?:@\S+)?: <(?P<flags>[^>]*)> mtu (?P<mtu>\d+)")
_ADDRESS = re.compile(r"\s+(?P<family>inet6?) (?P<local>[\da-fA-F.:]+)(?: peer \S+?)?/(?P<prefix>\d+)(?P<rest>.*)")


def simpler(argv: Sequence[str]) -> tuple[str, ...]:
    """The arguments of `ip -j …` reduced to those that busybox supports: `route get` takes only a destination."""
    words = [word for word in argv if word != "-j"]
    if "get" in words:
        words = words[: words.index("get") + 2]
    return tuple(words)


def as_json(argv: Sequence[str], text: str) -> list[dict[str, Any]]:
    """busybox' text as the objects of `ip -j`. argv: the arguments for `ip -j`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if "rule" in argv:
        return [_rule(line) for line in lines]
    if "addr" in argv or "link" in argv:
        return _links(lines)
    return [_route(line.split()) for line in lines]


def _route(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"flags": [word for word in words if word in ("linkdown", "dead", "onlink")]}
    if words[0] in _TYPES:
        found["type"] = words.pop(0)
    found["dst"] = words[0] if words else ""
    found |= _pairs(words[1:], _ROUTE_KEYS)
    if str(found.get("metric", "")).isdecimal():
        found["metric"] = int(found["metric"])
    return found


def _rule(line: str) -> dict[str, Any]:
    number, _, rest = line.partition(":")
    words = rest.split()
    found: dict[str, Any] = {"priority": int(number) if number.strip().isdecimal() else 0, **_pairs(words, _RULE_KEYS)}
    action = next((word for word in words if word in ("prohibit", "blackhole", "unreachable")), "")
    return found | ({"action": action} if action else {})


def _pairs(words: list[str], keys: dict[str, str]) -> dict[str, Any]:
    return {keys[name]: value for name, value in pairwise(words) if name in keys}


def _links(lines: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        if link := _LINK.match(line):
            flags = link["flags"].split(",")
            state = "UP" if "LOWER_UP" in flags else "DOWN"
            found.append(
                {
                    "ifname": link["name"],
                    "flags": flags,
                    "mtu": int(link["mtu"]),
                    "operstate": "UNKNOWN" if "LOOPBACK" in flags else state,
                    "addr_info": [],
                }
            )
        elif found and (address := _ADDRESS.match(line)):
            words = address["rest"].split()
            scope = _pairs(words, {"scope": "scope"}).get("scope", "global")
            marks = {word: True for word in ("tentative", "deprecated", "dadfailed") if word in words}
            found[-1]["addr_info"].append(
                {
                    "family": address["family"],
                    "local": address["local"],
                    "prefixlen": int(address["prefix"]),
                    "scope": scope,
                    **marks,
                }
            )
    return found

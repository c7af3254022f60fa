"""Parses `ip -j route`, `ip -j rule` and `ip -j addr` (or `ip -j link`), and selects the route of a packet.

`ip` prints IPv4 and IPv6 separately (`-4`, `-6`); pass each output with its family.
"""

import ipaddress
import json
import re
from typing import Any

from diagnose.record import frozen


@frozen
class Route:
    """One route. `type`: unicast, prohibit, blackhole, unreachable, throw, local … `destination` a network in CIDR
    form.

    `table` is 'main' if none is printed. `down`: marked linkdown or dead.
    """

    type: str
    destination: str
    family: int
    gateway: str
    device: str
    table: str
    metric: int
    source: str
    down: bool

    @property
    def refuses(self) -> bool:
        """Whether this host refuses packets that take this route."""
        return self.type in ("prohibit", "blackhole", "unreachable")


@frozen
class PolicyRule:
    """One routing rule. `action`: lookup, prohibit, blackhole, unreachable. `selector`: the packets it applies to,
    '' for all."""

    priority: int
    action: str
    table: str
    selector: str
    port: str
    uids: str


@frozen
class Address:
    """An address of an interface. `scope`: global, link, host, site. `usable`: neither tentative nor failed nor
    deprecated."""

    device: str
    address: str
    prefix: int
    family: int
    scope: str
    usable: bool


@frozen
class Link:
    """An interface. `state`: as printed (UP, DOWN, UNKNOWN)."""

    device: str
    state: str
    mtu: int


def _load(text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return [item for item in data if isinstance(item, dict) and item] if isinstance(data, list) else []


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _whole(item: dict[str, Any], key: str) -> int:
    value = item.get(key)
    return value if isinstance(value, int) else 0


def routes(text: str, family: int = 4) -> tuple[Route, ...]:
    """Routes in `ip -j -4 route` or `-6` (also `show table all`), in the order printed; a multipath route once per hop."""
    found: list[Route] = []
    for item in _load(text):
        destination = _network(_text(item, "dst"), family)
        if destination is None:
            continue
        raw_hops = item.get("nexthops")
        hops = [hop for hop in raw_hops if isinstance(hop, dict)] if isinstance(raw_hops, list) else []
        for hop in hops or [item]:
            flags = str(hop.get("flags", item.get("flags", "")))
            via = hop.get("via")
            gateway = _text(hop, "gateway") or (_text(via, "host") if isinstance(via, dict) else "")
            found.append(
                Route(
                    type=_text(item, "type") or "unicast",
                    destination=destination,
                    family=family,
                    gateway=gateway,
                    device=_text(hop, "dev") or _text(item, "dev"),
                    table=_text(item, "table") or "main",
                    metric=_whole(item, "metric"),
                    source=_text(item, "prefsrc"),
                    down="linkdown" in flags or "dead" in flags,
                )
            )
    return tuple(found)


def _network(text: str, family: int) -> str | None:
    if text in ("default", "all"):
        return "0.0.0.0/0" if family == 4 else "::/0"
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def route_for(found: tuple[Route, ...], address: str) -> Route | None:
    """The route in table main for an address: longest prefix, then lowest metric; None if there is none."""
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    fitting: list[tuple[int, int, int, Route]] = []
    for route in found:
        network = ipaddress.ip_network(route.destination)
        if (
            network.version == wanted.version
            and wanted in network
            and route.table in ("main", "254")
            and not route.down
        ):
            fitting.append((-network.prefixlen, route.metric, len(fitting), route))
    return min(fitting)[3] if fitting else None


def policy_rules(text: str) -> tuple[PolicyRule, ...]:
    """Rules in `ip -j rule`. Those beyond the usual three may route mail differently or refuse it (by port, mark or
    user)."""
    found: list[PolicyRule] = []
    for item in _load(text):
        action = _text(item, "action") or "lookup"
        parts = []
        if _text(item, "src") not in ("", "all"):
            parts.append(f"from {_text(item, 'src')}" + (f"/{_text(item, 'srclen')}" if _text(item, "srclen") else ""))
        if _text(item, "dst") not in ("", "all"):
            parts.append(f"to {_text(item, 'dst')}" + (f"/{_text(item, 'dstlen')}" if _text(item, "dstlen") else ""))
        if "not" in item:
            parts.append("not")
        for key in ("fwmark", "iif", "oif", "ipproto", "dport", "dport_start", "sport", "uid_start"):
            if _text(item, key):
                parts.append(f"{key} {_text(item, key)}")
        port = _text(item, "dport") or _span(item, "dport_start", "dport_end")
        found.append(
            PolicyRule(
                priority=_whole(item, "priority"),
                action=action,
                table=_text(item, "table"),
                selector=" ".join(parts),
                port=port,
                uids=_span(item, "uid_start", "uid_end"),
            )
        )
    return tuple(found)


def _span(item: dict[str, Any], low: str, high: str) -> str:
    first, last = _text(item, low), _text(item, high)
    return "" if not first else first if last in ("", first) else f"{first}-{last}"


def applies(rule: PolicyRule, port: int, uid: int | None = None) -> bool | None:
    """Whether a rule's port and user match a connection; None if a mark, source or interface matters too."""
    for number, span in ((port, rule.port), (uid, rule.uids)):
        if span:
            low, _, high = span.partition("-")
            if not low.isdecimal() or number is None:
                return None
            if not int(low[:9]) <= number <= int((high or low)[:10]):
                return False
    other = re.sub(r"(?:dport|dport_start|uid_start|ipproto) \S+ ?", "", rule.selector).strip()
    return None if other else True


def addresses(text: str) -> tuple[Address, ...]:
    """Addresses of all interfaces in `ip -j addr`, in the order printed."""
    found: list[Address] = []
    for item in _load(text):
        infos = item.get("addr_info")
        for info in infos if isinstance(infos, list) else []:
            if isinstance(info, dict) and _text(info, "local"):
                bad = any(info.get(flag) for flag in ("tentative", "dadfailed", "deprecated"))
                found.append(
                    Address(
                        device=_text(item, "ifname"),
                        address=_text(info, "local"),
                        prefix=_whole(info, "prefixlen"),
                        family=6 if _text(info, "family") == "inet6" else 4,
                        scope=_text(info, "scope"),
                        usable=not bad,
                    )
                )
    return tuple(found)


def links(text: str) -> tuple[Link, ...]:
    """Interfaces in `ip -j addr` or `ip -j link`, in the order printed."""
    return tuple(
        Link(device=_text(item, "ifname"), state=_text(item, "operstate"), mtu=_whole(item, "mtu"))
        for item in _load(text)
    )

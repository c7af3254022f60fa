"""busybox' ip(8), as iproute2 would say it."""

import json

import pytest
from hypothesis import given, strategies as st

from diagnose.parse.system import ip_text, iproute

ROUTES = """default via 192.0.2.1 dev eth0 metric 100
192.0.2.0/24 dev eth0 scope link  src 192.0.2.2
prohibit 198.51.100.7
"""
ADDRESSES = """1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0@if7: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noop qlen 32
    inet6 2001:db8::1/64 scope global tentative
"""


def _json(argv: tuple[str, ...], text: str) -> str:
    return json.dumps(ip_text.as_json(argv, text))


def test_routes() -> None:
    found = iproute.routes(_json(("ip", "-j", "-4", "route"), ROUTES))
    assert [(r.type, r.destination, r.gateway, r.device, r.metric) for r in found] == [
        ("unicast", "0.0.0.0/0", "192.0.2.1", "eth0", 100),
        ("unicast", "192.0.2.0/24", "", "eth0", 0),
        ("prohibit", "198.51.100.7/32", "", "", 0),
    ]


def test_addresses_and_links() -> None:
    text = _json(("ip", "-j", "addr"), ADDRESSES)
    assert [(a.device, a.address, a.prefix, a.scope, a.usable) for a in iproute.addresses(text)] == [
        ("lo", "127.0.0.1", 8, "host", True),
        ("eth0", "2001:db8::1", 64, "global", False),
    ]
    assert [(link.device, link.state, link.mtu) for link in iproute.links(text)] == [
        ("lo", "UNKNOWN", 65536),
        ("eth0", "DOWN", 1500),
    ]


def test_rules() -> None:
    rules = iproute.policy_rules(
        _json(("ip", "-j", "rule"), "0:\tfrom all lookup local\n7:\tfrom all to 192.0.2.9 prohibit\n")
    )
    assert [(rule.priority, rule.action, rule.table) for rule in rules] == [(0, "lookup", "local"), (7, "prohibit", "")]


def test_a_route_is_asked_for_by_its_destination_alone() -> None:
    asked = ("ip", "-j", "-4", "route", "get", "192.0.2.9", "ipproto", "tcp", "dport", "25")
    assert ip_text.simpler(asked) == ("ip", "-4", "route", "get", "192.0.2.9")


@given(st.text(alphabet="ab1:./ \n<>,@", max_size=80))
@pytest.mark.parametrize("word", ["route", "rule", "addr"])
def test_anything_is_read(word: str, text: str) -> None:
    iproute.routes(_json(("ip", "-j", word), text))

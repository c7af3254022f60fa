"""Routes, resolver files and os-release are read without trust in their form."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.knowledge import distributions
from diagnose.parse.system import iproute, nameservice, os_release

ROUTES = json.dumps(
    [
        {"dst": "default", "gateway": "10.0.0.1", "dev": "eth0", "metric": 100, "flags": []},
        {"dst": "default", "gateway": "10.0.1.1", "dev": "wlan0", "metric": 600, "flags": ["linkdown"]},
        {
            "dst": "10.0.0.0/24",
            "dev": "eth0",
            "protocol": "kernel",
            "scope": "link",
            "prefsrc": "10.0.0.5",
            "flags": [],
        },
        {"type": "prohibit", "dst": "203.0.113.0/24", "flags": []},
        {"type": "blackhole", "dst": "198.51.100.7", "flags": []},
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo", "table": "local", "flags": []},
        {
            "dst": "192.0.2.0/24",
            "nexthops": [{"gateway": "10.0.0.2", "dev": "eth0"}, {"gateway": "10.0.0.3", "dev": "eth0"}],
        },
    ]
)


def test_routes() -> None:
    found = iproute.routes(ROUTES)
    assert [iproute.route_for(found, a) and iproute.route_for(found, a).type for a in ("203.0.113.9", "8.8.8.8")] == [  # type: ignore[union-attr]
        "prohibit",
        "unicast",
    ]
    assert iproute.route_for(found, "::1") is None
    assert sum(route.destination == "192.0.2.0/24" for route in found) == 2


def test_policy_rules() -> None:
    text = json.dumps(
        [
            {"priority": 0, "src": "all", "table": "local"},
            {"priority": 5, "src": "all", "ipproto": "tcp", "dport": 25, "action": "prohibit"},
            {"priority": 6, "src": "all", "uid_start": 100, "uid_end": 110, "dport": 465, "action": "blackhole"},
            {"priority": 7, "src": "10.1.1.2", "table": "100"},
        ]
    )
    _, smtp, users, source = iproute.policy_rules(text)
    assert (smtp.action, iproute.applies(smtp, 25), iproute.applies(smtp, 587)) == ("prohibit", True, False)
    assert [iproute.applies(users, 465, uid) for uid in (105, 1, None)] == [True, False, None]
    assert iproute.applies(source, 25) is None


def test_addresses_and_links() -> None:
    text = json.dumps(
        [
            {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "mtu": 65536, "operstate": "UNKNOWN", "addr_info": []},
            {
                "ifname": "eth0", "flags": ["NO-CARRIER", "UP"], "mtu": 1500, "operstate": "DOWN",
                "addr_info": [{"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global", "tentative": True}],
            },
        ]
    )  # fmt: skip
    assert [(link.device, link.state) for link in iproute.links(text)] == [("lo", "UNKNOWN"), ("eth0", "DOWN")]
    (address,) = iproute.addresses(text)
    assert (address.family, address.prefix, address.usable) == (6, 64, False)


def test_resolver_files() -> None:
    text = "# c\n; c\nnameserver 10.0.0.1\nnameserver x\nsearch a.test b.test\noptions ndots:2 timeout:x\nnamserver 1.1.1.1\n"
    found = nameservice.resolv_conf(text)
    assert (found.used, found.search, found.option("ndots", 1), found.option("timeout", 5)) == (
        ("10.0.0.1",), ("a.test", "b.test"), 2, 5,
    )  # fmt: skip
    assert [(f.line, f.kind) for f in found.findings] == [(4, "bad-nameserver"), (7, "unknown-keyword")]
    assert nameservice.resolv_conf("").used == ("127.0.0.1",)
    unread = (" nameserver 10.0.0.1", "NAMESERVER 10.0.0.1", "nameserver 10.0.0.1\r", "nameserver=10.0.0.1")
    assert [nameservice.resolv_conf(line).nameservers for line in unread] == [()] * 4
    entries = nameservice.hosts("127.0.0.1 localhost Relay.Test # x\nnonsense here\n::1 localhost\n")
    assert nameservice.addresses(entries, "relay.test") == ("127.0.0.1",)
    assert nameservice.addresses(entries, "localhost") == ("127.0.0.1", "::1")
    assert nameservice.nsswitch("hosts: files [!UNAVAIL=return] dns\n")["hosts"] == (
        "files",
        "[!UNAVAIL=return]",
        "dns",
    )
    assert nameservice.services("smtp 25/tcp mail\nsubmission\t587/tcp # x\n")[("mail", "tcp")] == 25


@pytest.mark.parametrize(
    ("kind", "ours", "theirs", "count"),
    [
        ("resolv.conf", "nameserver 10.0.0.1\n", "# old\nnameserver 10.0.0.1\n", 0),
        ("resolv.conf", "nameserver 10.0.0.1\n", "nameserver 10.0.0.2\n", 1),
        ("resolv.conf", "nameserver 10.0.0.1\n", "", 1),
        ("hosts", "127.0.0.1 a b\n", "127.0.0.1 b\n127.0.0.1 a\n", 0),
        ("hosts", "127.0.0.1 a\n10.0.0.9 relay\n", "127.0.0.1 a\n", 1),
        ("nsswitch.conf", "hosts: files dns\npasswd: files\n", "hosts: files dns\n", 0),
        ("services", "smtp 25/tcp\nsubmission 587/tcp\n", "smtp 25/tcp\n", 1),
    ],
)
def test_differences_of_copies(kind: str, ours: str, theirs: str, count: int) -> None:
    assert len(nameservice.differences(kind, ours, theirs)) == count


@pytest.mark.parametrize(
    ("text", "family", "major", "map_type", "ca_file"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian", 12, "hash", "/etc/ssl/certs/ca-certificates.crt"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian", 0, "hash", "/etc/ssl/certs/ca-certificates.crt"),
        (
            'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
            "rhel",
            9,
            "hash",
            "/etc/pki/tls/certs/ca-bundle.crt",
        ),
        ('ID="rhel"\nVERSION_ID="10.0"\n', "rhel", 10, "lmdb", "/etc/pki/tls/certs/ca-bundle.crt"),
        ("ID=alpine\nVERSION_ID=3.20.1\n", "alpine", 3, "lmdb", "/etc/ssl/certs/ca-certificates.crt"),
        ("", "", 0, "hash", "/etc/ssl/certs/ca-certificates.crt"),
    ],
)
def test_distributions(text: str, family: str, major: int, map_type: str, ca_file: str) -> None:
    found = os_release.parse(text)
    support = os_release.mail_support(found)
    assert (found.family, found.major, support.map_type, support.ca_file) == (family, major, map_type, ca_file)
    assert os_release.mail_support(found, ("static", "cdb")).map_type == "cdb"


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("systemd", "systemctl restart postfix"),
        ("openrc", "rc-service postfix restart"),
        ("sysv", "service postfix restart"),
        ("", "postfix stop && postfix start"),
    ],
)
def test_service_managers(manager: str, command: str) -> None:
    assert distributions.service(manager, "restart") == command


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.recursive(st.none() | st.integers() | st.text(max_size=6), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["dst", "dev", "nexthops", "addr_info", "flags", "local", "dport", "type"]), inner, max_size=4)))  # fmt: skip
def test_garbage_raises_nothing(text: str, value: object) -> None:
    for source in (text, json.dumps(value), json.dumps([value])):
        iproute.routes(source)
        for rule in iproute.policy_rules(source):
            iproute.applies(rule, 25, 0)
        iproute.addresses(source)
        iproute.links(source)
    for kind in ("resolv.conf", "hosts", "nsswitch.conf", "services", "localtime"):
        nameservice.differences(kind, text, "x")
    os_release.mail_support(os_release.parse(text))

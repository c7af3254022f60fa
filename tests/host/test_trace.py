"""Paths of real network namespaces: host, two routers, server; the firewall in the first router (root only)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from diagnose.host.live.trace import trace
from diagnose.host.plain import from_plain
from diagnose.host.query import Attempt, DialReply, Trace, TraceReply
from tests.host.server import Smtp, serving

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip", "nft"))),
    reason="NOT TESTED: network namespaces need root, unshare, nsenter, ip and nft",
)
SERVER = {4: "10.77.3.2", 6: "fd77:3::2"}
ROUTER = {4: "10.77.1.1", 6: "fd77:1::1"}
SECOND = {4: "10.77.2.2", 6: "fd77:2::2"}
HOST = {4: "10.77.1.2", 6: "fd77:1::2"}
_SERVE = """
import socket, sys, threading
listeners = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 25)); s.listen(64); listeners.append(s)
def accept(s):
    while True:
        c, _ = s.accept()
        try:
            c.sendall(b"220 lab.example.org ESMTP\\r\\n")
        except OSError:
            pass
        c.close()
for s in listeners:
    threading.Thread(target=accept, args=(s,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""
_ASK = """
import json, sys, time
from diagnose.host.live.dial import dial
from diagnose.host.live.trace import trace
from diagnose.host.plain import to_plain
from diagnose.host.query import Dial, Trace
from diagnose.parse.text.masking import Secrets
kind, fields, seconds = json.loads(sys.argv[1])
until = time.monotonic() + seconds
if kind == "Dial":
    print(json.dumps(to_plain(dial(Dial(**fields), until, lambda _: None, Secrets()))))
else:
    print(json.dumps(to_plain(trace(Trace(**fields), until))))
"""


class Network:
    """host 1.2 -- 1.1 router 2.1 -- 2.2 second 3.1 -- 3.2 server, each a namespace held by a process."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.pids: dict[str, int] = {}
        for name in ("host", "router", "second", "server"):
            holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            stack.callback(holder.wait, 5)
            stack.callback(holder.kill)
            self.pids[name] = holder.pid
            for _ in range(200):  # until unshare has happened
                if os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"):
                    break
                time.sleep(0.01)
            self.run(name, "ip", "link", "set", "lo", "up")
        for net, (near, far) in enumerate((("host", "router"), ("router", "second"), ("second", "server")), 1):
            self.run(
                near, "ip", "link", "add", f"r{net}", "type", "veth", "peer", f"l{net}", "netns", str(self.pids[far])
            )
            # host .2 -- .1 router; further on the nearer end is .1
            ends = ((near, f"r{net}", 2 if net == 1 else 1), (far, f"l{net}", 1 if net == 1 else 2))
            for name, link, number in ends:
                self.run(name, "ip", "addr", "add", f"10.77.{net}.{number}/24", "dev", link)
                self.run(name, "ip", "addr", "add", f"fd77:{net}::{number}/64", "dev", link, "nodad")
                self.run(name, "ip", "link", "set", link, "up")
        routes = {
            "host": ("default", "10.77.1.1", "fd77:1::1"),
            "router": ("default", "10.77.2.2", "fd77:2::2"),
            "server": ("default", "10.77.3.1", "fd77:3::1"),
        }
        for name, (to, four, six) in routes.items():
            self.run(name, "ip", "route", "add", to, "via", four)
            self.run(name, "ip", "-6", "route", "add", to, "via", six)
        self.run("second", "ip", "route", "add", "10.77.1.0/24", "via", "10.77.2.1")
        self.run("second", "ip", "-6", "route", "add", "fd77:1::/64", "via", "fd77:2::1")
        for name in ("router", "second", "server"):
            for setting in ("ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/icmp_ratelimit=0",
                            "ipv6/icmp/ratelimit=0"):  # fmt: skip
                path, _, value = setting.partition("=")
                self.run(name, "sh", "-c", f"echo {value} > /proc/sys/net/{path}")

        self.server = subprocess.Popen(
            self.inside("server", sys.executable, "-c", _SERVE), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        stack.callback(self.server.wait, 5)
        stack.callback(self.server.kill)
        assert self.server.stdout
        assert self.server.stdout.readline() == b"ready\n"
        # IPv6 neighbours are found only once the link-local addresses are known to be unique (about a second).
        for version in (4, 6):
            for _ in range(20):
                reply = self.ask("Dial", host=SERVER[version], port=25, say="connect", connect_timeout=1.0)
                if reply.connected:
                    break
            assert reply.connected
            assert self.ask("Trace", address=SERVER[version], port=25, hops=4).hops

    def inside(self, name: str, *argv: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.pids[name]}/ns/net", *argv]

    def run(self, name: str, *argv: str) -> None:
        done = subprocess.run(self.inside(name, *argv), capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, (argv, done.stderr)

    def rule(self, name: str, hook: str, rule: str) -> None:
        self.clear(name)
        text = f"table inet t {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}; }}"
        self.run(name, "nft", text)

    def clear(self, name: str) -> None:
        self.run(name, "nft", "flush ruleset")

    def ask(self, kind: str, *, user: str = "root", seconds: float = 8.0, **fields: Any) -> Any:
        argv = [sys.executable, "-c", _ASK, json.dumps([kind, fields, seconds])]
        if user != "root":
            argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]
        done = subprocess.run(self.inside("host", *argv), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return from_plain(DialReply if kind == "Dial" else TraceReply, json.loads(done.stdout))


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with contextlib.ExitStack() as stack:
        yield Network(stack)


@pytest.fixture
def firewall(network: Network) -> Iterator[Network]:
    yield network
    for name in ("host", "router"):
        network.clear(name)


def answers(reply: TraceReply) -> list[tuple[str, str]]:
    assert reply.problem is None
    return [(hop.answer, hop.address) for hop in reply.hops]


def path(network: Network, version: int, port: int = 25, **fields: Any) -> list[tuple[str, str]]:
    return answers(network.ask("Trace", address=SERVER[version], port=port, hops=5, timeout=1.2, **fields))


def attempt(network: Network, version: int = 4) -> Attempt:
    reply = network.ask("Dial", host=SERVER[version], port=25, say="connect", connect_timeout=1.2)
    assert isinstance(reply, DialReply)
    assert len(reply.attempts) == 1
    return reply.attempts[0]


@needs_root
@pytest.mark.parametrize("version", [4, 6])
def test_an_open_path_and_a_closed_port(network: Network, version: int) -> None:
    routers = [("time-exceeded", ROUTER[version]), ("time-exceeded", SECOND[version])]
    assert path(network, version) == routers + [("open", SERVER[version])] * 3
    assert path(network, version, port=26) == routers + [("refused", SERVER[version])] * 3


@needs_root
def test_no_privileges_are_needed(network: Network) -> None:
    if not shutil.which("setpriv") or not os.access(sys.executable, os.X_OK):
        pytest.skip("NOT TESTED: setpriv is missing")
    as_nobody = subprocess.run(["setpriv", "--reuid=65534", sys.executable, "-c", "import ssl"], check=False)
    if as_nobody.returncode:
        pytest.skip("NOT TESTED: nobody may not run this Python")
    assert path(network, 4, user="nobody")[0] == ("time-exceeded", ROUTER[4])


@needs_root
@pytest.mark.parametrize("version", [4, 6])
def test_where_a_drop_begins(firewall: Network, version: int) -> None:
    firewall.rule("router", "forward", "tcp dport 25 drop")
    # A Linux router looks at the TTL before it forwards: the last that answers is the one that drops.
    assert path(firewall, version) == [("time-exceeded", ROUTER[version]), *[("silence", "")] * 4]
    failed = attempt(firewall, version)
    assert (failed.error, failed.icmp, failed.offender, failed.local) == ("ETIMEDOUT", "", "", HOST[version])
    assert 1.1 < failed.seconds < 1.6
    firewall.rule("router", "prerouting", "tcp dport 25 drop")
    assert path(firewall, version) == [("silence", "")] * 5


@needs_root
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("name", "hook", "rule"), [("host", "input", "tcp sport 25 drop"), ("router", "forward", "tcp dport 25 drop")]
)
def test_what_this_host_discards_is_counted(firewall: Network, version: int, name: str, hook: str, rule: str) -> None:
    firewall.rule(name, hook, rule)
    reply = firewall.ask("Trace", address=SERVER[version], port=25, hops=5, timeout=1.2)
    assert {hop.answer for hop in reply.hops[2:]} == {"silence"}
    assert (reply.discarded >= 3) if name == "host" else reply.discarded == 0


@needs_root
def test_a_deadline_within_the_connect_is_told_as_such(firewall: Network) -> None:
    firewall.rule("router", "forward", "tcp dport 25 drop")
    reply = firewall.ask("Dial", host=SERVER[4], port=25, seconds=0.4)
    assert (reply.stage, reply.error, reply.problem) == ("connect", "timed out", "timed out")
    assert [a.error for a in reply.attempts] == ["ECANCELED"]
    assert reply.seconds < 0.8


@needs_root
@pytest.mark.parametrize(
    ("version", "reject", "name", "error", "icmp"),
    [
        (4, "icmp type admin-prohibited", "admin-prohibited", "EHOSTUNREACH", "3/13"),
        (4, "icmp type host-prohibited", "host-prohibited", "EHOSTUNREACH", "3/10"),
        (4, "icmp type net-prohibited", "net-prohibited", "ENETUNREACH", "3/9"),
        (4, "icmp type host-unreachable", "host-unreachable", "EHOSTUNREACH", "3/1"),
        (4, "icmp type net-unreachable", "net-unreachable", "ENETUNREACH", "3/0"),
        (4, "icmp type port-unreachable", "port-unreachable", "ECONNREFUSED", "3/3"),
        (6, "icmpv6 type admin-prohibited", "admin-prohibited", "EACCES", "1/1"),
        (6, "icmpv6 type no-route", "net-unreachable", "ENETUNREACH", "1/0"),
        (6, "icmpv6 type port-unreachable", "port-unreachable", "ECONNREFUSED", "1/4"),
    ],
)
def test_rejections_bear_their_sender(
    firewall: Network, version: int, reject: str, name: str, error: str, icmp: str
) -> None:
    firewall.rule("router", "forward", f"tcp dport 25 reject with {reject}")
    assert path(firewall, version)[1:] == [(name, ROUTER[version])] * 4
    failed = attempt(firewall, version)
    assert (failed.error, failed.icmp, failed.offender) == (error, icmp, ROUTER[version])
    # The same from this host's own firewall: the offender is an address of ours.
    firewall.clear("router")
    firewall.rule("host", "output", f"tcp dport 25 reject with {reject}")
    failed = attempt(firewall, version)
    assert (failed.error, failed.icmp) == (error, icmp)
    assert failed.offender in (HOST[version], "127.0.0.1", "::1")
    assert failed.seconds < 0.5


@needs_root
@pytest.mark.parametrize("version", [4, 6])
def test_a_forged_reset_comes_from_nearer(firewall: Network, version: int) -> None:
    firewall.rule("router", "forward", "tcp dport 25 reject with tcp reset")
    assert path(firewall, version)[:2] == [("time-exceeded", ROUTER[version]), ("refused", SERVER[version])]
    failed = attempt(firewall, version)
    assert (failed.error, failed.icmp) == ("ECONNREFUSED", "")


@needs_root
def test_local_obstacles_have_their_errno(network: Network) -> None:
    for kind, error in (("blackhole", "EINVAL"), ("prohibit", "EACCES"), ("unreachable", "EHOSTUNREACH")):
        network.run("host", "ip", "route", "add", kind, "192.0.2.0/24")
        try:
            reply = network.ask("Trace", address="192.0.2.1", port=25, hops=2)
            assert answers(reply) == [(f"local:{error}", "")] * 2
            dialled = network.ask("Dial", host="192.0.2.1", port=25)
            assert (dialled.error, dialled.stage) == (error, "connect")
        finally:
            network.run("host", "ip", "route", "del", kind, "192.0.2.0/24")


@needs_root
def test_several_silent_addresses_take_little_longer_than_one(firewall: Network) -> None:
    firewall.rule("router", "forward", "tcp dport 25 drop")
    code = (
        "import time\nfrom diagnose.host.live.connect import literal, open_first\n"
        f"addresses = [literal(a, 25) for a in ({SERVER[4]!r}, '10.77.3.9', {SERVER[6]!r})]\n"
        "began = time.monotonic()\n"
        "opened = open_first(addresses, bind='', timeout=1.5, deadline=began + 9)\n"
        "print(time.monotonic() - began, [a.error for a in opened.attempts])"
    )
    done = subprocess.run(
        firewall.inside("host", sys.executable, "-c", code), capture_output=True, text=True, timeout=20, check=True
    )
    seconds, _, errors = done.stdout.strip().partition(" ")
    assert errors == "['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']"
    assert 1.9 < float(seconds) < 2.4


def test_loopback_answers_at_once() -> None:
    with serving(Smtp()) as port:
        reply = trace(Trace("127.0.0.1", port, hops=3), time.monotonic() + 3)
    assert answers(reply) == [("open", "127.0.0.1")] * 3
    closed = trace(Trace("::1", port, hops=2), time.monotonic() + 3)
    assert answers(closed) == [("refused", "::1")] * 2


def test_a_name_has_no_path() -> None:
    reply = trace(Trace("mx.example.org", 25), time.monotonic() + 3)
    assert reply.problem is not None
    assert "not an address" in reply.problem

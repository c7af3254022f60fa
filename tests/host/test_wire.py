"""Where a connect's packets are lost, seen on the wire in namespaces of their own, whatever language the rules are in."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

import pytest

from diagnose.host.live.wire import Wire

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip", "nft", "iptables-nft"))),
    reason="NOT TESTED: network namespaces need root, unshare, nsenter, ip, nft and iptables",
)
# What is done to the host ("peer:" to the other end), as whom port 25 is dialled, and the fate.
CASES = (
    ("nft add rule inet t o tcp dport 25 drop", "", "kept"),
    ("nft add rule inet t o meta skuid 65534 tcp dport 25 drop", "nobody", "kept"),
    ("nft add rule inet t o meta skuid 65534 tcp dport 25 drop", "", "open"),
    ("nft add rule inet t o meta mark != 1 drop", "nobody", "kept"),
    ("nft add rule inet t o limit rate over 1/hour burst 1 packets drop; (exec 3<>/dev/tcp/192.0.2.2/25)", "", "kept"),
    ("nft add rule inet t o tcp dport 25 reject with tcp reset", "", "kept"),
    ("nft add rule inet t i tcp sport 25 drop", "nobody", "answered"),
    ("iptables-nft -A INPUT -s 192.0.2.2 -j DROP", "", "answered"),
    ("iptables-nft -A OUTPUT -p tcp -m mark ! --mark 1 -j DROP", "", "kept"),
    ("nft add table ip n; nft 'add chain ip n p { type nat hook postrouting priority 100; }';"
     " nft add rule ip n p tcp dport 25 snat to 192.0.2.55", "", "altered"),
    ("nft 'add chain inet t m { type filter hook postrouting priority -150; }'; nft add rule inet t m ip ttl set 1;"
     " ip route replace 203.0.113.0/24 via 192.0.2.2", "", "altered 203.0.113.1"),
    ("ip neigh flush all; ip route replace 203.0.113.0/24 via 192.0.2.77", "", "kept 203.0.113.1"),
    ("peer: nft add rule inet t i tcp dport 25 drop", "nobody", "sent"),
    ("nft add table ip n; nft 'add chain ip n p { type nat hook postrouting priority 100; }';"
     " nft add rule ip n p masquerade random; peer: nft add rule inet t i tcp dport 25 drop", "", ""),
)  # fmt: skip
TABLE = 'nft add table inet t; for c in i:input o:output; do nft "add chain inet t ${c%:*} { type filter hook ${c#*:} priority 0; }"; done'
SERVE = (
    "import socket\ns=socket.create_server(('192.0.2.2',25))\nprint('up',flush=True)\nwhile 1: s.accept()[0].close()"
)


def sh(command: str) -> None:
    subprocess.run(["bash", "-c", command], check=True, timeout=20)


def try_all() -> None:
    """What runs inside the host's namespace."""
    import time

    from diagnose.host.live import LiveHost
    from diagnose.host.query import Dial

    with contextlib.ExitStack() as stack:
        peer = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        stack.callback(peer.kill)
        time.sleep(0.2)
        there = f"nsenter -t {peer.pid} -n "
        sh(f"ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 netns {peer.pid}")
        sh("ip addr add 192.0.2.1/24 dev v0; ip link set v0 up")
        sh(f"{there} ip addr add 192.0.2.2/24 dev v1; {there} ip link set v1 up; {there} ip link set lo up")
        server = subprocess.Popen([*there.split(), sys.executable, "-c", SERVE], stdout=subprocess.PIPE)
        assert server.stdout
        assert server.stdout.readline()
        stack.callback(server.kill)
        for todo, user, wanted in CASES:
            sh(f"nft flush ruleset; {TABLE}; {there} bash -c '{TABLE}'")
            mine, _, theirs = todo.partition("peer:")
            sh(mine or "true")
            sh(there + (theirs.strip() or "true"))
            fate, _, address = wanted.partition(" ")
            query = Dial(host=address or "192.0.2.2", port=25, say="connect", user=user, connect_timeout=1.2)
            (attempt,) = LiveHost().answer(query, time.monotonic() + 5).attempts
            assert (attempt.wire or ("" if attempt.error else "open")) == fate, (todo, user, attempt)
            sh(f"{there} nft flush ruleset")
    print("DONE")


@needs_root
def test_each_place_is_told_apart() -> None:
    command = ["unshare", "-n", sys.executable, "-c", f"from {__name__} import try_all; try_all()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    if "unshare failed" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.endswith("DONE\n"), done.stderr[-2000:]


def test_ports_of_a_web_server_are_not_watched() -> None:
    assert not any(Wire().watch(port) for port in (0, 53, 80, 443, 70_000))

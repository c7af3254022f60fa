"""The firewall parsers say of a packet what the kernel does with it: random rule sets in a network namespace of their own.

Needs root, unshare, nft and iptables; skipped without. Nothing leaves the namespace: its one link ends in nowhere.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from diagnose.parse.system import iptables, nft
from diagnose.parse.system.packet import Packet, Verdict
from diagnose.parse.system.ruleset import judge

PORTS = (25, 26, 465, 587, 2525)
DESTINATION, SOURCE = "198.51.100.9", "10.9.0.2"
TOOLS = ("unshare", "ip", "nft", "iptables-nft", "iptables-nft-restore", "iptables-nft-save")

NFT_MATCHES = (
    ('oifname "lo"', 'oifname != "lo"', 'oif "v0"', 'oifname "v*"', 'oifname { "lo", "v1" }', ""),
    ("ct state established,related", "ct state new", "ct state != established", "ct state invalid", "", ""),
    ("ip daddr 10.0.0.0/8", "ip daddr != 10.0.0.0/8", "ip daddr { 1.1.1.1, 198.51.100.9 }", "ip daddr @nets", "ip protocol tcp", ""),
    ("meta skuid 0", "meta skuid != 0", "meta skuid { 0, 102 }", "meta skuid 100-200", "meta skgid != 0", "", "", ""),
    ("tcp dport 25", "tcp dport != 25", "tcp dport { 25, 465 }", "tcp dport 25-600", "tcp dport @ports", "tcp dport > 500",
     "tcp flags syn", "tcp flags ! syn", "tcp flags & (fin|syn|rst|ack) == syn", "udp dport 25", "tcp sport 1024-65535",
     "meta l4proto tcp th dport 587"),
)  # fmt: skip
NFT_ENDS = (
    "accept", "drop", "reject", "return", "jump inner", "goto inner", "tcp dport vmap { 25 : drop, 587 : accept }",
    "ct state vmap { established : accept, new : continue }", "meta skuid vmap { 0 : accept, 102 : drop }",
)  # fmt: skip
IPTABLES_MATCHES = (
    ("-p tcp --dport 25", "-p tcp ! --dport 25", "-p tcp -m multiport --dports 25,465", "-p tcp -m multiport ! --dports 25:500",
     "-p tcp --syn", "-p tcp ! --syn", "-p udp --dport 25", "! -p tcp", "-p tcp --sport 1024:65535", ""),
    ("-o lo", "! -o lo", "-o v0", "-o v+", "! -o v1", "", "", ""),
    ("-d 10.0.0.0/8", "! -d 10.0.0.0/8", "-d 198.51.100.9", "-s 10.9.0.2", "! -s 10.9.0.2",
     "-m iprange --dst-range 198.51.100.1-198.51.100.20", "-m addrtype --dst-type LOCAL", "", "", ""),
    ("-m owner --uid-owner 0", "-m owner ! --uid-owner 0", "-m owner --uid-owner 100-200", "-m owner ! --gid-owner 0", "", "", ""),
    ("-m conntrack --ctstate ESTABLISHED,RELATED", "-m conntrack --ctstate NEW", "-m conntrack ! --ctstate NEW", "", "", ""),
    ('-m comment --comment "a -j DROP"', "", ""),
)  # fmt: skip


def run(command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=True, input=text, capture_output=True, text=True, timeout=20, check=False)


def nft_rules(pick: random.Random, ends: tuple[str, ...], count: int) -> str:
    lines = []
    for _ in range(count):
        words = [pick.choice(group) for group in NFT_MATCHES if pick.random() < 0.45]
        lines.append("  " + " ".join([*filter(None, words), pick.choice(("counter", "")), pick.choice(ends)]))
    return "\n".join(lines)


def nft_set(pick: random.Random) -> str:
    policy = pick.choice(("accept", "accept", "drop"))
    return (
        "table inet t {\n set ports {\n type inet_service\n elements = { 25, 2525 }\n }\n"
        " set nets {\n type ipv4_addr\n flags interval\n elements = { 198.51.100.0/25, 9.0.0.1-9.0.0.9 }\n }\n"
        f" chain inner {{\n{nft_rules(pick, NFT_ENDS[:4], 2)}\n }}\n"
        f" chain o {{\n  type filter hook output priority 0; policy {policy};\n{nft_rules(pick, NFT_ENDS, 4)}\n }}\n}}\n"
    )


def iptables_set(pick: random.Random) -> str:
    lines = [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        f":OUTPUT {pick.choice(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]",
        ":inner - [0:0]",
    ]
    for chain, count in (("OUTPUT", 5), ("inner", 2)):
        ends = ["-j ACCEPT", "-j DROP", "-j REJECT", "-j RETURN", '-j LOG --log-prefix "x y "']
        for _ in range(count):
            words = [pick.choice(group) for group in IPTABLES_MATCHES]
            lines.append(
                " ".join(
                    [
                        f"-A {chain}",
                        *filter(None, words),
                        pick.choice([*ends, *(["-j inner", "-g inner"] * (chain == "OUTPUT"))]),
                    ]
                )
            )
    return "\n".join([*lines, "COMMIT", ""])


def connect(port: int, uid: int) -> None:
    """Send one SYN as that user, from a child so that the test itself stays root."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.connect_ex((DESTINATION, port))
                time.sleep(0.005)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def passed(port: int) -> int:
    for line in run("nft list table ip counts").stdout.splitlines():
        words = line.split()
        if words[:3] == ["tcp", "dport", str(port)]:
            return int(words[words.index("packets") + 1])
    raise AssertionError("the counters are gone")


def compare(judges: dict[str, Callable[[Packet], Verdict]], rules: str) -> tuple[int, int]:
    """Compare for two users and all ports: how many verdicts, how many of them certain."""
    asked = certain = 0
    for uid in (0, 102):
        for port in PORTS:
            before = passed(port)
            connect(port, uid)
            went = passed(port) > before
            for name, judged in judges.items():
                verdict = judged(Packet(port=port, uid=uid, gid=uid, oif="v0", destination=DESTINATION, source=SOURCE))
                asked += 1
                certain += verdict.certain
                if verdict.certain:
                    assert verdict.stops != went, f"{name} port {port} uid {uid} went {went}\n{verdict}\n{rules}"
    return asked, certain


def reset() -> None:
    counters = "\n".join(f"tcp dport {port} counter" for port in PORTS)
    run("nft flush ruleset")
    table = f"table ip counts {{\n chain p {{\n type filter hook postrouting priority 300;\n{counters}\n }}\n}}\n"
    assert run("nft -f -", table).returncode == 0


def compare_all() -> None:
    """What runs inside the namespace."""
    run("ip link set lo up")
    made = run("ip link add v0 type veth peer name v1")
    if made.returncode:
        print("SKIP no veth here")
        return
    run("ip addr add 10.9.0.2/24 dev v0; ip link set v0 up; ip link set v1 up; ip route add default via 10.9.0.1")
    run("ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev v0")
    pick = random.Random(2525)
    asked = certain = 0
    for _ in range(12):
        reset()
        rules = nft_set(pick)
        if run("nft -f -", rules).returncode == 0:
            more = compare({"nft": partial(judge, nft.parse(run("nft list ruleset").stdout))}, rules)
            asked, certain = asked + more[0], certain + more[1]
        reset()
        rules = iptables_set(pick)
        if run("iptables-nft-restore", rules).returncode == 0:
            saved, listed = (
                iptables.parse(run("iptables-nft-save -c").stdout),
                iptables.parse(run("iptables-nft -S").stdout),
            )
            more = compare({"save": partial(judge, saved), "-S": partial(judge, listed)}, rules)
            asked, certain = asked + more[0], certain + more[1]
    print("DONE", asked, certain)


@pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in TOOLS), reason="needs root, nft and iptables"
)
def test_verdicts_are_the_kernels() -> None:
    command = ["unshare", "-n", sys.executable, "-c", f"from {__name__} import compare_all; compare_all()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if "SKIP" in done.stdout or "unshare failed" in done.stderr:
        pytest.skip(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-2000:]
    _, asked, certain = done.stdout.split()[-3:]
    assert int(asked) > 200
    assert int(certain) > 0.9 * int(asked)

"""The lab's wires: host, gateway, ISP and internet as four network namespaces joined by veth pairs.

The namespaces have no name: each lives as long as the process that holds it, so that several networks run side by
side and none outlives a crash. There is no route out of the lab.

    host 192.168.1.10 -- 192.168.1.1 gateway 85.214.88.17 -- 85.214.88.1 ISP 62.155.247.1 -- 62.155.247.2 internet
    host 2a02:8108:41:7::10 (global, routed through the same three)
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

HOST_IPV4 = "192.168.1.10"
HOST_IPV6 = "2a02:8108:41:7::10"
PUBLIC_IPV4 = "85.214.88.17"
RESOLVER_IPV4 = "62.155.240.53"

# Duplicate address detection keeps a link's IPv6 address unusable for a second or two; no neighbour is asked meanwhile.
_NO_DETECTION = "net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0".split()

_LINKS = """
link add {a} netns {pa} type veth peer name {b} netns {pb}
"""

_HOST = """
link set lo up
addr add 192.168.1.10/24 dev eth0
addr add 2a02:8108:41:7::10/64 dev eth0 nodad
link set eth0 up
route add default via 192.168.1.1
route add default via 2a02:8108:41:7::1
"""

_GATEWAY = """
link set lo up
addr add 192.168.1.1/24 dev lan
addr add 85.214.88.17/24 dev wan
addr add 2a02:8108:41:7::1/64 dev lan nodad
addr add 2a02:8108:41:1::2/64 dev wan nodad
link set lan up
link set wan up
route add default via 85.214.88.1
route add default via 2a02:8108:41:1::1
"""

_ISP = """
link set lo up
addr add 85.214.88.1/24 dev cust
addr add 62.155.247.1/30 dev core
addr add 2a02:8108:41:1::1/64 dev cust nodad
addr add 2a02:8108:0:1::1/64 dev core nodad
link set cust up
link set core up
route add default via 62.155.247.2
route add unreachable 10.0.0.0/8
route add unreachable 172.16.0.0/12
route add unreachable 192.168.0.0/16
route add 2a02:8108:41:7::/64 via 2a02:8108:41:1::2
route add default via 2a02:8108:0:1::2
"""

# Everything that is not the customer's is answered by this one namespace: routes of type local for all the rest.
_INTERNET = """
link set lo up
addr add 62.155.247.2/30 dev net0
addr add 2a02:8108:0:1::2/64 dev net0 nodad
link set net0 up
route add 85.214.88.0/24 via 62.155.247.1 table local
route add local 0.0.0.0/0 dev lo table local
route add 2a02:8108:41::/48 via 2a02:8108:0:1::1 table local
route add local 2000::/3 dev lo table local
"""

_FORWARD = "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0".split()

_NAT = """
table ip nat {
  chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
  chain pre { type nat hook prerouting priority -100; }
}
table inet filter { chain forward { type filter hook forward priority 0; }; }
"""

_ISP_RULES = """
table ip nat { chain pre { type nat hook prerouting priority -100; }; }
table inet filter { chain forward { type filter hook forward priority 0; }; }
"""

# The two low bits of an address say what listens there (see internet.names): 1 exchanger, 2 submission, 3 anything else.
_INTERNET_RULES = """
table inet filter {
  chain special { }
  chain input {
    type filter hook input priority 0;
    jump special
    tcp dport 25 ip daddr & 0.0.0.3 == 0.0.0.3 reject with tcp reset
    tcp dport 25 ip daddr { 1.1.1.1, 1.0.0.1, 8.8.8.8, 8.8.4.4, 9.9.9.9, 208.67.222.222 } reject with tcp reset
    tcp dport 25 ip6 daddr & ::3 == ::3 reject with tcp reset
    tcp dport { 465, 587, 2525, 2465, 2587, 8025 } ip daddr & 0.0.0.3 != 0.0.0.2 reject with tcp reset
    tcp dport { 465, 587, 2525, 2465, 2587, 8025 } ip6 daddr & ::3 != ::2 reject with tcp reset
  }
}
"""


@dataclass(slots=True, kw_only=True)
class Network:
    """Four namespaces, each given by the process id that holds it."""

    host: int
    gateway: int
    isp: int
    internet: int

    def run(self, where: str, *argv: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a command in the namespace called host, gateway, isp or internet, and return what it printed.

        Raises RuntimeError with the command's own words when it fails."""
        command = ["nsenter", "-t", str(getattr(self, where)), "-n", *argv]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=20, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{where}: {' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def nft(self, where: str, rules: str) -> None:
        """Add nftables rules; one line a rule, the chain's name first: `forward tcp dport 25 drop`, `pre ...` for
        nat, `special ...` in the internet. Text with braces is taken as a whole ruleset instead."""
        if "{\n" in rules or rules.startswith("table"):
            self.run(where, "nft", "-f", "-", stdin=rules)
            return
        lines = []
        for rule in filter(None, (line.strip() for line in rules.splitlines())):
            chain = rule.split()[0]
            table = "ip nat" if chain in ("pre", "post") else "inet filter"
            lines.append(f"add rule {table} {chain} {rule[len(chain) :].strip()}")
        self.run(where, "nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def join(self) -> None:
        """Lay the cables, give addresses and routes, switch forwarding and NAT on."""
        for where in ("host", "gateway", "isp", "internet"):
            self.run(where, "sysctl", "-qw", *_NO_DETECTION)
        pids = {"pa": self.host, "pb": self.gateway, "a": "eth0", "b": "lan"}
        links = _LINKS.format(**pids)
        links += _LINKS.format(a="wan", pa=self.gateway, b="cust", pb=self.isp)
        links += _LINKS.format(a="core", pa=self.isp, b="net0", pb=self.internet)
        self.run("host", "ip", "-batch", "-", stdin=links)
        for where in ("gateway", "isp"):
            self.run(where, "sysctl", "-qw", *_FORWARD)
        self.run("internet", "sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
        for where, batch in (("gateway", _GATEWAY), ("isp", _ISP), ("internet", _INTERNET), ("host", _HOST)):
            self.run(where, "ip", "-batch", "-", stdin=batch)
        for where, rules in (("gateway", _NAT), ("isp", _ISP_RULES), ("internet", _INTERNET_RULES)):
            self.run(where, "nft", "-f", "-", stdin=rules)

"""Faults between this host and the servers: packet filters, routes, dead servers."""

from __future__ import annotations

from tests.lab.internet.world import Manner, Server
from tests.lab.steps import Step, mail, settings

from .site import Broken, Site, Trouble, filtered, in_host, owns_network, sh

REFUSALS = (
    "drop",
    "reject with tcp reset",
    "reject with icmpx type admin-prohibited",
    "reject with icmpx type host-unreachable",
)


def _blocked(site: Site) -> Broken:
    """Somebody on the way lets the port of mail pass to nobody, among others or alone."""
    where, how = site.pick("isp", "gateway"), site.pick(*REFUSALS)
    others = (26, 135, 445) if site.port == 25 else (25, 465, 587)
    ports = {site.port, *site.rng.sample(others, site.rng.randint(0, 2))}
    breaks, mends = filtered(where, f"forward tcp dport {{ {', '.join(map(str, sorted(ports)))} }} {how}")
    accept = ("egress-port-25-blocked",) if site.port == 25 else ("egress-submission-blocked",)
    return Broken(accept=accept, breaks=breaks, mends=mends)


def _own_nft(site: Site, rules: str, priority: str = "0", policy: str = "accept") -> Broken:
    table, chain = site.pick("filter", "fw", "site", "mailguard"), site.pick("out", "guard", "c1")
    text = f"table inet {table} {{\n chain {chain} {{\n  type filter hook output priority {priority}; policy {policy};\n  {rules}\n }}\n}}\n"
    breaks, mends = filtered("host", text)
    return Broken(breaks=breaks, mends=mends)


def handed_in_by_smtp(site: Site) -> bool:
    """Whether programs hand mail in by the port that it leaves by, so that a rule for all of it would stop it before Postfix has it."""
    return site.base == "submission" or (site.port == 25 and site.submit is not mail)


def _own_iptables(site: Site) -> Broken:
    tool = site.pick("iptables-nft", "iptables-legacy")
    target = site.pick("DROP", "REJECT --reject-with tcp-reset", "REJECT --reject-with icmp-admin-prohibited", "REJECT")
    user = "-m owner --uid-owner postfix "
    match = site.pick(
        f"--dport {site.port}",
        f"-m multiport --dports 25,{site.port if site.port != 25 else 26},993",
        f"-m owner ! --uid-owner root --dport {site.port}",
        f"{user}--dport {site.port}",
        f"-m mark ! --mark 0x7 --dport {site.port}",
    )
    if handed_in_by_smtp(site):
        match = f"! -o lo {match}"
    rule = f"OUTPUT -p tcp {match} -j {target}"
    if site.pick(True, False):
        make = f"{tool} -N MAILOUT; {tool} -A OUTPUT -p tcp -j MAILOUT; {tool} -A MAILOUT -p tcp {match} -j {target}"
        unmake = f"{tool} -F OUTPUT; {tool} -F MAILOUT; {tool} -X MAILOUT"
    else:
        make, unmake = f"{tool} -A {rule}", f"{tool} -D {rule}"
    only4 = "" if tool == "iptables-nft" and site.pick(True, False) else "postconf -c {config} -e inet_protocols=ipv4"
    six = f"; {make.replace(tool, 'ip6tables' + tool[8:])}".replace("icmp-admin", "icmp6-adm") if not only4 else ""
    unsix = f"; {unmake.replace(tool, 'ip6tables' + tool[8:])}".replace("icmp-admin", "icmp6-adm") if not only4 else ""
    return Broken(breaks=(sh(only4 or "true"), sh(make + six)), mends=(sh(unmake + unsix),))


def _own_filter(site: Site) -> Broken:
    port, end = site.port, site.pick("drop", "reject", "counter drop", "reject with tcp reset")
    if site.pick(True, False, False):
        return _own_iptables(site)
    rules = site.pick(
        f"tcp dport {port} {end}",
        f"tcp dport {{ {port}, 6667 }} {end}",
        f"oif lo accept\n  meta skuid 0 accept\n  tcp dport {port} {end}",
        f"oif lo accept\n  meta mark != 0x51 tcp dport {port} {end}",
        f"ct state new tcp dport {port} {end}",
        f"ip protocol tcp th dport {port} {end}\n  ip6 nexthdr tcp th dport {port} {end}",
        "deny",
    )
    if rules == "deny":
        allowed = "oif lo accept\n  ct state established,related accept\n  meta l4proto { icmp, ipv6-icmp } accept\n"
        allowed += "  udp dport { 53, 123 } accept\n  tcp dport { 22, 53, 80, 443 } accept"
        return _own_nft(site, allowed, policy="drop")
    if handed_in_by_smtp(site):
        rules = f"oif lo accept\n  {rules}"
    return _own_nft(site, rules, priority=site.pick("0", "filter", "-10", "mangle"))


def _ban(site: Site) -> Broken:
    """fail2ban, CrowdSec and their like put the next hop's addresses on the list of the banned."""
    four, six = site.addresses(), site.addresses(6)
    name, how = site.pick("f2b-postfix", "f2b-sshd", "crowdsec-blacklists", "blocklist"), site.pick("drop", "reject")
    table = site.pick("f2b-table", "crowdsec", "filter")
    sets = f" set {name} {{ type ipv4_addr; elements = {{ {', '.join(four)}, 45.129.14.8 }} }}\n"
    rules = f"  ip saddr @{name} {how}\n"
    if six:
        sets += f" set {name}6 {{ type ipv6_addr; elements = {{ {', '.join(six)} }} }}\n"
        rules += f"  ip6 saddr @{name}6 {how}\n"
    text = f"table inet {table} {{\n{sets} chain in {{\n  type filter hook input priority -1;\n{rules} }}\n}}\n"
    breaks, mends = filtered("host", text)
    return Broken(breaks=breaks, mends=mends)


def _route(site: Site) -> Broken:
    """The next hops are led astray by this host's own routes."""
    kind = site.pick("blackhole", "prohibit", "unreachable", "via 192.168.1.77", "rule")
    only4 = settings(inet_protocols="ipv4")
    if kind == "rule":
        end = site.pick("prohibit", "blackhole", "unreachable")
        rule = ["from", "all", "ipproto", "tcp", "dport", str(site.port), end]
        return Broken(breaks=(only4, in_host("ip", "rule", "add", *rule)), mends=(in_host("ip", "rule", "del", *rule),))
    width = site.pick("32", "24")
    nets = [f"{a}/32" if width == "32" else f"{a.rpartition('.')[0]}.0/24" for a in site.addresses()]
    nets = sorted(set(nets))
    words = kind.split()
    lead, tail = (words[:1], []) if len(words) == 1 else ([], words)
    make = tuple(in_host("ip", "route", "add", *lead, net, *tail) for net in nets)
    unmake = tuple(in_host("ip", "route", "del", *lead, net) for net in nets)
    return Broken(breaks=(only4, *make), mends=unmake)


def _no_internet(site: Site) -> Broken:
    kind = site.pick("uplink", "link", "route")
    if kind == "uplink":
        breaks, mends = filtered(site.pick("gateway", "isp"), "forward " + site.pick("drop", "reject"))
        return Broken(breaks=breaks, mends=mends)
    if kind == "link":
        up: tuple[Step, ...] = (
            in_host("ip", "link", "set", "eth0", "up"),
            in_host("ip", "addr", "replace", "2a02:8108:41:7::10/64", "dev", "eth0", "nodad"),
            in_host("ip", "route", "replace", "default", "via", "192.168.1.1"),
            in_host("ip", "-6", "route", "replace", "default", "via", "2a02:8108:41:7::1"),
        )
        return Broken(breaks=(in_host("ip", "link", "set", "eth0", "down"),), mends=up)
    gone = (in_host("ip", "route", "del", "default"), in_host("ip", "-6", "route", "del", "default"))
    back = (
        in_host("ip", "route", "add", "default", "via", "192.168.1.1"),
        in_host("ip", "-6", "route", "add", "default", "via", "2a02:8108:41:7::1"),
    )
    return Broken(breaks=gone, mends=back)


def _dead(site: Site) -> Broken:
    """The next hop itself, and nobody else: closed, silent, gone."""
    accept: tuple[str, ...] = ("relay-unreachable",) if site.relay else ("remote-server-unreachable",)
    how = site.pick("drop", "reset", "silence", "close")
    if how in ("silence", "close"):
        silent = tuple(Server(host=host, manner=Manner(connect=how)) for host in site.hosts)
        if site.relay:  # whether the greeting is missing or what follows on the connection is a matter of words
            accept = (*accept, "relay-dialogue-broken")
        return Broken(accept=accept, servers=silent)
    end = "drop" if how == "drop" else "reject with tcp reset"
    rules = f"special ip daddr {{ {', '.join(site.addresses())} }} tcp dport {site.port} {end}\n"
    if six := site.addresses(6):
        rules += f"special ip6 daddr {{ {', '.join(six)} }} tcp dport {site.port} {end}"
    breaks, mends = filtered("internet", rules)
    return Broken(accept=accept, breaks=breaks, mends=mends)


TROUBLES = (
    Trouble("blocked", (), _blocked),
    Trouble("own-filter", ("local-firewall-blocks-smtp",), _own_filter, owns_network),
    Trouble("own-ban", ("local-firewall-blocks-smtp",), _ban, owns_network),
    Trouble("own-route", ("local-firewall-blocks-smtp",), _route, owns_network),
    Trouble("no-internet", ("no-internet",), _no_internet),
    Trouble("next-hop-dead", (), _dead),
)

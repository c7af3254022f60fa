"""Losses on this very host, and a network's that look like them: told apart on the wire."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.internet.names import address_of
from tests.lab.internet.world import World
from tests.lab.neighbours import content_filter
from tests.lab.steps import Step, mail, nft, relay, settings, shell, wait

LOCAL = ("local-firewall-blocks-smtp",)


def own(chain: str, *rules: str, more: str = "") -> Step:
    """A chain of the host's own packet filter."""
    lines = "\n  ".join(rules)
    return nft(
        "host", f"table inet own {{\n{more}\n chain c {{\n  type filter hook {chain} priority 0;\n  {lines}\n }}\n}}\n"
    )


# Mail's own exchanger, or relay, as the lab's names give it.
TO_ADDRESS = "getent ahostsv4 {name} | awk 'NR==1{{print $1}}'"

TUNNEL = (
    "ip link add wg9 type veth peer name wg8; ip link set wg9 up; ip link set wg8 up; ip addr add 10.66.0.2/24 dev wg9;"
    " ip neigh add 10.66.0.1 lladdr 02:00:00:00:00:09 dev wg9;"
)
MARKED = nft(
    "host",
    "table inet vpn {\n chain c {\n  type route hook output priority -150;\n  tcp dport 25 meta mark set 0xca6c\n }\n}\n",
)
# A connection that stays, and with it the only port that a NAT has.
HELD = shell(
    "a=$(" + TO_ADDRESS.format(name="smtp.mandrillapp.com") + "); (setsid /usr/bin/python3 -c 'import socket,sys,time;"
    " s=socket.create_connection((sys.argv[1],587)); time.sleep(300)' $a >/dev/null 2>&1 &); sleep 1"
)

FAULTS = (
    fault(
        "input-drops-the-relays-answers",
        LOCAL,
        "a ban list on the input hook holds the relay's address",
        relay(),
        shell(
            "a=$(" + TO_ADDRESS.format(name="smtp.mandrillapp.com") + "); nft add table inet f2b-table;"
            " nft 'add chain inet f2b-table f2b-chain { type filter hook input priority -1; }';"
            " nft 'add set inet f2b-table addr-set-sshd { type ipv4_addr; }';"
            ' nft add element inet f2b-table addr-set-sshd "{ $a }";'
            " nft add rule inet f2b-table f2b-chain ip saddr @addr-set-sshd drop"
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "iptables-input-bans-the-exchanger",
        LOCAL,
        "iptables drops all that comes from the recipient's exchanger",
        settings(inet_protocols="ipv4"),
        shell(
            "iptables -N f2b-postfix; iptables -A INPUT -p tcp -j f2b-postfix; for m in mx1 mx2; do iptables -A f2b-postfix"
            " -s $m.northwind-trading.com -j DROP; done; iptables -A f2b-postfix -j RETURN"
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "input-lets-only-known-ports-in",
        LOCAL,
        "the input policy is drop and nobody lets established connections in",
        own(
            "input",
            "iif lo accept",
            "meta l4proto { icmp, ipv6-icmp } accept",
            "udp sport 53 accept",
            "tcp sport { 53, 80, 443 } accept",
            "tcp dport 22 accept",
            "drop",
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "output-limit",
        LOCAL,
        "new connections to 25 are limited to a few an hour, and the rest dropped",
        own("output", "tcp dport 25 ct state new limit rate over 2/hour burst 1 packets drop"),
        then=(mail(), mail("maria.example@gmail.com")),
        shows="status=deferred .*timed out",
    ),
    fault(
        "kill-switch-by-mark",
        LOCAL,
        "a VPN's kill switch drops mail ports without its mark",
        own("output", "oif lo accept", "meta mark != 0xca6c tcp dport { 25, 465, 587 } counter drop"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "drop-by-user",
        LOCAL,
        "the relay's port is dropped for Postfix's user alone",
        relay(),
        shell(
            "nft add table inet u; nft 'add chain inet u o { type filter hook output priority 0; }';"
            " nft add rule inet u o meta skuid $(id -u postfix) tcp dport 587 drop"
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "drop-by-verdict-map-and-hour",
        LOCAL,
        "a verdict map leads the mail ports to a chain that drops by the hour",
        own(
            "output",
            "tcp dport vmap @ports",
            more=' chain mail {\n  meta hour "00:00"-"23:59" counter drop\n }\n'
            " map ports { type inet_service : verdict; elements = { 25 : jump mail, 587 : jump mail }; }\n",
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "iptables-unless-marked",
        LOCAL,
        "iptables rejects unmarked packets to the relay's port",
        settings(inet_protocols="ipv4"),
        relay(),
        shell("iptables -A OUTPUT -p tcp --dport 587 -m mark ! --mark 0x1 -j REJECT --reject-with tcp-reset"),
        shows="status=deferred .*refused",
    ),
    fault(
        "untracked-packets-dropped",
        LOCAL,
        "mail's packets are not tracked on the way out, and what is untracked does not come in",
        nft(
            "host",
            "table inet raw {\n chain o {\n  type filter hook output priority raw;\n  tcp dport 25 notrack\n }\n"
            " chain i {\n  type filter hook input priority 0;\n  iif lo accept\n  ct state established,related accept\n"
            "  meta l4proto { icmp, ipv6-icmp } accept\n  tcp dport 22 accept\n  drop\n }\n}\n",
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "netdev-egress-drops",
        LOCAL,
        "a rule on the device's egress hook drops port 25",
        nft(
            "host",
            'table netdev e {\n chain o {\n  type filter hook egress device "eth0" priority 0;\n'
            "  tcp dport 25 drop\n }\n}\n",
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "stale-route-dead-gateway",
        LOCAL,
        "a route of a former VPN sends the relay's network to a gateway that is gone",
        relay(),
        settings(inet_protocols="ipv4"),
        shell("ip route add 198.2.128.0/18 via 192.168.1.77"),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    fault(
        "stale-rule-dead-gateway-port",
        LOCAL,
        "policy routing sends port 587 to a gateway that is gone",
        relay(),
        settings(inet_protocols="ipv4"),
        shell("ip route add default via 192.168.1.77 table 77; ip rule add ipproto tcp dport 587 lookup 77"),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    fault(
        "stale-route-own-interface",
        LOCAL,
        "the relay's network is routed into an interface that leads nowhere",
        relay(),
        settings(inet_protocols="ipv4"),
        shell(
            "ip link add tun9 type veth peer name tun8; ip link set tun9 up; ip link set tun8 up; ip addr add"
            " 10.66.0.2/24 dev tun9; ip route add 198.2.128.0/18 dev tun9"
        ),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    fault(
        "bound-to-a-blocked-address",
        LOCAL,
        "smtp_bind_address is an address whose mail a rule drops",
        shell("ip addr add 192.168.1.11/24 dev eth0"),
        settings(smtp_bind_address="192.168.1.11", inet_protocols="ipv4"),
        own("output", "ip saddr 192.168.1.11 tcp dport 25 drop"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "dns-switched-off",
        "postfix-config-error",
        "smtp_dns_support_level = disabled, and mail goes straight to the recipients' servers",
        settings(smtp_dns_support_level="disabled"),
        shows="status=(deferred|bounced)",
    ),
    fault(
        "chroot-etc-is-closed",
        "chroot-resolver-stale",
        "etc of the chroot can be entered by root alone",
        then=(shell("chmod 700 /var/spool/postfix/etc; postfix reload"), mail()),
        shows="status=deferred .*Host or domain name not found",
    ),
    healthy(
        "relay-in-the-hosts-file-and-mail-flows",
        "the hosts file names the relay, and Postfix, which asks the DNS, delivers",
        relay(),
        shell("echo 192.0.2.9 smtp.mandrillapp.com >> /etc/hosts"),
        shows="status=sent",
    ),
    healthy(
        "kill-switch-lets-mail-pass",
        "a kill switch drops unmarked packets except those of mail",
        own(
            "output",
            "oif lo accept",
            "udp dport 53 accept",
            "tcp dport { 25, 53, 80, 443, 465, 587 } accept",
            "ct state established,related accept",
            "meta l4proto { icmp, ipv6-icmp } accept",
            "meta mark != 0xca6c drop",
        ),
        shows="status=sent",
    ),
    healthy(
        "others-may-not-send",
        "only Postfix's user may open port 25",
        shell(
            "nft add table inet u; nft 'add chain inet u o { type filter hook output priority 0; }';"
            " nft add rule inet u o meta skuid != $(id -u postfix) tcp dport 25 reject"
        ),
        shows="status=sent",
    ),
    fault(
        "vpn-mark-sends-mail-into-a-dead-tunnel",
        LOCAL,
        "a VPN marks mail and routes it by that mark into its tunnel, whose far end is gone",
        settings(inet_protocols="ipv4"),
        shell(
            TUNNEL + " ip route add default via 10.66.0.1 dev wg9 table 51820; ip rule add fwmark 0xca6c lookup 51820"
        ),
        MARKED,
        shows="status=deferred .*timed out",
    ),
    fault(
        "vpn-mark-table-unreachable",
        LOCAL,
        "the table of a VPN's mark answers unreachable, since the tunnel went down",
        settings(inet_protocols="ipv4"),
        shell("ip route add unreachable default table 51820; ip rule add fwmark 0xca6c lookup 51820"),
        MARKED,
        shows="status=deferred",
    ),
    fault(
        "own-nat-has-no-port-left",
        LOCAL,
        "this host's NAT has one port for mail, and a connection holds it",
        relay(),
        settings(inet_protocols="ipv4"),
        nft(
            "host",
            "table ip nat {\n chain c {\n  type nat hook postrouting priority 100;\n  tcp dport 587 masquerade to :50001\n }\n}\n",
        ),
        HELD,
        shows="status=deferred",
    ),
    fault(
        "gateway-nat-has-no-port-left",
        ("egress-submission-blocked", "relay-unreachable"),  # from here both look alike
        "the office router's NAT has one port for submission, and another connection holds it",
        relay(),
        settings(inet_protocols="ipv4"),
        nft(
            "gateway",
            "table ip scarce {\n chain c {\n  type nat hook postrouting priority 90;\n  tcp dport 587 masquerade to :50001\n }\n}\n",
        ),
        HELD,
        shows="status=deferred",
    ),
    fault(
        "bridge-network-covers-the-relay",
        LOCAL,
        "the network of a bridge made for containers covers the private address of the company's relay",
        relay("172.17.5.20", smtp_connect_timeout="6s"),
        lambda m: m.network.nft("gateway", f"pre ip daddr 172.17.5.20 dnat to {address_of('smtp.mandrillapp.com', 4)}"),
        shell("ip link add br7 type bridge; ip addr add 172.17.0.1/16 dev br7; ip link set br7 up"),
        shows="status=deferred .*No route",
    ),
    fault(
        "netmask-covers-half-the-world",
        LOCAL,
        "a netmask of 8 bits makes the relay a neighbour",
        relay("smtp.agence-lumiere.fr", smtp_connect_timeout="6s"),
        shell(
            "ip addr del 192.168.1.10/24 dev eth0; ip addr add 192.168.1.10/8 dev eth0;"
            " ip route replace default via 192.168.1.1"
        ),
        world=World(records={("smtp.agence-lumiere.fr", "A"): ("192.99.14.6",)}),
        shows="status=deferred .*No route",
    ),
    healthy(
        "vpn-mark-carries-mail",
        "a VPN marks mail and routes it by that mark, and its way leads out",
        settings(inet_protocols="ipv4"),
        shell("ip route add $(ip -4 route show default | head -1) table 51820; ip rule add fwmark 0xca6c lookup 51820"),
        MARKED,
        shows="status=sent",
    ),
    fault(
        "marked-for-a-table-that-refuses",
        LOCAL,
        "a mark on 587 leads to a table with an unreachable default and nothing else",
        relay(),
        shell(
            "iptables -t mangle -A OUTPUT -p tcp --dport 587 -j MARK --set-mark 0x2a;"
            " ip route add unreachable default table 42; ip rule add fwmark 0x2a lookup 42 priority 500"
        ),
        shows="status=deferred",
    ),
    fault(
        "gateway-without-its-nat",
        "no-internet",
        "the gateway came up without its NAT: IPv4 with its name server is dead, IPv6 works",
        then=(
            nft("gateway", "table ip nat {\n}\nflush chain ip nat post\n"),
            mail(),
            wait("status=deferred", 60),
        ),
    ),
    fault(
        "diverted-into-a-filter-of-this-host",
        ("smtp-intercepted", "local-firewall-blocks-smtp"),
        "an own NAT rule leads all of port 25 to a filter, which greets for every server and hangs up",
        content_filter(),
        nft(
            "host",
            'table ip dev {\n chain out {\n  type nat hook output priority -100;\n  oifname != "lo" tcp dport 25 redirect to :10024\n }\n}\n',
        ),
        shows="status=deferred",
    ),
)

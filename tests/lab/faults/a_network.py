"""Faults of the network between the host and the servers it talks to."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.steps import journal, mail, nft, relay, run, settings, shell

BLOCKED = ("egress-port-25-blocked",)
SUBMISSION = ("egress-submission-blocked",)
LOCAL = ("local-firewall-blocks-smtp",)


FAULTS = (
    fault(
        "isp-drops-25",
        BLOCKED,
        "ISP drops TCP 25",
        nft("isp", "forward tcp dport 25 drop"),
        world=World(network=(7922, "COMCAST-7922, US")),
        shows="status=deferred .*timed out",
    ),
    fault(
        "isp-drops-25-gmail",
        BLOCKED,
        "ISP drops TCP 25; the recipient is dual-stacked",
        nft("isp", "forward tcp dport 25 drop"),
        then=(mail("maria.example@gmail.com"),),
        world=World(network=(16509, "AMAZON-02, US")),
        shows="status=deferred .*timed out",
    ),
    fault(
        "gateway-drops-25",
        BLOCKED,
        "the gateway drops TCP 25",
        nft("gateway", "forward tcp dport 25 drop"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "isp-resets-25",
        BLOCKED,
        "ISP answers port 25 with RST",
        nft("isp", "forward tcp dport 25 reject with tcp reset"),
        shows="status=deferred .*refused",
    ),
    fault(
        "gateway-prohibits-25",
        BLOCKED,
        "gateway answers port 25 with ICMP admin-prohibited",
        nft("gateway", "forward tcp dport 25 reject with icmpx type admin-prohibited"),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "isp-prohibits-25-net",
        BLOCKED,
        "ISP answers port 25 with ICMP net-prohibited",
        nft("isp", "forward ip version 4 tcp dport 25 reject with icmp type net-prohibited"),
        settings(inet_protocols="ipv4"),
        shows="status=deferred .*Network is unreachable",
    ),
    fault(
        "isp-throttles-25",
        BLOCKED,
        "the first connection to port 25 passes, the next ones do not",
        nft("isp", "forward tcp dport 25 ct state new limit rate over 1/hour burst 1 packets drop"),
        then=(run("/usr/bin/python3", "-c", "import socket;socket.create_connection(('45.76.1.1',25),3)"), mail()),
        shows="status=deferred .*timed out",
    ),
    fault(
        "isp-drops-25-v4-only-v6-absent",
        BLOCKED,
        "IPv4's 25 is dropped, IPv6 has no route: the last reason quotes IPv6 only",
        nft("isp", "forward ip version 4 tcp dport 25 drop"),
        shell("ip -6 route del default"),
        settings(smtp_address_preference="ipv4"),
        then=(mail("maria.example@gmail.com"),),
        shows="status=deferred .*(unreachable|timed out)",
    ),
    fault(
        "relay-without-port-isp-drops-25",
        BLOCKED,
        "the relay is dialled on 25, which the ISP drops",
        nft("isp", "forward tcp dport 25 drop"),
        relay(next_hop="[smtp.sendgrid.net]", host="smtp.sendgrid.net"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "isp-blocks-587",
        SUBMISSION,
        "ISP drops 25, 465 and 587; 2525 is open",
        nft("isp", "forward tcp dport { 25, 465, 587 } drop"),
        relay(),
        shows="status=deferred .*timed out",
    ),
    fault(
        "gateway-rejects-465",
        SUBMISSION,
        "gateway refuses 465 to everyone",
        nft("gateway", "forward tcp dport 465 reject with tcp reset"),
        relay("smtp.fastmail.com", 465),
        shows="status=deferred .*refused",
    ),
    fault(
        "cloud-blocks-all-submission",
        SUBMISSION,
        "25, 465, 587 and 2525 prohibited; 2587 is open",
        nft("isp", "forward tcp dport { 25, 465, 587, 2525 } reject with icmpx type admin-prohibited"),
        relay("email-smtp.eu-west-1.amazonaws.com"),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "nft-host-drops-25",
        LOCAL,
        "the host's own nftables drops outgoing 25",
        nft(
            "host",
            "table inet filter {\n chain output { type filter hook output priority 0; policy accept;\n"
            "  tcp dport 25 drop\n }\n}\n",
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "nft-host-rejects-set",
        LOCAL,
        "output policy is drop and the mail ports are not in the set",
        nft(
            "host",
            "table inet fw {\n set web { type inet_service; elements = { 53, 80, 123, 443 } }\n"
            " chain out { type filter hook output priority 0; policy drop;\n  oif lo accept\n"
            "  ct state established,related accept\n  meta l4proto { icmp, ipv6-icmp } accept\n"
            "  udp dport { 53, 123 } accept\n  tcp dport @web accept\n  reject with icmpx type admin-prohibited\n"
            " }\n}\n",
        ),
        relay(),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "iptables-legacy-drops-587",
        LOCAL,
        "iptables-legacy drops the relay's port",
        run(
            "iptables-legacy",
            "-A",
            "OUTPUT",
            "-p",
            "tcp",
            "-m",
            "multiport",
            "--dports",
            "25,465,587",
            "-j",
            "DROP",
        ),
        settings(inet_protocols="ipv4"),
        relay(),
        shows="status=deferred .*timed out",
    ),
    fault(
        "iptables-nft-rejects-25",
        LOCAL,
        "iptables rejects 25 with a reset",
        run(
            "iptables-nft",
            "-A",
            "OUTPUT",
            "-p",
            "tcp",
            "--dport",
            "25",
            "-j",
            "REJECT",
            "--reject-with",
            "tcp-reset",
        ),
        settings(inet_protocols="ipv4"),
        shows="status=deferred .*refused",
    ),
    fault(
        "owner-match-blocks-postfix",
        LOCAL,
        "only root may open port 25: probes as root pass",
        nft(
            "host",
            "table inet csf {\n chain smtpblock { type filter hook output priority 0; policy accept;\n"
            "  oif lo accept\n  tcp dport { 25, 465, 587 } meta skuid 0 accept\n"
            "  tcp dport { 25, 465, 587 } reject with tcp reset\n }\n}\n",
        ),
        shows="status=deferred .*refused",
    ),
    fault(
        "route-prohibit-exchanger",
        LOCAL,
        "a route of type prohibit over half the internet",
        shell("ip route add prohibit 128.0.0.0/1; ip route add prohibit 45.0.0.0/8; ip route add prohibit 51.0.0.0/8"),
        settings(inet_protocols="ipv4"),
        then=(mail("maria.example@gmail.com"),),
        shows="status=deferred .*Permission denied",
    ),
    fault(
        "route-blackhole-relay",
        LOCAL,
        "a blackhole route for the relay's network",
        shell("ip route add blackhole 198.2.128.0/18"),
        relay(),
        shows="status=deferred .*Invalid argument",
    ),
    fault(
        "rule-prohibits-postfix-uid",
        LOCAL,
        "policy routing prohibits the user postfix",
        shell(
            "for p in '' -6; do ip $p rule add uidrange $(id -u postfix)-$(id -u postfix) ipproto tcp"
            " dport 25 prohibit; done"
        ),
        shows="status=deferred .*Permission denied",
    ),
    fault(
        "isp-redirects-25",
        "smtp-intercepted",
        "ISP's own server answers port 25 for everyone",
        nft("isp", "pre tcp dport 25 dnat to 62.155.200.25"),
        settings(inet_protocols="ipv4"),
        world=World(
            roles={"smarthost.access-net.de": "mx"},
            records={("smarthost.access-net.de", "A"): ("62.155.200.25",)},
            servers=(
                Server(
                    host="*",
                    ports=(25,),
                    manner=Manner(
                        banner="smarthost.access-net.de ESMTP Exim 4.96",
                        starttls=False,
                        replies={"RCPT": "550 5.7.1 Relaying denied. Authenticate or use our smarthost"},
                    ),
                ),
            ),
        ),
        shows="status=bounced .*Relaying denied",
    ),
    fault(
        "middlebox-strips-starttls",
        "smtp-intercepted",
        "ESMTP inspection masks banner and STARTTLS on 25 and 587",
        relay(),
        world=one_server(
            "*",
            ports=(25, 587, 2525),
            banner="****************************************",
            starttls=False,
            auth=(),
            needs_auth=False,
            needs_tls=False,
            features=("SIZE 35882577", "8BITMIME", "XXXXXXXA"),
        ),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    fault(
        "antivirus-proxy-strips-starttls",
        "smtp-intercepted",
        "STARTTLS is gone from every server's EHLO on 25; banners are genuine",
        settings(smtp_tls_security_level="encrypt"),
        world=one_server("*", ports=(25,), starttls=False),
        then=(mail("maria.example@gmail.com"),),
        shows="status=deferred .*TLS is required, but was not offered",
    ),
    fault(
        "no-default-route",
        "no-internet",
        "the default routes are gone; the resolver was local",
        shell("ip route del default; ip -6 route del default; ip route add 62.155.240.53 via 192.168.1.1"),
        shows="status=deferred .*Network is unreachable",
    ),
    fault(
        "uplink-dead",
        "no-internet",
        "the gateway forwards nothing",
        nft("gateway", "forward drop"),
        settings(smtp_helo_timeout="2s"),
        shows="status=deferred .*(Host not found, try again|timed out)",
    ),
    fault(
        "link-down",
        "no-internet",
        "eth0 has no carrier",
        shell("ip link set eth0 down"),
        shows="status=deferred .*try again",
    ),
    fault(
        "ipv6-no-route",
        "ipv6-broken",
        "an IPv6-only exchanger first, no IPv6 route",
        shell("ip -6 route del default"),
        world=World(
            records={
                ("fjord-shipping.no", "MX"): ("10 mx6.fjord-shipping.no",),
                ("mx6.fjord-shipping.no", "A"): "NODATA",
                ("mx6.fjord-shipping.no", "AAAA"): ("2a0d:f302:110:1::19",),
            }
        ),
        then=(mail("olav@fjord-shipping.no"),),
        shows="status=deferred .*Network is unreachable",
    ),
    fault(
        "ipv6-dropped-upstream",
        "ipv6-broken",
        "IPv6 packets vanish at the ISP, IPv6 preferred, one address a time",
        nft("isp", "forward ip6 version 6 drop"),
        settings(smtp_mx_address_limit="1", smtp_address_preference="ipv6", smtp_mx_session_limit="1"),
        then=(mail("maria.example@gmail.com"),),
        shows="status=deferred .*timed out",
    ),
    fault(
        "ipv6-disabled-relay",
        "ipv6-broken",
        "the kernel has IPv6 off, Postfix binds to it",
        shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"),
        relay("relay.rhein-mail.de"),
        settings(mynetworks="127.0.0.0/8"),
        world=World(
            records={("relay.rhein-mail.de", "AAAA"): ("2a0d:f302:110:2::22",), ("relay.rhein-mail.de", "A"): "NODATA"}
        ),
        shows="status=deferred .*(Cannot assign|unreachable)",
    ),
    fault(
        "isp-drops-25-journal",
        BLOCKED,
        "ISP drops TCP 25; the log is in the journal alone",
        nft("isp", "forward tcp dport 25 drop"),
        journal(),
        shows="status=deferred .*timed out",
    ),
)

"""Losses on this very host, and a network's that look like them: told apart on the wire."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.steps import Step, mail, nft, relay, settings, shell

LOCAL = ("local-firewall-blocks-smtp",)


def own(chain: str, *rules: str, more: str = "") -> Step:
    """A chain of the host's own packet filter."""
    lines = "\n  ".join(rules)
    return nft(
        "host", f"table inet own {{\n{more}\n chain c {{\n  type filter hook {chain} priority 0;\n  {lines}\n }}\n}}\n"
    )


# Mail's own exchanger, or relay, as the lab's names give it.
TO_ADDRESS = "getent ahostsv4 {name} | awk 'NR==1{{print $1}}'"

FAULTS = (
    Fault(
        id="input-drops-the-relays-answers",
        accept=LOCAL,
        about="a ban list on the input hook holds the relay's address",
        setup=(
            relay(),
            shell(
                "a=$(" + TO_ADDRESS.format(name="smtp.mandrillapp.com") + "); nft add table inet f2b-table;"
                " nft 'add chain inet f2b-table f2b-chain { type filter hook input priority -1; }';"
                " nft 'add set inet f2b-table addr-set-sshd { type ipv4_addr; }';"
                ' nft add element inet f2b-table addr-set-sshd "{ $a }";'
                " nft add rule inet f2b-table f2b-chain ip saddr @addr-set-sshd drop"
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="iptables-input-bans-the-exchanger",
        accept=LOCAL,
        about="iptables drops all that comes from the recipient's exchanger",
        setup=(
            settings(inet_protocols="ipv4"),
            shell(
                "iptables -N f2b-postfix; iptables -A INPUT -p tcp -j f2b-postfix; for m in mx1 mx2; do iptables -A f2b-postfix"
                " -s $m.northwind-trading.com -j DROP; done; iptables -A f2b-postfix -j RETURN"
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="input-lets-only-known-ports-in",
        accept=LOCAL,
        about="the input policy is drop and nobody lets established connections in",
        setup=(
            own(
                "input",
                "iif lo accept",
                "meta l4proto { icmp, ipv6-icmp } accept",
                "udp sport 53 accept",
                "tcp sport { 53, 80, 443 } accept",
                "tcp dport 22 accept",
                "drop",
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="output-limit",
        accept=LOCAL,
        about="new connections to 25 are limited to a few an hour, and the rest dropped",
        setup=(own("output", "tcp dport 25 ct state new limit rate over 2/hour burst 1 packets drop"),),
        then=(mail(), mail("maria.example@gmail.com")),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="kill-switch-by-mark",
        accept=LOCAL,
        about="a VPN's kill switch drops mail ports without its mark",
        setup=(own("output", "oif lo accept", "meta mark != 0xca6c tcp dport { 25, 465, 587 } counter drop"),),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="drop-by-user",
        accept=LOCAL,
        about="the relay's port is dropped for Postfix's user alone",
        setup=(
            relay(),
            shell(
                "nft add table inet u; nft 'add chain inet u o { type filter hook output priority 0; }';"
                " nft add rule inet u o meta skuid $(id -u postfix) tcp dport 587 drop"
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="drop-by-verdict-map-and-hour",
        accept=LOCAL,
        about="a verdict map leads the mail ports to a chain that drops by the hour",
        setup=(
            own(
                "output",
                "tcp dport vmap @ports",
                more=' chain mail {\n  meta hour "00:00"-"23:59" counter drop\n }\n'
                " map ports { type inet_service : verdict; elements = { 25 : jump mail, 587 : jump mail }; }\n",
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="iptables-unless-marked",
        accept=LOCAL,
        about="iptables rejects unmarked packets to the relay's port",
        setup=(
            settings(inet_protocols="ipv4"),
            relay(),
            shell("iptables -A OUTPUT -p tcp --dport 587 -m mark ! --mark 0x1 -j REJECT --reject-with tcp-reset"),
        ),
        shows="status=deferred .*refused",
    ),
    Fault(
        id="untracked-packets-dropped",
        accept=LOCAL,
        about="mail's packets are not tracked on the way out, and what is untracked does not come in",
        setup=(
            nft(
                "host",
                "table inet raw {\n chain o {\n  type filter hook output priority raw;\n  tcp dport 25 notrack\n }\n"
                " chain i {\n  type filter hook input priority 0;\n  iif lo accept\n  ct state established,related accept\n"
                "  meta l4proto { icmp, ipv6-icmp } accept\n  tcp dport 22 accept\n  drop\n }\n}\n",
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="netdev-egress-drops",
        accept=LOCAL,
        about="a rule on the device's egress hook drops port 25",
        setup=(
            nft(
                "host",
                'table netdev e {\n chain o {\n  type filter hook egress device "eth0" priority 0;\n'
                "  tcp dport 25 drop\n }\n}\n",
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="stale-route-dead-gateway",
        accept=LOCAL,
        about="a route of a former VPN sends the relay's network to a gateway that is gone",
        setup=(relay(), settings(inet_protocols="ipv4"), shell("ip route add 198.2.128.0/18 via 192.168.1.77")),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    Fault(
        id="stale-rule-dead-gateway-port",
        accept=LOCAL,
        about="policy routing sends port 587 to a gateway that is gone",
        setup=(
            relay(),
            settings(inet_protocols="ipv4"),
            shell("ip route add default via 192.168.1.77 table 77; ip rule add ipproto tcp dport 587 lookup 77"),
        ),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    Fault(
        id="stale-route-own-interface",
        accept=LOCAL,
        about="the relay's network is routed into an interface that leads nowhere",
        setup=(
            relay(),
            settings(inet_protocols="ipv4"),
            shell(
                "ip link add tun9 type veth peer name tun8; ip link set tun9 up; ip link set tun8 up; ip addr add"
                " 10.66.0.2/24 dev tun9; ip route add 198.2.128.0/18 dev tun9"
            ),
        ),
        shows="status=deferred .*(No route to host|timed out)",
    ),
    Fault(
        id="bound-to-a-blocked-address",
        accept=LOCAL,
        about="smtp_bind_address is an address whose mail a rule drops",
        setup=(
            shell("ip addr add 192.168.1.11/24 dev eth0"),
            settings(smtp_bind_address="192.168.1.11", inet_protocols="ipv4"),
            own("output", "ip saddr 192.168.1.11 tcp dport 25 drop"),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="dns-switched-off",
        accept=("postfix-config-error",),
        about="smtp_dns_support_level = disabled, and mail goes straight to the recipients' servers",
        setup=(settings(smtp_dns_support_level="disabled"),),
        shows="status=(deferred|bounced)",
    ),
    Fault(
        id="chroot-etc-is-closed",
        accept=("chroot-resolver-stale",),
        about="etc of the chroot can be entered by root alone",
        then=(shell("chmod 700 /var/spool/postfix/etc; postfix reload"), mail()),
        shows="status=deferred .*Host or domain name not found",
    ),
    Fault(
        id="relay-in-the-hosts-file-and-mail-flows",
        accept=(),
        kind="healthy",
        about="the hosts file names the relay, and Postfix, which asks the DNS, delivers",
        setup=(relay(), shell("echo 192.0.2.9 smtp.mandrillapp.com >> /etc/hosts")),
        shows="status=sent",
    ),
    Fault(
        id="kill-switch-lets-mail-pass",
        accept=(),
        kind="healthy",
        about="a kill switch drops unmarked packets except those of mail",
        setup=(
            own(
                "output",
                "oif lo accept",
                "udp dport 53 accept",
                "tcp dport { 25, 53, 80, 443, 465, 587 } accept",
                "ct state established,related accept",
                "meta l4proto { icmp, ipv6-icmp } accept",
                "meta mark != 0xca6c drop",
            ),
        ),
        shows="status=sent",
    ),
    Fault(
        id="others-may-not-send",
        accept=(),
        kind="healthy",
        about="only Postfix's user may open port 25",
        setup=(
            shell(
                "nft add table inet u; nft 'add chain inet u o { type filter hook output priority 0; }';"
                " nft add rule inet u o meta skuid != $(id -u postfix) tcp dport 25 reject"
            ),
        ),
        shows="status=sent",
    ),
)

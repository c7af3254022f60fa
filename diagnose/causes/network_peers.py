"""The network section, second half: single peers, one address family, large packets."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

OK, WARNING = Status.OK, Status.WARNING
MUTE = ("closed", "silent", "not-smtp")  # it connects, and no mail server speaks
REFUSALS = ("timeout", "refused", "prohibited", "unreachable", "no-route", "local", "closed")

CAUSES: tuple[Cause, ...] = (
    Cause(
        id="ipv6-broken",
        title="Postfix tries IPv6, which leads nowhere from here",
        impact=Impact.PARTIAL,
        explanation=(
            "IPv4 works and IPv6 does not, yet Postfix tries the servers' IPv6 addresses as well. Each attempt costs "
            "time or fails, and the last status line often quotes the IPv6 address only, which hides what happened "
            "over IPv4."
        ),
        remedy=Remedy(
            text=(
                "Repair the IPv6 route of this host, or have Postfix use IPv4 alone (the parameter takes a restart, a "
                "reload is not enough). A server that has an IPv6 address only stays out of reach without IPv6."
            ),
            commands=("postconf -e 'inet_protocols = ipv4'", "systemctl restart postfix", "postqueue -f"),
        ),
        rules_out="An IPv6 connection succeeds, or IPv4 connections to the same server fail as well.",
        explains=("remote-server-unreachable", "relay-unreachable"),
        prior=-1,
        links=("https://www.postfix.org/postconf.5.html#inet_protocols", "https://www.postfix.org/IPV6_README.html"),
        signs=(
            Sign("mail.ipv6-broken", 12),
            Sign("egress.ipv6", 20),
            Sign("egress.ipv6", 3, status=WARNING),
            Sign("mail.connect-network-unreachable", 4, where=(("family", 6),)),
            Sign("mail.connect-timeout", 4, where=(("family", 6),)),
            Sign("mail.connect-no-route", 3, where=(("family", 6),)),
            Sign("mail.connect-no-address", 4),
            # Then IPv6 is at most what hides the cause.
            Sign("egress.mail-port", -3),
            Sign("egress.internet", -25),
            Sign("mail.flow", -20, status=OK),
        ),
    ),
    Cause(
        id="remote-server-unreachable",
        title="This recipient's mail servers do not answer",
        impact=Impact.PARTIAL,
        explanation=(
            "None of the recipient's mail exchangers answers from here, while those of other operators do on the same "
            "port. Postfix keeps the message and tries again for five days (maximal_queue_lifetime). The fault is on "
            "the recipient's side, or between the two."
        ),
        remedy=Remedy(
            text=(
                "Nothing needs to change here. Tell the recipient's postmaster by another way (telephone, another "
                "address), with the time and the address {address} that was tried. Where the message is urgent, send it to another "
                "address. After the repair the queue empties by itself, or at once with:"
            ),
            commands=("postqueue -s {domain}",),
        ),
        rules_out="Other operators' servers do not answer either: then it is this network.",
        prior=-2,
        links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
        signs=(
            # The refusal comes from the server itself, as far away as its other ports.
            Sign("path.dies", 8, OK),
            Sign("mail.connect-reset", 4, where=(("route", "direct"),)),
            Sign("mail.session-timeout", 5, where=(("route", "direct"),)),
            Sign("destination.reachable", 19, where=(("outcome", REFUSALS),)),
            # Some servers make strangers wait longer than this tool does; Postfix waits for five minutes.
            Sign("destination.reachable", 9, where=(("outcome", "silent"),)),
            Sign("mail.connect-timeout", 4, where=(("route", "direct"),)),
            Sign("mail.connect-refused", 4, where=(("route", "direct"),)),
            Sign("mail.connect-no-route", 4, where=(("route", "direct"),)),
            Sign("mail.greeting-timeout", 13, where=(("route", "direct"),)),
            Sign("mail.greeting-lost", 5, where=(("route", "direct"),)),
            Sign("destination.reachable", -25, status=OK),
            Sign("egress.mail-port", -25),
            Sign("egress.internet", -25),
            # One dead domain among many that take mail is the world as it is.
            Sign("mail.flow", -14, status=OK),
            Sign("mail.flow", -14, status=WARNING),
            # Without the log nobody knows whether it is one dead domain among many.
            Sign("mail.flow", -12, status=Status.UNKNOWN),
        ),
    ),
    Cause(
        id="relay-unreachable",
        title="The relay does not answer on its port",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay that Postfix is told to use refuses the connection or does not answer, while other servers do "
            "on the same port. Its service is down, its address or port is another, or it refuses this host's address."
        ),
        remedy=Remedy(
            text=(
                "Compare host and port with the provider's documentation and status page; a relay in the own network: "
                "see that it runs and that its firewall admits this host. Then:"
            ),
            commands=(
                "postconf relayhost",
                "timeout 5 bash -c '</dev/tcp/{host}/{port}' && echo open",
                "postqueue -f",
            ),
        ),
        rules_out="The relay greets; or no other server answers on that port: then the network closes it.",
        prior=-2,
        relay=True,
        links=("https://www.postfix.org/postconf.5.html#relayhost",),
        signs=(
            Sign("path.dies", -8, where=(("said_by", ("neighbour", "router")),)),
            # The packets end near here, while those to its other ports go all the way: the relay never saw them.
            Sign("path.dies", -8, where=(("where", ("host", "gateway", "isp")),)),
            Sign("mail.connect-reset", 4, where=(("route", "relay"),)),
            Sign("mail.session-timeout", 5, where=(("route", "relay"),)),
            Sign("relay.reachable", 20, where=(("outcome", ("refused", *MUTE)),)),
            Sign("relay.reachable", 20, where=(("others", ("open", "own")),)),
            # What does not arrive may as well end in the network, where no other server on that port was reached.
            Sign("relay.reachable", 13),
            Sign("mail.connect-timeout", 3, where=(("route", "relay"),)),
            Sign("mail.connect-refused", 6, where=(("route", "relay"),)),
            Sign("mail.connect-no-route", 3, where=(("route", "relay"),)),
            Sign("mail.greeting-timeout", 4, where=(("route", "relay"),)),
            Sign("mail.greeting-lost", 4, where=(("route", "relay"),)),
            Sign("egress.mail-port", 2, status=OK),
            # Whether others answer on its port could not be seen: it may be the port.
            Sign("egress.mail-port", -5, status=Status.UNKNOWN),
            Sign("relay.reachable", -30, status=OK),
            Sign("egress.mail-port", -20),
            Sign("egress.internet", -25),
            Sign("firewall.smtp", -20),
            Sign("firewall.route", -20),
            Sign("mail.flow", -25, status=OK),
        ),
    ),
    Cause(
        id="path-mtu-blackhole",
        title="Large packets get lost on the way, small ones pass",
        impact=Impact.PARTIAL,
        explanation=(
            "The dialogue with the server goes well until the message itself is sent; then nothing is acknowledged. "
            "Somewhere on the way packets of full size are dropped without the ICMP message that would make this host "
            "send smaller ones: a tunnel, a VPN, PPPoE, or a firewall that discards all ICMP."
        ),
        remedy=Remedy(
            text=(
                "Let ICMP type 3 code 4 (IPv6: type 2) pass on every firewall in between. Until then send smaller "
                "packets: lower the MTU of the interface, or have the segment size clamped."
            ),
            commands=(
                "ping -M do -c 2 -s 1472 {host}      # fails where 1500-byte packets are lost; try 1372, 1272",
                "ip link set dev {device} mtu 1400      # for a test; make it permanent in the network settings",
                "postqueue -f",
            ),
        ),
        rules_out="Small messages to the same server stall as well, or the server itself is slow only after the final dot.",
        links=("https://www.postfix.org/postconf.5.html#smtp_data_xfer_timeout",),
        prior=-2,
        signs=(
            # Postfix' own words: the data was being sent and was not taken.
            Sign("mail.body-timeout", 18),
            # Messages of more than a packet stall, smaller ones pass.
            Sign("path.mtu", 8),
            Sign("path.mtu", 3, status=WARNING),
            Sign("path.mtu", -10, status=OK, where=(("stalled", True),)),
            # The server's certificate is the first that does not fit a packet: the handshake begins and goes no further.
            Sign("relay.protocol", 8, where=(("kind", "stalled"),)),
            Sign("mail.tls-handshake-failed", 4),
            Sign("mail.flow", -15, status=OK),
        ),
    ),
)

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
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
        Sign("path.mtu", 3, status=Status.WARNING),
        Sign("path.mtu", -10, status=Status.OK, where=(("stalled", True),)),
        # The server's certificate is the first that does not fit a packet: the handshake begins and goes no further.
        Sign("relay.protocol", 8, where=(("kind", "stalled"),)),
        Sign("mail.tls-handshake-failed", 4),
        Sign("mail.flow", -15, status=Status.OK),
    ),
)

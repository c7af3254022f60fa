from diagnose.model import AGAINST, UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="path-mtu-blackhole",
    title="Large packets are lost on the way",
    impact=Impact.PARTIAL,
    station="network",
    explanation=(
        "The SMTP dialogue succeeds until the message itself is sent. Packets of full size are dropped somewhere "
        "(a tunnel, a VPN, PPPoE) without the ICMP message that would make this host send smaller ones, because "
        "a firewall discards it."
    ),
    remedy=(
        "Let ICMP type 3 code 4 (IPv6: type 2) pass on every firewall in between. Until then send smaller "
        "packets: lower the MTU of the interface, or clamp the segment size (MSS)."
    ),
    rules_out="Small messages to the same server stall as well, or the server itself is slow only after the final dot.",
    links=("https://www.postfix.org/postconf.5.html#smtp_data_xfer_timeout",),
    prior=UNUSUAL,
    flow=AGAINST,
    signs=(
        # Messages of more than a packet stall, smaller ones pass.
        sign("path.mtu", "fits"),
        sign("path.mtu", "hints", "warning"),
        sign("path.mtu", "against", "ok", stalled=True),
        # Up to RCPT everything fits one packet.
        sign("relay.session", "against", kind="hangs", stage=("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT")),
        # The server's certificate is the first that does not fit a packet: the handshake begins and goes no further.
        sign("relay.protocol", "fits", kind="stalled"),
        # With unrelated operators' servers as well.
        sign("egress.starttls", "speaks", kind="tls"),
    ),
)

from diagnose.model import REFUTES, UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="ipv6-broken",
    title="Postfix tries IPv6, which does not work on this host",
    impact=Impact.PARTIAL,
    station="network",
    explanation=(
        "Postfix tries a server's IPv6 addresses as well as its IPv4 ones. Without working IPv6 each attempt "
        "costs time or fails, and the log often quotes the IPv6 address only, which hides what happened over "
        "IPv4."
    ),
    remedy=(
        "Repair this host's IPv6 route, or have Postfix use IPv4 only (this takes a restart; a reload is not "
        "enough). Without IPv6, a server that has only an IPv6 address stays out of reach."
    ),
    rules_out="An IPv6 connection succeeds, or IPv4 connections to the same server fail as well.",
    explains=("remote-server-unreachable", "relay-unreachable"),
    prior=UNUSUAL,
    links=("https://www.postfix.org/postconf.5.html#inet_protocols", "https://www.postfix.org/IPV6_README.html"),
    flow=REFUTES,
    signs=(
        sign("egress.ipv6", "proves"),
        sign("egress.ipv6", "hints", "warning"),
        # Log lines about it are older than the setting that switched IPv6 off.
        sign("egress.ipv6", "refutes", "ok"),
        # Then IPv6 at most hides the cause.
        sign("egress.mail-port", "doubts"),
        sign("egress.internet", "refutes"),
    ),
)

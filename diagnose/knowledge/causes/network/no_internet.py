from diagnose.model import UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="no-internet",
    title="This host has no internet connection",
    impact=Impact.OUTAGE,
    station="network",
    explanation=(
        "No outgoing connection succeeds, whatever the port: the link is down, the default route is missing, or the "
        "gateway does not forward. The fault is not specific to mail."
    ),
    remedy="Restore the network first: link, address, default route, gateway. Then have Postfix try again.",
    rules_out="Any connection to an outside host succeeds.",
    explains=(
        "resolver-failing",
        "chroot-resolver-stale",
        "egress-port-25-blocked",
        "egress-submission-blocked",
        "relay-unreachable",
        "remote-server-unreachable",
        "ipv6-broken",
        "relay-name-not-found",
        "recipient-domain-not-found",
        "reverse-dns-missing",
        "helo-name-invalid",
        "sender-domain-not-found",
        "local-hostname-unresolvable",
        "app-smtp-unreachable",
        "interface-not-ready",
    ),
    prior=UNUSUAL,
    links=("https://www.postfix.org/DEBUG_README.html",),
    signs=(
        sign("egress.internet", "settles"),
        sign("relay.reachable", "refutes", "ok"),
        sign("destination.reachable", "refutes", "ok"),
        # Postfix is told to use only the family that this host has no address of, and no other is tried.
        sign("host.address-family", "refutes"),
    ),
)

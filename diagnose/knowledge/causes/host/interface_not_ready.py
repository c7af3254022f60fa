from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="interface-not-ready",
    title="Postfix is set to use an address that does not work on this host",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "{parameter|inet_interfaces or smtp_bind_address} names an address that is missing, was missing when "
        "Postfix started, is a loopback address, or gets no answers from outside. With inet_interfaces Postfix does not start at all; with "
        "smtp_bind_address no connection can leave."
    ),
    remedy=(
        "Use an address that the host has, or remove the setting. If the address appears late at boot, "
        "start Postfix after the network is up."
    ),
    rules_out="`ip addr` shows all the addresses named, and connections from them are answered.",
    signs=(
        sign("host.interface", "proves"),
        sign("host.address-family", "proves", none=True),
        sign("host.address-family", "strong", none=False),
        # Servers without IPv6 addresses are out of reach for an IPv6-only Postfix.
        sign("host.address-family", "fits", "warning"),
    ),
    explains=(
        "postfix-not-running",
        "smtp-listener-missing",
        "nothing-submitted",
        "ipv6-broken",
        "recipient-domain-accepts-no-mail",
        "local-firewall-blocks-smtp",
        "egress-port-25-blocked",
        "egress-submission-blocked",
    ),
    links=(
        "https://www.postfix.org/postconf.5.html#inet_interfaces",
        "https://www.postfix.org/postconf.5.html#smtp_bind_address",
    ),
)

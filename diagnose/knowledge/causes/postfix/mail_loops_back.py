from diagnose.model import REFUTES, Cause, Impact, sign

CAUSE = Cause(
    id="mail-loops-back",
    title="Mail loops back to this host",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "relayhost points to this host itself, or the recipient's MX is an address of this host while the domain "
        "is not in mydestination; or a filter hands mail back to a port that sends it to the filter again. Postfix stops such loops."
    ),
    remedy=(
        "Point relayhost to another server; or, if this host is the domain's mail server, list the domain in "
        "mydestination or virtual_mailbox_domains. Behind NAT, set proxy_interfaces to the public address. The port that takes "
        "mail back from a filter needs `-o content_filter=` in master.cf."
    ),
    rules_out="The next hop resolves to another host's address.",
    flow=REFUTES,
    signs=(
        sign("config.relay-itself", "settles"),
        sign("dns.recipient-domain", "hints", "ok"),
    ),
    # The relayhost is this host's own port: its replies, TLS and AUTH say nothing about a relay.
    explains=(
        "auth-not-offered",
        "relay-access-denied",
        "relay-auth-not-attempted",
        "relay-certificate-invalid",
        "relay-dialogue-broken",
        "relay-unreachable",
        "tls-required-not-offered",
        "tls-wrapper-mismatch",
    ),
    prior=-3,  # a sound recipient domain proves nothing by itself
    links=("https://www.postfix.org/postconf.5.html#proxy_interfaces",),
)

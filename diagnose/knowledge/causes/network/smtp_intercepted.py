from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="smtp-intercepted",
    title="SMTP connections are intercepted on the way",
    impact=Impact.PARTIAL,
    station="network",
    explanation=(
        "A transparent proxy, an inspecting firewall or a virus scanner takes over the connections. Mail is then "
        "refused by a server that was never addressed, or cannot be encrypted, and passwords may reach a third "
        "party."
    ),
    remedy=(
        "Have the inspection switched off for this host (Cisco: `no inspect esmtp`), or bypass it with a relay "
        "on port 465, where TLS starts at once and nothing can be stripped. Until then require a verified "
        "certificate, so that no password reaches the interceptor."
    ),
    rules_out="Each operator's server greets by its own name and offers STARTTLS.",
    explains=(
        "relay-credentials-rejected",
        "tls-required-not-offered",
        "relay-access-denied",
        "relay-certificate-invalid",
        "relay-dialogue-broken",
        "tls-protocol-mismatch",
        "relay-auth-not-attempted",
        "relay-requires-tls",
        "sasl-options-exclude-all",
        "sasl-mechanism-missing",
        "remote-server-unreachable",
        "app-certificate-untrusted",
        "app-tls-mismatch",
        "ip-blocklisted",
    ),
    relay=True,
    links=(
        "https://www.postfix.org/postconf.5.html#smtp_pix_workarounds",
        "https://www.postfix.org/TLS_README.html",
    ),
    flow=DOUBTS,
    signs=(
        # Unrelated operators never share a host name. On another port than the mail's it is no reason of its failure.
        sign("egress.intercepted", "proves", mail=True),
        sign("egress.intercepted", "fits", mail=False),
        sign("egress.starttls", "proves", kind=("starttls", "port")),
        sign("firewall.redirect", "hints", "warning"),
        sign("egress.intercepted", "against", "ok", mail=True),
        sign("egress.starttls", "against", "ok", mail=True),
    ),
)

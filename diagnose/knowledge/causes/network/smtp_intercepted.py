from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="smtp-intercepted",
    title="Something between this host and the mail servers answers in their place",
    impact=Impact.PARTIAL,
    explanation=(
        "Servers of unrelated operators show one and the same foreign greeting, or all lack STARTTLS, which they "
        "are known to offer. A transparent proxy, an inspecting firewall or a virus scanner on the way takes the "
        "connections over. Mail is then refused by a server that was never meant, or cannot be encrypted, and "
        "passwords may reach a stranger."
    ),
    remedy=Remedy(
        text=(
            "Have the inspection switched off for this host (Cisco: `no inspect esmtp`), or go round it by a relay "
            "on port 465, where TLS begins at once and nothing can be taken out. Until then demand a verified "
            "certificate, so that no password is given to what answers there:"
        ),
        commands=(
            "postconf -e 'smtp_tls_security_level = secure'      # with a relay only",
            "systemctl reload postfix",
        ),
    ),
    rules_out="Each operator's server greets by its own name and offers STARTTLS.",
    explains=(
        "relay-credentials-rejected",
        "tls-required-not-offered",
        "relay-access-denied",
        "relay-certificate-invalid",
        "relay-auth-not-attempted",
        "relay-requires-tls",
        "sasl-options-exclude-all",
        "sasl-mechanism-missing",
        "remote-server-unreachable",
        "app-certificate-untrusted",
        "ip-blocklisted",
    ),
    relay=True,
    links=(
        "https://www.postfix.org/postconf.5.html#smtp_pix_workarounds",
        "https://www.postfix.org/TLS_README.html",
    ),
    signs=(
        # Unrelated operators never share a host name. On another port than the mail's it is no reason of its failure.
        Sign("egress.intercepted", 23, where=(("mail", True),)),
        Sign("egress.intercepted", 8, where=(("mail", False),)),
        Sign("egress.starttls", 17),
        Sign("firewall.redirect", 4, status=Status.WARNING),
        Sign("mail.smtp-intercepted", 8),
        Sign("mail.tls-required-not-offered", 4),
        Sign("mail.tls-not-offered", 4),
        Sign("mail.relay-access-denied", 2),
        Sign("mail.flow", -8, status=Status.OK),
        Sign("egress.intercepted", -15, status=Status.OK, where=(("mail", True),)),
        Sign("egress.starttls", -10, status=Status.OK, where=(("mail", True),)),
    ),
)

"""TLS between this host and the server that its mail goes to."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

# Mail that is delivered now on the same way disproves every outage here.
FLOW = Sign("mail.flow", -25, Status.OK)
README = "https://www.postfix.org/TLS_README.html"
CLIENT = f"{README}#client_tls"

CAUSES = (
    Cause(
        id="tls-ca-bundle-missing",
        title="The CA file that Postfix is told to use cannot be used",
        impact=Impact.OUTAGE,
        explanation=(
            "smtp_tls_CAfile or smtp_tls_CApath names certificates that are not there, or none is named while certificates must "
            "verify. When the file cannot be loaded Postfix switches TLS off with a mere note in the log; a relay that wants "
            "STARTTLS then refuses the mail (530) or offers no login. The usual reason is a path copied from instructions for "
            "another distribution."
        ),
        remedy=Remedy(
            text="Name this system's own bundle, {bundle}, and try again. Mail that was bounced must be sent anew.",
            commands=(
                "ls -l {path} {bundle}",
                "postconf -e 'smtp_tls_CAfile = {bundle}'",
                "postfix reload && postqueue -f",
            ),
            debian=("apt-get install --reinstall ca-certificates   # where the bundle itself is missing or empty",),
            rhel=("dnf reinstall ca-certificates   # where the bundle itself is missing or empty",),
            alpine=("apk add ca-certificates   # where the bundle itself is missing or empty",),
        ),
        rules_out="The file exists and holds certificates, and no log line says 'disabling TLS support'.",
        signs=(
            Sign("tls.ca", 22),
            Sign("tls.ca", 4, Status.WARNING),
            Sign("mail.tls-ca-bundle-missing", 20),
            Sign("mail.tls-engine-unavailable", 8),
            Sign("mail.starttls-required", 4),
            Sign("mail.certificate-not-trusted", 3),
            Sign("tls.ca", -20, Status.OK),
            FLOW,
        ),
        explains=(
            "relay-requires-tls",
            "relay-certificate-invalid",
            "relay-auth-not-attempted",
            "sasl-options-exclude-all",
            "relay-access-denied",
            "tls-protocol-mismatch",
        ),
        links=(CLIENT, "https://www.postfix.org/postconf.5.html#smtp_tls_CAfile"),
    ),
    Cause(
        id="relay-certificate-invalid",
        title="The server's certificate does not pass the check that is demanded",
        impact=Impact.OUTAGE,
        explanation=(
            "The TLS level that is set demands a certificate that is valid, from a CA known here, and for the server's name; the "
            "one that the server shows is not. Expired, self-signed, another name's, or signed by a CA that is not in the bundle, as "
            "when a firewall inspects TLS."
        ),
        remedy=Remedy(
            text=(
                "Look at the certificate first. Expired: its owner must renew it. Another name: use the name that it carries as "
                "relayhost. A CA of your own: add it to the bundle. Lowering the level to encrypt keeps the secrecy and gives up "
                "the proof of whom you talk to."
            ),
            commands=(
                "openssl s_client -connect {host}:{port} -starttls smtp -servername {host} </dev/null 2>/dev/null"
                " | openssl x509 -noout -subject -issuer -dates -ext subjectAltName   # without -starttls smtp on port 465",
                "postconf smtp_tls_CAfile smtp_tls_CApath smtp_tls_security_level",
                "postqueue -f",
            ),
            debian=("cp THE-CA.crt /usr/local/share/ca-certificates/ && update-ca-certificates   # a CA of your own",),
            rhel=("cp THE-CA.crt /etc/pki/ca-trust/source/anchors/ && update-ca-trust   # a CA of your own",),
            alpine=("cp THE-CA.crt /usr/local/share/ca-certificates/ && update-ca-certificates   # a CA of your own",),
        ),
        rules_out="The certificate verifies with the CA file that Postfix uses, or the level does not demand it.",
        signs=(
            Sign("relay.certificate", 22, where=(("verifies", True),)),
            Sign("mail.relay-certificate-invalid", 14),
            Sign("mail.certificate-not-trusted", 8),
            Sign("mail.certificate-unknown-issuer", 6),
            Sign("relay.certificate", -20, Status.OK),
            FLOW,
        ),
        links=(f"{README}#client_tls_verify", f"{README}#client_tls_secure"),
    ),
    Cause(
        id="tls-required-not-offered",
        title="This side demands TLS, and that server does not offer it",
        impact=Impact.PARTIAL,
        explanation=(
            "The TLS level that is set tells Postfix to send over TLS only, and the server offers no STARTTLS or answers it with a refusal. "
            "Postfix keeps the mail rather than sending it in the clear. For one recipient's old server that is its own doing; "
            "where many servers lose STARTTLS, something on the way takes it out."
        ),
        remedy=Remedy(
            text=(
                "Ask for TLS at that server, or allow this one destination to go without (level may in a policy table). Do not lower "
                "the level for a relay that gets a password."
            ),
            commands=(
                "echo '{domain} may' >> /etc/postfix/tls_policy && postmap lmdb:/etc/postfix/tls_policy   # or hash:",
                "postconf -e 'smtp_tls_policy_maps = lmdb:/etc/postfix/tls_policy'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The server's answer to EHLO lists STARTTLS, and STARTTLS is answered with 220.",
        signs=(
            Sign("relay.starttls", 20, where=(("kind", "not-offered"),)),
            Sign("relay.starttls", 20, where=(("kind", "refused"),)),
            Sign("mail.tls-required-not-offered", 20),
            Sign("mail.tls-not-offered", 14),
            # Then it is taken out on the way.
            Sign("egress.starttls", -15),
            Sign("relay.starttls", -20, Status.OK),
            Sign("mail.flow", -12, Status.OK),
        ),
        links=(f"{README}#client_tls_encrypt", f"{README}#client_tls_policy"),
    ),
    Cause(
        id="relay-requires-tls",
        title="The relay demands STARTTLS, and TLS is off here",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay takes neither mail nor login before STARTTLS ('Must issue a STARTTLS command first'), and Postfix' SMTP "
            "client has TLS switched off: the level is none, or nothing is set at all, which was Postfix' default for long. "
            "Such mail is returned at once, so that the queue looks empty."
        ),
        remedy=Remedy(
            text="Switch TLS on, name the CA bundle, and send the mail again: what was bounced is gone.",
            commands=("postconf -e 'smtp_tls_security_level = encrypt'",),
            debian=(
                "postconf -e 'smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt'",
                "postfix reload && postqueue -f",
            ),
            rhel=("postconf -e 'smtp_tls_CAfile = /etc/pki/tls/certs/ca-bundle.crt'", "postfix reload && postqueue -f"),
            alpine=(
                "postconf -e 'smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="smtp_tls_security_level is may or stronger and TLS is not disabled by a missing CA file.",
        signs=(
            Sign("relay.starttls", 22, where=(("kind", "demanded"),)),
            Sign("relay.starttls", 18, where=(("kind", "login-needs-tls"),)),
            Sign("mail.starttls-required", 12),
            Sign("mail.relay-requires-tls", 18),
            Sign("relay.envelope", 6, where=(("label", ("starttls-required", "relay-requires-tls")),)),
            # TLS is on by its setting: then another reason switched it off.
            Sign("relay.protocol", -15, Status.OK),
            FLOW,
        ),
        explains=("relay-auth-not-attempted", "sasl-key-mismatch", "relay-access-denied", "sasl-options-exclude-all"),
        links=(f"{README}#client_tls_encrypt", "https://www.postfix.org/postconf.5.html#smtp_tls_security_level"),
    ),
    Cause(
        id="tls-wrapper-mismatch",
        title="Implicit TLS and STARTTLS are mixed up for the relay's port",
        impact=Impact.OUTAGE,
        explanation=(
            "Port 465 speaks TLS from the first byte and needs smtp_tls_wrappermode = yes with the level encrypt or stronger; "
            "587 and 25 greet in the clear and use STARTTLS. Mixed up, either both sides wait for each other ('timed out while "
            "receiving the initial server greeting') or the handshake meets plain text ('wrong version number')."
        ),
        remedy=Remedy(
            text=(
                "Set smtp_tls_wrappermode = {wrapper} for port {port}: on for 465 (Postfix 3.0 and later; before that, use 587), off "
                "for 587 and 25. If other mail uses another port, make the setting for this transport alone, in master.cf."
            ),
            commands=(
                "postconf -e 'smtp_tls_wrappermode = {wrapper}' 'smtp_tls_security_level = {wanted_level}'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The port answers in the way that smtp_tls_wrappermode says: a greeting in the clear, or a TLS handshake.",
        signs=(
            Sign("relay.wrapper", 24),
            Sign("relay.wrapper", 8, Status.WARNING),
            Sign("mail.tls-wrapper-mismatch", 18),
            Sign("mail.tls-wrong-version", 8),
            Sign("mail.greeting-timeout", 5, where=(("port", 465),)),
            Sign("mail.greeting-lost", 3, where=(("port", 465),)),
            Sign("relay.wrapper", -15, Status.OK),
            FLOW,
        ),
        explains=("relay-unreachable", "tls-protocol-mismatch", "relay-requires-tls", "tls-required-not-offered"),
        links=(f"{README}#client_smtps", "https://www.postfix.org/postconf.5.html#smtp_tls_wrappermode"),
    ),
    Cause(
        id="tls-protocol-mismatch",
        title="The two sides have no TLS version, cipher or key size in common",
        impact=Impact.PARTIAL,
        explanation=(
            "Both sides want TLS and the handshake fails: one has only old versions (TLS 1.0, 1.1), the other refuses them; or "
            "the ciphers that the settings leave are none that the server has. Old appliances, system-wide crypto policies "
            "and copied hardening lists are the usual reasons."
        ),
        remedy=Remedy(
            text=(
                "Take the hardening settings out first; today's defaults suit almost every server. Where the server is too old, it "
                "must be upgraded; meanwhile a policy for this destination alone can allow what it has."
            ),
            commands=(
                "postconf -n | grep -E 'smtp_tls_(mandatory_)?(protocols|ciphers|exclude_ciphers)'",
                "postconf -X smtp_tls_mandatory_protocols smtp_tls_protocols smtp_tls_mandatory_ciphers"
                " smtp_tls_ciphers smtp_tls_mandatory_exclude_ciphers smtp_tls_exclude_ciphers",
                "openssl s_client -connect {host}:{port} -starttls smtp -tls1_2 </dev/null | head -20",
                "postfix reload && postqueue -f",
            ),
            rhel=("update-crypto-policies --show",),
        ),
        rules_out="A handshake with the settings of main.cf succeeds.",
        signs=(
            Sign("relay.protocol", 20, where=(("kind", ("no-common", "own-protocols", "invalid-list")),)),
            Sign("relay.protocol", 14, where=(("kind", "own-ciphers"),)),
            Sign("relay.protocol", 6, where=(("kind", "handshake"),)),
            # Who shares no protocol says so; silence is not that.
            Sign("relay.protocol", -6, where=(("kind", "stalled"),)),
            Sign("relay.protocol", 8, Status.WARNING, where=(("kind", ("own-protocols", "own-ciphers")),)),
            Sign("mail.tls-protocol-mismatch", 16),
            Sign("mail.tls-handshake-failed", 8),
            # Plain text in TLS's place is another fault.
            Sign("mail.tls-wrong-version", -4),
            FLOW,
        ),
        explains=("relay-certificate-invalid",),
        links=(f"{README}#client_cipher", "https://www.postfix.org/postconf.5.html#smtp_tls_mandatory_protocols"),
    ),
    Cause(
        id="tls-policy-failure",
        title="A TLS policy (table, DANE or MTA-STS) cannot be met",
        impact=Impact.PARTIAL,
        explanation=(
            "A stricter rule than the general one holds for this destination: an entry of smtp_tls_policy_maps, a pinned "
            "certificate, or DANE, which needs DNSSEC from the resolver and from the recipient's domain. It is invalid or cannot "
            "be met, and Postfix keeps the mail."
        ),
        remedy=Remedy(
            text=(
                "Correct or remove the entry of the policy table; a pinned fingerprint must be renewed with the certificate. DANE: "
                "use the level dane, which falls back where there is no DNSSEC, and a resolver on this host that validates."
            ),
            commands=(
                "postconf smtp_tls_policy_maps smtp_tls_security_level smtp_dns_support_level",
                "postmap -q {domain} {table}",
                "postconf -e 'smtp_tls_security_level = dane' 'smtp_dns_support_level = dnssec'   # instead of dane-only",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="No policy table matches the destination, and the level is neither dane-only nor fingerprint.",
        signs=(
            Sign("tls.policy", 20, where=(("kind", "invalid"),)),
            Sign("tls.policy", 12, where=(("kind", "table"),)),
            Sign("tls.policy", 6, Status.WARNING, where=(("kind", "pinned"),)),
            Sign("tls.dane", 20),
            Sign("tls.dane", 2, Status.WARNING),
            Sign("mail.tls-policy-failure", 18),
            Sign("mail.certificate-not-trusted", 6),
            Sign("mail.relay-certificate-invalid", 6),
            FLOW,
        ),
        explains=("relay-certificate-invalid",),
        links=(f"{README}#client_tls_policy", f"{README}#client_tls_dane"),
    ),
)

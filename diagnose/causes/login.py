"""Signing in to the relay: the answer to the login, and the password map behind it."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

FLOW = Sign("mail.flow", -25, Status.OK)
README = "https://www.postfix.org/SASL_README.html"
CLIENT = f"{README}#client_sasl"
WORKS = Sign("relay.login", -25, Status.OK)  # the relay has just taken this very login
_DECISIVE = (
    "no-colon", "empty-user", "empty-password", "quoted-value", "trailing-backslash", "smart-quote", "nbsp", "zero-width",
    "inline-comment", "unrendered", "equals-sign", "key-without-value", "no-key-separator", "colon-after-key",
    "whole-line-quoted", "indented", "url-key", "prompt", "bom",
)  # fmt: skip

CAUSES = (
    Cause(
        id="relay-credentials-rejected",
        title="The relay rejects the user name or password",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix logs in and the relay says no (535 or its like): a wrong or revoked password or key, the wrong user name (some "
            "providers want a fixed word such as apikey), the credentials of another region, or a kind of credential that is not "
            "meant for SMTP. The mail waits and is returned after some days."
        ),
        remedy=Remedy(
            text=(
                "Take a fresh SMTP user name and key from the provider's console, write them into the password map under the same "
                "key, compile the map if its type needs it, and flush the queue. Too many failures can lock the account."
            ),
            commands=(
                "${{EDITOR:-vi}} {path}   # {next_hop} USER:KEY",
                "postmap {table}",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The same credentials are accepted by the same server (235).",
        signs=(
            Sign("relay.login", 22, where=(("label", "relay-credentials-rejected"),)),
            Sign("mail.relay-credentials-rejected", 19),
            # A 4xx to AUTH: the relay's own trouble, or its word for a login that it does not know.
            Sign("mail.server-busy", 8, where=(("stage", "auth"),)),
            Sign("sasl.line", 10, where=(("kind", "placeholder"),)),
            # Whether the map says what was meant (an old table, a malformed line) could not be seen.
            Sign("sasl.map", -5, Status.UNKNOWN),
            # What is in the table is then not what was meant.
            Sign("sasl.stale", -6, where=(("kind", "differs"),)),
            Sign("sasl.stale", -8, Status.WARNING, where=(("kind", "maybe"),)),
            WORKS,
            FLOW,
        ),
        prior=1,
        explains=("rate-limited",),
        links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
    ),
    Cause(
        id="relay-app-password-required",
        title="The relay wants an application password",
        impact=Impact.OUTAGE,
        explanation=(
            "The account is protected by a second factor or a sign-in check, and the provider takes no ordinary password over SMTP "
            "(Gmail: 534-5.7.9). It issues passwords for applications instead."
        ),
        remedy=Remedy(
            text=(
                "Create an application password in the account's security settings and put it into the password map in place of the "
                "account's own password."
            ),
            commands=(
                "${{EDITOR:-vi}} {path}   # {next_hop} USER:APP-PASSWORD",
                "postmap {table}",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The password is one that the provider issued for an application.",
        signs=(
            Sign("relay.login", 22, where=(("label", "relay-app-password-required"),)),
            Sign("mail.relay-app-password-required", 21),
            WORKS,
            FLOW,
        ),
        explains=("relay-credentials-rejected",),
        links=("https://support.google.com/accounts/answer/185833", CLIENT),
    ),
    Cause(
        id="relay-auth-disabled",
        title="The provider has switched this way of signing in off",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay knows the account and takes no password from it over SMTP: the provider or the organisation's administrator "
            "has disabled it (Microsoft: 5.7.139 or 5.7.57), so that no password can be right."
        ),
        remedy=Remedy(
            text=(
                "Have SMTP AUTH enabled for this mailbox if the provider still allows that, or send through a relay that takes an SMTP "
                "login."
            ),
            commands=("postconf relayhost smtp_sasl_password_maps", "postqueue -f"),
        ),
        rules_out="Another mailbox of the same organisation signs in from here.",
        signs=(
            Sign("relay.login", 22, where=(("label", "relay-auth-disabled"),)),
            Sign("relay.envelope", 10, where=(("label", "relay-auth-disabled"),)),
            Sign("mail.relay-auth-disabled", 21),
            # Without a login from this side the provider says much the same.
            Sign("sasl.enabled", -25),
            Sign("sasl.key", -25),
            Sign("sasl.map", -25),
            WORKS,
            FLOW,
        ),
        relay=True,
        explains=("relay-credentials-rejected",),
        links=(
            "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission",
            CLIENT,
        ),
    ),
    Cause(
        id="relay-auth-not-attempted",
        title="The relay wants a login, and Postfix makes none",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay takes mail only after a login, and Postfix' SMTP client has logins switched off (smtp_sasl_auth_enable is no, "
            "or only the server's parameter smtpd_sasl_auth_enable was set). Mail is returned at once with 530 or 'relay access "
            "denied', so that the queue looks empty."
        ),
        remedy=Remedy(
            text="Switch the login on and name the password map; what was returned must be sent anew.",
            commands=(
                "test -e {path} || install -m 600 /dev/null {path}",
                "${{EDITOR:-vi}} {path}   # {next_hop} USER:KEY",
                "postmap {table}",
                "postconf -e 'smtp_sasl_auth_enable = yes' 'smtp_sasl_password_maps = {table}'"
                " 'smtp_sasl_security_options = noanonymous'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="smtp_sasl_auth_enable = yes, and the log shows a login.",
        signs=(
            Sign("sasl.enabled", 18),
            Sign("mail.auth-required", 7),
            Sign("relay.envelope", 7, where=(("label", "auth-required"),)),
            Sign("mail.relay-access-denied", 3),
            # A login is on here, and that port of the relay offers none.
            Sign("relay.mechanism", 20, Status.WARNING, where=(("kind", "none-offered"),)),
            Sign("sasl.enabled", 6, Status.OK, where=(("on", False),)),
            # A login is on: then it is the key or the map.
            Sign("sasl.enabled", -15, Status.OK, where=(("on", True),)),
            FLOW,
        ),
        explains=("relay-access-denied", "sender-not-allowed", "relay-auth-disabled"),
        links=(CLIENT, "https://www.postfix.org/postconf.5.html#smtp_sasl_auth_enable"),
    ),
    Cause(
        id="sasl-map-missing",
        title="The relay's password map cannot be opened",
        impact=Impact.OUTAGE,
        explanation=(
            "smtp_sasl_password_maps names a table that is not there or cannot be read, or names none at all. Most often the text "
            "file was written and postmap was never run on it, so that the compiled table is missing. Postfix then puts the mail "
            "off with 'local data error', or its SMTP client cannot start."
        ),
        remedy=Remedy(
            text="Make the table: write the text file, compile it, and see that a lookup answers.",
            commands=(
                "postconf smtp_sasl_password_maps",
                "ls -l {path}*",
                "postmap {table}",
                "postmap -q '{next_hop}' {table} | sed 's/:.*/:***/'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="`postmap -q` of the table answers without an error.",
        signs=(
            Sign("sasl.map", 23, where=(("kind", ("missing", "unset", "unreadable")),)),
            Sign("sasl.map", 16, where=(("kind", "broken"),)),
            Sign("mail.sasl-map-missing", 16),
            Sign("mail.local-data-error", 4),
            Sign("sasl.map", -12, Status.OK),
            FLOW,
        ),
        explains=(
            "relay-auth-not-attempted",
            "lookup-table-broken",
            "relay-access-denied",
            "postfix-config-error",
            "sasl-key-mismatch",
        ),
        links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
    ),
    Cause(
        id="sasl-map-stale",
        title="The password file was changed, and postmap was not run",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix reads the compiled table, not the text. The text was edited after the last postmap, and the entry for this relay "
            "differs or is new: the old password is still sent, or none."
        ),
        remedy=Remedy(
            text="Compile the table again and flush the queue.",
            commands=("postmap {table}", "ls -l {path}*", "postqueue -f"),
        ),
        rules_out="The compiled table holds the same entry as the text.",
        signs=(
            Sign("sasl.stale", 28),
            # Without the right to compare: the text is newer, and what is sent is refused.
            Sign("sasl.stale", 10, Status.WARNING, where=(("kind", "maybe"),)),
            Sign("mail.relay-credentials-rejected", 6),
            Sign("mail.sasl-map-stale", 6),
            Sign("sasl.stale", -10, Status.OK),
            WORKS,
            FLOW,
        ),
        prior=-4,
        explains=("relay-credentials-rejected", "sasl-key-mismatch", "relay-auth-not-attempted", "relay-access-denied"),
        links=("https://www.postfix.org/postmap.1.html", CLIENT),
    ),
    Cause(
        id="sasl-key-mismatch",
        title="The password map has no entry under the name that Postfix looks up",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix looks for the server's bare host name, then for the next hop exactly as relayhost writes it, brackets and port "
            "included. The map has no such key, so no login is made, and the relay refuses the mail at once (530)."
        ),
        remedy=Remedy(
            text=(
                "Make the left column of {path} exactly {next_hop} (it has {near}), compile the table, and send the mail again: what was "
                "returned is gone."
            ),
            commands=(
                "postconf -h relayhost",
                "${{EDITOR:-vi}} {path}   # {next_hop} USER:KEY",
                "postmap {table}",
                "postmap -q '{next_hop}' {table} | sed 's/:.*/:***/'",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="`postmap -q` with the next hop, or with the bare host name, gives the entry.",
        signs=(
            Sign("sasl.key", 22, where=(("kind", "near"),)),
            Sign("sasl.key", 19, where=(("kind", "empty"),)),
            Sign("sasl.key", 16, where=(("kind", "none"),)),
            Sign("sasl.key", 6, Status.WARNING),
            Sign("mail.auth-required", 6),
            Sign("relay.envelope", 6, where=(("label", "auth-required"),)),
            Sign("mail.relay-access-denied", 3),
            # No login is made for another reason.
            Sign("sasl.enabled", -20),
            Sign("sasl.enabled", -20, Status.OK, where=(("on", False),)),
            Sign("sasl.map", -20),
            Sign("sasl.stale", -20),
            Sign("relay.starttls", -10, where=(("kind", ("demanded", "login-needs-tls")),)),
            Sign("sasl.key", -25, Status.OK),
            FLOW,
        ),
        explains=("relay-auth-not-attempted", "relay-access-denied", "sender-not-allowed", "relay-auth-disabled"),
        links=(f"{README}#client_sasl_enable", "https://www.postfix.org/postconf.5.html#smtp_sasl_password_maps"),
    ),
    Cause(
        id="sasl-passwd-malformed",
        title="A line of the relay's password file is malformed",
        impact=Impact.OUTAGE,
        explanation=(
            "A line must be the relay, a blank, then user:password, and nothing else: no quotes, no comment behind it, no backslash at "
            "its end, no blank in front. Postfix takes every such character as part of the password, or does not find the line."
        ),
        remedy=Remedy(
            text="Correct line {line} of {path}, compile the table, and flush the queue.",
            commands=(
                "${{EDITOR:-vi}} +{line} {path}   # {next_hop} USER:KEY",
                "postmap {table}",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The entry in use has the shape relay, blank, user:password, without quotes, comment or backslash.",
        signs=(
            # The relay's rejection is then the consequence.
            Sign("sasl.line", 22, where=(("kind", _DECISIVE),)),
            # A password may really begin and end in quotes.
            Sign("sasl.line", 13, where=(("kind", "quoted"),)),
            Sign("sasl.line", 6, where=(("kind", "placeholder"),)),
            Sign("sasl.line", 5, Status.WARNING),
            Sign("mail.sasl-passwd-malformed", 16),
            Sign("mail.sasl-generic-failure", 8),
            Sign("sasl.line", -15, Status.OK),
            # A password may really end in a backslash.
            WORKS,
            FLOW,
        ),
        explains=("relay-credentials-rejected", "sasl-key-mismatch", "relay-auth-not-attempted", "relay-access-denied"),
        links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
    ),
    Cause(
        id="sasl-passwd-exposed",
        title="The relay's password can be read by others on this host",
        impact=Impact.LATENT,
        explanation=(
            "The password file or its compiled table is readable by every user, or belongs to somebody else than root. Mail works; "
            "whoever can run a program here can take the password. postmap copies the text's mode to a new table only."
        ),
        remedy=Remedy(
            text="Give both files to root with mode 0600 (Postfix opens them as root), and change the password if others had access.",
            commands=(
                'for f in {path} {path}.db {path}.lmdb; do test -e "$f" && chown root:root "$f" && chmod 600 "$f"; done',
                "ls -l {path}*",
            ),
        ),
        rules_out="Both files belong to root with mode 0600 or 0640, or lie in a directory that others cannot enter.",
        signs=(
            Sign("sasl.exposed", 22, where=(("kind", "readable"),)),
            Sign("sasl.exposed", 20, where=(("kind", "owner"),)),
        ),
        links=(f"{README}#client_sasl_enable", "https://www.postfix.org/postmap.1.html"),
    ),
    Cause(
        id="sasl-mechanism-missing",
        title="No SASL plug-in for the relay's login methods is installed",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix logs in by way of Cyrus SASL, whose mechanisms (PLAIN, LOGIN …) are separate plug-ins, and the ones that the "
            "relay offers are not installed ('No worthy mechs found', 'no mechanism available'). Minimal installations and "
            "containers leave the package out."
        ),
        remedy=Remedy(
            text="Install the plug-ins, restart Postfix and flush the queue.",
            commands=(),
            debian=("apt-get install libsasl2-modules", "systemctl restart postfix && postqueue -f"),
            rhel=("dnf install cyrus-sasl-plain", "systemctl restart postfix && postqueue -f"),
            alpine=("apk add cyrus-sasl cyrus-sasl-login", "postfix reload && postqueue -f"),
        ),
        rules_out="libplain or liblogin lies in the SASL plug-in directory.",
        signs=(
            Sign("sasl.plugins", 20, where=(("kind", "none"),)),
            Sign("sasl.plugins", 8, where=(("kind", "no-plaintext"),)),
            Sign("relay.mechanism", 14, where=(("kind", "plug-in"),)),
            Sign("sasl.type", 24),
            Sign("mail.sasl-mechanism-missing", 14),
            Sign("mail.sasl-no-mechanism", 5),
            Sign("relay.mechanism", -20, Status.OK),
            Sign("relay.mechanism", -6, where=(("kind", ("options", "filter", "token-only")),)),
            FLOW,
        ),
        explains=("sasl-options-exclude-all", "postfix-config-error"),
        links=(CLIENT, f"{README}#client_sasl_enable"),
    ),
    Cause(
        id="sasl-options-exclude-all",
        title="This side's SASL settings leave no login method that the relay offers",
        impact=Impact.OUTAGE,
        explanation=(
            "smtp_sasl_security_options forbids plain-text passwords by default, even under TLS, and most relays offer nothing else; or "
            "smtp_sasl_mechanism_filter names what the relay does not have; or the relay takes bearer tokens only. Postfix then says "
            "'no mechanism available', as it does for missing plug-ins."
        ),
        remedy=Remedy(
            text=(
                "Allow plain-text methods; TLS protects them. Take the filter out. A relay that offers XOAUTH2 alone needs a SASL plug-in "
                "for it, or another relay."
            ),
            commands=(
                "postconf -e 'smtp_sasl_security_options = noanonymous' 'smtp_sasl_tls_security_options = noanonymous'",
                "postconf -X smtp_sasl_mechanism_filter   # where it is set",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="A mechanism that the relay offers passes the filter and the options, and its plug-in is installed.",
        signs=(
            Sign("relay.mechanism", 22, where=(("kind", ("options", "filter", "token-only")),)),
            Sign("mail.sasl-options-exclude-all", 12),
            Sign("mail.sasl-no-mechanism", 5),
            Sign("relay.mechanism", -20, Status.OK),
            Sign("sasl.plugins", -8, where=(("kind", "none"),)),
            FLOW,
        ),
        links=(f"{README}#client_sasl_policy", "https://www.postfix.org/postconf.5.html#smtp_sasl_security_options"),
    ),
)

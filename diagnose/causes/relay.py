"""The relay itself: its name, and what it says to this client, its account and its sender."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

FLOW = Sign("mail.flow", -25, Status.OK)
POSTCONF = "https://www.postfix.org/postconf.5.html"

CAUSES = (
    Cause(
        id="relay-name-not-found",
        title="The relay's name does not lead to a server",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix (or the application that sends) cannot turn the next hop into an address: the name is misspelt or gone, it is written in a way "
            "that Postfix does not read, it stands in the hosts file only, or the brackets are missing, so that Postfix asks for "
            "the name's mail exchangers instead of the name itself."
        ),
        remedy=Remedy(
            text=(
                "Write the relay as [name]:port in relayhost (or the transport table), with a name that the DNS has, and give the "
                "password map's entry the same key. For a name of the hosts file alone set smtp_host_lookup = dns, native. "
                "An application that sends by itself has the name in its own settings."
            ),
            commands=(
                "postconf relayhost transport_maps default_transport",
                "dig +short {host} A; dig +short {host} AAAA; getent hosts {host}",
                "postconf -e 'relayhost = [{host}]:{port}'   # correct the name and the port here",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The name resolves in the DNS that Postfix asks.",
        signs=(
            Sign("relay.name", 22, where=(("kind", ("nxdomain", "no-data", "hosts-only", "spelling", "port-name")),)),
            Sign("relay.name", 18, where=(("kind", "brackets"),)),
            Sign("relay.name", 10, where=(("kind", "pasted"),)),
            # The application's own mail host.
            Sign("app.server", 23, where=(("outcome", "name-not-found"), ("local", False), ("intended", True))),
            Sign("relay.name", 14, Status.WARNING, where=(("kind", "servfail"),)),
            Sign("dns.resolver", -25),
            Sign("mail.dns-try-again", 5, where=(("route", "relay"),)),
            Sign("mail.relay-name-not-found", 18),
            Sign("mail.app-host-not-found", 8),
            Sign("mail.relayhost-problem", 6),
            Sign("mail.dns-not-found", 6, where=(("route", "relay"),)),
            Sign("relay.name", -15, Status.OK),
            # The host knows the name by its hosts file, which Postfix is told to read: the chroot's copy lacks it.
            Sign("dns.chroot-file", -20, where=(("lacks_relay", True),)),
            FLOW,
        ),
        explains=(
            "relay-unreachable",
            "postfix-config-error",
            "recipient-domain-not-found",
            "recipient-domain-accepts-no-mail",
        ),
        links=(f"{POSTCONF}#relayhost", f"{POSTCONF}#smtp_host_lookup"),
    ),
    Cause(
        id="relay-access-denied",
        title="The next hop refuses to relay for this host",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay answers 'Relay access denied' or its like: it neither knows this client's address nor has it logged in. Either "
            "a login is missing, or the address must be allowed at the relay, and it may have changed."
        ),
        remedy=Remedy(
            text=(
                "Have this host's address allowed at the relay, or use a login: smtp_sasl_auth_enable and a password map, on the "
                "relay's submission port (587 or 465) instead of 25."
            ),
            commands=(
                "postconf relayhost smtp_sasl_auth_enable smtp_sasl_password_maps",
                "postqueue -p",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The relay takes the same recipient from this host by hand.",
        signs=(
            Sign("mail.relay-access-denied", 16),
            Sign("relay.envelope", 12, where=(("label", "relay-access-denied"),)),
            Sign("relay.banner", 6),
            Sign("mail.greeting-refused", 5, where=(("route", "relay"),)),
            # Then a login is what is missing, or what fails.
            Sign("sasl.key", -8),
            Sign("sasl.enabled", -8),
            Sign("sasl.map", -8),
            Sign("relay.envelope", -6, Status.OK),
            FLOW,
        ),
        links=("https://www.postfix.org/SASL_README.html#client_sasl", f"{POSTCONF}#smtp_sasl_auth_enable"),
    ),
    Cause(
        id="sender-not-allowed",
        title="The relay does not let this account send as this sender",
        impact=Impact.OUTAGE,
        explanation=(
            "The login works, and the relay refuses the sender: the address or its domain is not verified with the provider, or "
            "the account may send as itself only."
        ),
        remedy=Remedy(
            text=(
                "Verify {sender} or its domain in the provider's console (its DNS records prove it), or let the application send "
                "as an address that the account owns. Mail from root and cron needs its sender rewritten too."
            ),
            commands=(
                "postconf myorigin smtp_generic_maps sender_canonical_maps",
                "printf '@%s noreply@YOUR.VERIFIED.DOMAIN\\n' \"$(postconf -h myhostname)\" >> /etc/postfix/generic"
                " && postmap lmdb:/etc/postfix/generic   # or hash:",
                "postconf -e 'smtp_generic_maps = lmdb:/etc/postfix/generic'",
                "postfix reload",
            ),
        ),
        rules_out="The same account sends as another address, and this one is refused alike: then it is the account.",
        signs=(
            Sign("mail.sender-not-allowed", 22),
            Sign("relay.envelope", 18, where=(("label", "sender-not-allowed"),)),
            Sign("app.sender", 20, where=(("label", "sender-not-allowed"),)),
            # Most providers refuse the sender at the end of the data only, which is never tried.
            Sign("relay.envelope", -2, Status.OK),
            FLOW,
        ),
        links=("https://www.postfix.org/ADDRESS_REWRITING_README.html#generic", f"{POSTCONF}#smtp_generic_maps"),
    ),
    Cause(
        id="relay-account-restricted",
        title="The account at the relay is restricted",
        impact=Impact.OUTAGE,
        explanation=(
            "The relay takes the connection and refuses for the account's sake: it is still in the provider's sandbox, suspended, "
            "unpaid, not activated, or its quota or credit is spent. Or the host is one that a provider keeps for tests, which takes "
            "every message and delivers none."
        ),
        remedy=Remedy(
            text=(
                "Nothing on this host is wrong. Sign in to the provider's console, see the account's state, its quota and its bills, "
                "ask for production access or activation; then flush the queue."
            ),
            commands=("postqueue -p | tail -20", "postqueue -f"),
        ),
        rules_out="The provider's console shows the account active and its quota not spent.",
        signs=(
            Sign("mail.relay-account-restricted", 22),
            Sign("relay.login", 20, where=(("label", "relay-account-restricted"),)),
            Sign("app.sender", 18, where=(("label", "relay-account-restricted"),)),
            Sign("relay.envelope", 18, where=(("label", "relay-account-restricted"),)),
            Sign("relay.banner", 12, where=(("label", "relay-account-restricted"),)),
            # Such a server says yes to everything: mail that flows there is no comfort.
            Sign("relay.catch-all", 38, Status.WARNING),
            FLOW,
        ),
        relay=True,
        explains=("rate-limited", "relay-credentials-rejected"),
        links=(
            "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
            "https://www.postfix.org/postqueue.1.html",
        ),
    ),
)

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="relay-not-configured",
    title="A relay is meant, and Postfix does not use it",
    impact=Impact.OUTAGE,
    explanation=(
        "This host has a login for a relay, or names one, yet the setting that routes mail there (relayhost) is empty, "
        "lost, misspelt or overridden. Postfix therefore connects to the recipients' own servers, or to the wrong port."
    ),
    remedy=Remedy(
        text="Set relayhost once, with brackets and port exactly as the password map spells them, and reload.",
        commands=(
            "grep -n relayhost {path}",
            "postconf -e 'relayhost = [smtp.example.net]:587'   # the relay's name and port",
            "postfix reload && postqueue -f",
        ),
    ),
    rules_out="`postconf relayhost` shows the relay, or mail is delivered without one.",
    signs=(
        Sign("config.relay-meant", 17),
        Sign("config.relay-meant", 19, where=(("kind", ("overridden", "indented", "misspelt")),)),
        Sign("config.relay-meant", 2, Status.WARNING),
        Sign("config.relay-port", 16),
        Sign("config.relay-port", 3, Status.WARNING),
        # What direct sending meets on hosts that need a relay.
        Sign("mail.connect-timeout", 7, where=(("port", 25),)),
        Sign("mail.connect-refused", 5, where=(("port", 25),)),
        Sign("mail.ip-blocklisted", 4),
        Sign("mail.reverse-dns-missing", 4),
        Sign("egress.mail-port", 5),
        Sign("mail.flow", -25, Status.OK),
    ),
    # Without a sign that a relay is meant, what direct sending meets must not name it.
    prior=-9,
    explains=("egress-port-25-blocked", "relay-unreachable", "postfix-config-error", "remote-server-unreachable"),
    relay=True,
    links=(
        "https://www.postfix.org/SASL_README.html#client_sasl",
        "https://www.postfix.org/postconf.5.html#relayhost",
    ),
)

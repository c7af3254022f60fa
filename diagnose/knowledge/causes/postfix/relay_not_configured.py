from diagnose.model import RARE, Cause, Impact, sign

CAUSE = Cause(
    id="relay-not-configured",
    title="A relay is set up, but Postfix is not using it",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "relayhost, or the setting that routes mail to the relay, is empty, lost, misspelt or overridden. "
        "Postfix then connects to the recipients' own servers, or to the wrong port."
    ),
    remedy="Set relayhost once, with brackets and port exactly as the password map spells them, and reload.",
    rules_out="`postconf relayhost` shows the relay, or mail is delivered without one.",
    signs=(
        sign("config.relay-meant", "strong"),
        sign("config.relay-meant", "proves", kind=("overridden", "indented", "misspelt")),
        sign("config.relay-meant", "hints", "warning"),
        sign("config.relay-port", "strong"),
        sign("config.relay-port", "hints", "warning"),
        sign("egress.mail-port", "fits"),
    ),
    # Without a sign that a relay is meant, what direct sending meets must not name it.
    prior=RARE,
    explains=("egress-port-25-blocked", "relay-unreachable", "postfix-config-error", "remote-server-unreachable"),
    relay=True,
    links=(
        "https://www.postfix.org/SASL_README.html#client_sasl",
        "https://www.postfix.org/postconf.5.html#relayhost",
    ),
)

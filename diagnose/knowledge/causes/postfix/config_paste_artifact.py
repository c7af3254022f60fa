from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="config-paste-artifact",
    title="Postfix's settings contain characters pasted from a web page",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix has no backslash line continuation, and treats typographic quotes, non-breaking spaces and "
        "prompts as part of a value. A daemon that reads such a value exits at once, and the mail stays in the "
        "queue without a reason."
    ),
    remedy="Remove the characters from Postfix's settings ({path} line {line}: {parameter}), and restart Postfix.",
    rules_out="Settings in plain ASCII, none of which ends in a backslash.",
    signs=(
        sign("config.paste", "proves", plain=False),
        sign("config.paste", "hints"),
        # Postfix itself cannot read the line: no daemon starts with it.
        sign("config.syntax", "hints"),
        # With Postfix down nothing else can be what stops the mail today.
        sign("postfix.master", "hints"),
    ),
    explains=(
        "postfix-config-error",
        "tls-ca-bundle-missing",
        "relay-requires-tls",
        "relay-auth-not-attempted",
        "relay-name-not-found",
        "sasl-map-missing",
        "sasl-key-mismatch",
        "relay-unreachable",
        "lookup-table-broken",
        "queue-congested",
    ),
    links=("https://www.postfix.org/postconf.5.html",),
)

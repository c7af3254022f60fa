from diagnose.knowledge.causes.relay import README
from diagnose.model import AGAINST, FITS, OK, PROVES, REFUTES, STRONG, WARNING, Cause, Impact, sign

CAUSE = Cause(
    id="sasl-key-mismatch",
    title="The password map has no entry for this relay",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix looks up the server's bare host name, then the next hop exactly as relayhost spells it, with "
        "brackets and port. Without a match it does not log in, and the relay refuses the mail at once (530)."
    ),
    remedy=(
        "Make the left column of {path|the password file} exactly {next_hop|what relayhost says} (it has {near}), "
        "run postmap, and send bounced mail again: it is no longer in the queue."
    ),
    rules_out="`postmap -q` with the next hop, or with the bare host name, gives the entry.",
    signs=(
        sign("sasl.key", PROVES, kind="near"),
        sign("sasl.key", PROVES, kind="empty"),
        sign("sasl.key", STRONG, kind="none"),
        sign("sasl.key", FITS, WARNING),
        sign("relay.envelope", FITS, label="auth-required"),
        # No login is made for another reason.
        sign("sasl.enabled", REFUTES),
        sign("sasl.enabled", REFUTES, OK, on=False),
        sign("sasl.map", REFUTES),
        sign("sasl.stale", REFUTES),
        sign("relay.starttls", AGAINST, kind=("demanded", "login-needs-tls")),
        sign("sasl.key", REFUTES, OK),
    ),
    explains=("relay-auth-not-attempted", "relay-access-denied", "sender-not-allowed", "relay-auth-disabled"),
    links=(f"{README}#client_sasl_enable", "https://www.postfix.org/postconf.5.html#smtp_sasl_password_maps"),
)

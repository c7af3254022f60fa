from diagnose.knowledge.causes.relay import README
from diagnose.model import Cause, Impact, sign

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
        sign("sasl.key", "proves", kind="near"),
        sign("sasl.key", "proves", kind="empty"),
        sign("sasl.key", "strong", kind="none"),
        sign("sasl.key", "fits", "warning"),
        sign("relay.envelope", "fits", label="auth-required"),
        # No login is made for another reason.
        sign("sasl.enabled", "refutes"),
        sign("sasl.enabled", "refutes", "ok", on=False),
        sign("sasl.map", "refutes"),
        sign("sasl.stale", "refutes"),
        sign("relay.starttls", "against", kind=("demanded", "login-needs-tls")),
        sign("sasl.key", "refutes", "ok"),
    ),
    explains=("relay-auth-not-attempted", "relay-access-denied", "sender-not-allowed", "relay-auth-disabled"),
    links=(f"{README}#client_sasl_enable", "https://www.postfix.org/postconf.5.html#smtp_sasl_password_maps"),
)

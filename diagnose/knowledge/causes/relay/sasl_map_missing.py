from diagnose.knowledge.causes.relay import CLIENT
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sasl-map-missing",
    title="The relay's password map cannot be opened",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Usually postmap was never run on the text file, so the compiled table is missing, or "
        "smtp_sasl_password_maps names no table or the wrong one. Postfix then defers the mail with 'local data "
        "error', or its SMTP client cannot start."
    ),
    remedy="Create the table: write the text file, compile it, and check that a lookup answers.",
    rules_out="`postmap -q` of the table answers without an error.",
    signs=(
        sign("sasl.map", "proves", kind=("missing", "unset", "unreadable")),
        sign("sasl.map", "strong", kind="broken"),
        sign("sasl.map", "against", "ok"),
    ),
    explains=(
        "relay-auth-not-attempted",
        "lookup-table-broken",
        "relay-access-denied",
        "postfix-config-error",
        "sasl-key-mismatch",
    ),
    links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
)

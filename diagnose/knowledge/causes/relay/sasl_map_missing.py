from diagnose.knowledge.causes.relay import CLIENT
from diagnose.model import AGAINST, PROVES, STRONG, Cause, Impact, Remedy, Sign, Status

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
    remedy=Remedy(
        text="Create the table: write the text file, compile it, and check that a lookup answers.",
    ),
    rules_out="`postmap -q` of the table answers without an error.",
    signs=(
        Sign("sasl.map", PROVES, where=(("kind", ("missing", "unset", "unreadable")),)),
        Sign("sasl.map", STRONG, where=(("kind", "broken"),)),
        Sign("sasl.map", AGAINST, Status.OK),
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

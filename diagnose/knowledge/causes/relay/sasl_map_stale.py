from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="sasl-map-stale",
    title="The password file was changed, but postmap was not run",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix reads the compiled table, not the text. Until postmap is run again it sends the old password, or none."
    ),
    remedy="Compile the table again.",
    rules_out="The compiled table holds the same entry as the text.",
    signs=(
        sign("sasl.stale", "settles"),
        # Without the right to compare: the text is newer, and what is sent is refused.
        sign("sasl.stale", "speaks", "warning", kind="maybe"),
        sign("sasl.stale", "against", "ok"),
        WORKS,
    ),
    prior=UNUSUAL,
    explains=("relay-credentials-rejected", "sasl-key-mismatch", "relay-auth-not-attempted", "relay-access-denied"),
    links=("https://www.postfix.org/postmap.1.html", CLIENT),
)

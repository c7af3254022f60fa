from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import AGAINST, SETTLES, SPEAKS, UNUSUAL, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="sasl-map-stale",
    title="The password file was changed, and postmap was not run",
    impact=Impact.OUTAGE,
    explanation=(
        "Postfix reads the compiled table, not the text. The text was edited after the last postmap, and the entry for this relay "
        "differs or is new: the old password is still sent, or none."
    ),
    remedy=Remedy(
        text="Compile the table again and flush the queue.",
    ),
    rules_out="The compiled table holds the same entry as the text.",
    signs=(
        Sign("sasl.stale", SETTLES),
        # Without the right to compare: the text is newer, and what is sent is refused.
        Sign("sasl.stale", SPEAKS, Status.WARNING, where=(("kind", "maybe"),)),
        Sign("sasl.stale", AGAINST, Status.OK),
        WORKS,
    ),
    prior=UNUSUAL,
    explains=("relay-credentials-rejected", "sasl-key-mismatch", "relay-auth-not-attempted", "relay-access-denied"),
    links=("https://www.postfix.org/postmap.1.html", CLIENT),
)

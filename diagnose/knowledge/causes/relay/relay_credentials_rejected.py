from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import COMMON, DOUBTS, PROVES, SPEAKS, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="relay-credentials-rejected",
    title="The relay rejects the user name or password",
    impact=Impact.OUTAGE,
    explanation=(
        "Postfix logs in and the relay says no (535 or its like): a wrong or revoked password or key, the wrong user name (some "
        "providers want a fixed word such as apikey), the credentials of another region, or a kind of credential that is not "
        "meant for SMTP. The mail waits and is returned after some days."
    ),
    remedy=Remedy(
        text="Take a fresh SMTP user name and key from the provider's console, write them into the password map under the same "
        "key, compile the map if its type needs it, and flush the queue. Too many failures can lock the account.",
    ),
    rules_out="The same credentials are accepted by the same server (235).",
    signs=(
        Sign("relay.login", PROVES, where=(("label", "relay-credentials-rejected"),)),
        Sign("sasl.line", SPEAKS, where=(("kind", "placeholder"),)),
        # Whether the map says what was meant (an old table, a malformed line) could not be seen.
        Sign("sasl.map", DOUBTS, Status.UNKNOWN),
        # What is in the table is then not what was meant.
        Sign("sasl.stale", DOUBTS, where=(("kind", "differs"),)),
        Sign("sasl.stale", DOUBTS, Status.WARNING, where=(("kind", "maybe"),)),
        WORKS,
    ),
    prior=COMMON,
    explains=("rate-limited",),
    links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
)

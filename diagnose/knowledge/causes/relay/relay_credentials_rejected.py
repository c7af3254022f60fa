from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import COMMON, Cause, Impact, sign

CAUSE = Cause(
    id="relay-credentials-rejected",
    title="The relay rejects the user name or password",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "A 535 reply means a wrong or revoked password or key, a wrong user name (some providers expect a fixed "
        "word such as apikey), credentials of another region, or a key that is not meant for SMTP. The mail "
        "waits and bounces after some days."
    ),
    remedy=(
        "Get a new SMTP user name and key from the provider's console, write them into the password map under the same "
        "key, and compile the map if its type needs it. Too many failures can lock the account."
    ),
    rules_out="The same credentials are accepted by the same server (235).",
    signs=(
        sign("relay.login", "proves", label="relay-credentials-rejected"),
        sign("sasl.line", "speaks", kind="placeholder"),
        # Without a login no password was refused: the server's words are about something else.
        sign("sasl.enabled", "against", "ok", on=False),
        # Whether the map says what was meant (an old table, a malformed line) could not be seen.
        sign("sasl.map", "doubts", "unknown"),
        # What is in the table is then not what was meant.
        sign("sasl.stale", "doubts", kind="differs"),
        sign("sasl.stale", "doubts", "warning", kind="maybe"),
        WORKS,
    ),
    prior=COMMON,
    explains=("rate-limited",),
    links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
)

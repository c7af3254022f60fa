from diagnose.knowledge.causes.relay import CLIENT, DECISIVE, WORKS
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sasl-passwd-malformed",
    title="A line in the relay's password file is malformed",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "A line is the relay, white space, then user:password, and nothing else. Postfix treats quotes, comments "
        "and backslashes as part of the password, and does not find a line that begins with white space."
    ),
    remedy="Correct line {line} of {path} and compile the table.",
    rules_out="The entry in use has the form relay, white space, user:password, without quotes, comment or backslash.",
    signs=(
        # The relay's rejection is then the consequence.
        sign("sasl.line", "proves", kind=DECISIVE),
        # A password may really begin and end in quotes.
        sign("sasl.line", "speaks", kind="quoted"),
        sign("sasl.line", "fits", kind="placeholder"),
        sign("sasl.line", "fits", "warning"),
        sign("sasl.line", "against", "ok"),
        # A password may really end in a backslash.
        WORKS,
    ),
    explains=("relay-credentials-rejected", "sasl-key-mismatch", "relay-auth-not-attempted", "relay-access-denied"),
    links=(CLIENT, "https://www.postfix.org/postmap.1.html"),
)

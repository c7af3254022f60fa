from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-account-restricted",
    title="The account at the relay is restricted",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The provider still has the account in its sandbox, has suspended it, or its quota or credit is used up. "
        "A test server accepts every message and delivers none."
    ),
    remedy=(
        "Nothing is wrong on this host. Sign in to the provider's console, check the account's state, quota and "
        "billing, and request production access or activation."
    ),
    rules_out="The provider's console shows the account active and its quota not spent.",
    signs=(
        sign("relay.login", "proves", label="relay-account-restricted"),
        sign("app.sender", "strong", label="relay-account-restricted"),
        sign("relay.envelope", "strong", label="relay-account-restricted"),
        # After a login the refusal is about the account, or the address it sends as.
        sign("relay.envelope", "speaks", label="policy-refused", stage="mail", signed_in=True),
        sign("relay.banner", "speaks", label="relay-account-restricted"),
        # Such a server accepts everything: mail that flows there proves nothing.
        sign("relay.catch-all", "settles", "warning"),
    ),
    relay=True,
    explains=("rate-limited", "relay-credentials-rejected"),
    links=(
        "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
        "https://www.postfix.org/postqueue.1.html",
    ),
)

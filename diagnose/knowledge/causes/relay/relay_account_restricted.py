from diagnose.knowledge.causes.relay import FLOW
from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="relay-account-restricted",
    title="The account at the relay is restricted",
    impact=Impact.OUTAGE,
    explanation=(
        "The relay takes the connection and refuses for the account's sake: it is still in the provider's sandbox, suspended, "
        "unpaid, not activated, or its quota or credit is spent. Or the host is one that a provider keeps for tests, which takes "
        "every message and delivers none."
    ),
    remedy=Remedy(
        text=(
            "Nothing on this host is wrong. Sign in to the provider's console, see the account's state, its quota and its bills, "
            "ask for production access or activation; then flush the queue."
        ),
        commands=("postqueue -p | tail -20", "postqueue -f"),
    ),
    rules_out="The provider's console shows the account active and its quota not spent.",
    signs=(
        Sign("mail.relay-account-restricted", 22),
        Sign("relay.login", 20, where=(("label", "relay-account-restricted"),)),
        Sign("app.sender", 18, where=(("label", "relay-account-restricted"),)),
        Sign("relay.envelope", 18, where=(("label", "relay-account-restricted"),)),
        Sign("relay.banner", 12, where=(("label", "relay-account-restricted"),)),
        # Such a server says yes to everything: mail that flows there is no comfort.
        Sign("relay.catch-all", 38, Status.WARNING),
        FLOW,
    ),
    relay=True,
    explains=("rate-limited", "relay-credentials-rejected"),
    links=(
        "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
        "https://www.postfix.org/postqueue.1.html",
    ),
)

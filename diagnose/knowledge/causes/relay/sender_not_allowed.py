from diagnose.knowledge.causes.relay import POSTCONF
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sender-not-allowed",
    title="The relay does not allow this sender address",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The sender's address or domain is not verified with the provider, or the account may send as itself only."
    ),
    remedy=(
        "Verify {sender} or its domain in the provider's console (its DNS records prove it), or let the application send "
        "as an address that the account owns (set it as {sender_key} in {path}). Mail from root and cron needs its sender rewritten too."
    ),
    rules_out="The same account sends as another address, and this one is refused too: then it is the account.",
    signs=(
        sign("relay.envelope", "strong", label="sender-not-allowed"),
        sign("relay.envelope", "hints", label="policy-refused", stage="mail", signed_in=True),
        sign("app.sender", "proves", label=("sender-not-allowed", "sender-domain-not-found")),
        # Most providers refuse the sender at the end of the data only, which is never tried.
        sign("relay.envelope", "doubts", "ok"),
    ),
    links=("https://www.postfix.org/ADDRESS_REWRITING_README.html#generic", f"{POSTCONF}#smtp_generic_maps"),
)

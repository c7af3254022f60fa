from diagnose.model import Cause, Impact, Remedy

CAUSE = Cause(
    id="recipient-unknown",
    title="The recipient's mailbox does not exist",
    impact=Impact.PARTIAL,
    explanation=(
        "The receiving server is reached and answers that it has no such mailbox. Everything on this side works; the address is wrong, or was closed."
    ),
    remedy=Remedy(
        text="Have the user's address ({recipient}) corrected. Look for a typing error before the @.",
    ),
    rules_out="The same address takes mail from elsewhere; a refusal that speaks of policy rather than of the mailbox.",
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.2",),
)

from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="recipient-unknown",
    title="The recipient's mailbox does not exist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation="The address is wrong, or was closed. Nothing needs to change here.",
    remedy="Have the user's address ({recipient}) corrected. Look for a typo before the @.",
    rules_out="The same address accepts mail from elsewhere, or the refusal cites policy and not the mailbox.",
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.2",),
)

from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="recipient-mailbox-full",
    title="The recipient's mailbox is full",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation="The mailbox is over its quota. Only the recipient can change that.",
    remedy="Ask the recipient ({recipient}) by other means to free space, then try again.",
    rules_out="The reply refers to the server's own disk, not to a mailbox.",
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.3",),
)

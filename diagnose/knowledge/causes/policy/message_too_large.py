from diagnose.knowledge.causes.policy import POSTFIX
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="message-too-large",
    title="The message exceeds a size limit",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation="The limit is this host's message_size_limit, or the one that the receiving server announces (SIZE).",
    remedy="Send smaller messages (links instead of attachments). If the limit is this host's own, raise it.",
    rules_out="Small messages to the same recipient fail too.",
    explains=("submission-rejected",),
    signs=(
        # Reported only if the log cannot be read.
        sign("config.size-limit", "fits", "warning"),
    ),
    links=(f"{POSTFIX}#message_size_limit", "https://www.rfc-editor.org/rfc/rfc1870"),
)

from diagnose.knowledge.causes.policy import FLOW
from diagnose.model import Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="greylisted",
    title="First contact: the receiver asks to try again (greylisting)",
    impact=Impact.PLACEMENT,
    explanation=(
        "The receiver puts the first message of an unknown sender off for some minutes. Postfix tries again by itself and the mail "
        "arrives late. Nothing is broken."
    ),
    remedy=Remedy(
        text="Wait for the next attempt (minutes to an hour), or ask for one. A relay with a large pool of addresses, or a first attempt that "
        "comes from changing addresses, may have to wait longer.",
        commands=("postqueue -f",),
    ),
    rules_out="The same message was put off for more than a day.",
    signs=(
        Sign("mail.greylisted", 22),
        Sign("mail.server-busy", 3),
        # Put off only once the recipient was named.
        Sign("mail.server-busy", 8, where=(("stage", ("rcpt", "data", "dot")),)),
        Sign("mail.mailbox-unavailable", 3, where=(("code", (450, 451)),)),
        FLOW,
    ),
    links=("https://www.rfc-editor.org/rfc/rfc6647",),
)

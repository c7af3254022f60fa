from diagnose.model import DOUBTS, Cause, Impact, Remedy

CAUSE = Cause(
    id="message-expired",
    title="Mail was returned because it waited too long",
    impact=Impact.PARTIAL,
    explanation=(
        "Messages stayed in the queue for maximal_queue_lifetime (five days unless set) and were returned to their senders. What made them "
        "wait is the cause to find: it stands in the deferrals before."
    ),
    remedy=Remedy(
        text="Mend what made the mail wait, then send it again from the application: returned mail is no longer in the queue.",
    ),
    rules_out="No 'status=expired' in the log.",
    flow=DOUBTS,
    signs=(),
    links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
)

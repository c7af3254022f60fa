from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="message-expired",
    title="Mail bounced after waiting too long",
    impact=Impact.PARTIAL,
    explanation=(
        "Messages that stay in the queue for maximal_queue_lifetime (five days unless set) are returned to their "
        "senders. The cause is whatever made them wait: see the earlier deferrals."
    ),
    remedy=(
        "Fix what made the mail wait, then send it again from the application: bounced mail is no longer in the "
        "queue. A maximal_queue_lifetime below a day is better removed: receivers put mail off for a while."
    ),
    rules_out="No 'status=expired' in the log.",
    flow=DOUBTS,
    signs=(sign("config.throttle", "proves", kind="lifetime"),),
    links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
)

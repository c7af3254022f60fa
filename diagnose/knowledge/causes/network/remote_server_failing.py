from diagnose.model import DOUBTS, Cause, Impact

CAUSE = Cause(
    id="remote-server-failing",
    title="The receiving server has an internal error",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The server at the other end reports a failure of its own: a filter, a lookup table, its queue or its "
        "disk. Postfix keeps the message and tries again for five days (maximal_queue_lifetime)."
    ),
    remedy=(
        "Nothing needs to change here. If it persists, send that server's postmaster its reply and the time "
        "by some other channel. Once it is repaired, Postfix delivers by itself."
    ),
    rules_out="The same server accepts other senders' mail at the same time.",
    flow=DOUBTS,
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.4",),
)

from diagnose.model import DOUBTS, Cause, Impact, Remedy

CAUSE = Cause(
    id="remote-server-failing",
    title="The receiving server has an internal error",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The server at the other end says that it cannot do its work: a filter, a lookup table, its queue or its disk "
        "fails "
        "there. Postfix keeps the message and tries again for five days (maximal_queue_lifetime)."
    ),
    remedy=Remedy(
        text="Nothing needs to change here. If it lasts, send that server's postmaster its reply and the time, by "
        "other means. Once it is repaired, Postfix delivers by itself.",
        commands=("postqueue -s {domain}",),
    ),
    rules_out="Mail of others to the same server that it takes at the same time.",
    flow=DOUBTS,
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.4",),
)

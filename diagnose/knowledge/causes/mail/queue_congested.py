from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="queue-congested",
    title="The queue is congested",
    impact=Impact.PLACEMENT,
    station="Postfix",
    explanation=(
        "New messages wait behind old ones: one slow destination fills the active queue, or more is submitted "
        "than leaves."
    ),
    remedy=(
        "See what is waiting and for which destination (mail-diagnose queue). Give the slow destination a "
        "transport of its own, or delete unwanted mail (postsuper -d)."
    ),
    rules_out="The queue holds only a few messages, or only recent ones.",
    signs=(
        sign("queue.backlog", "strong"),
        # When nothing leaves at all, the backlog is a mere consequence.
        sign("mail.flow", "doubts"),
        sign("postfix.master", "against"),
    ),
    explains=("retry-pending",),
    links=("https://www.postfix.org/QSHAPE_README.html",),
)

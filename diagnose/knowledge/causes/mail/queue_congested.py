from diagnose.model import AGAINST, DOUBTS, STRONG, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="queue-congested",
    title="The queue is congested",
    impact=Impact.PLACEMENT,
    station="Postfix",
    explanation=(
        "New messages wait behind old ones: one slow destination fills the active queue, or more is submitted "
        "than leaves."
    ),
    remedy=Remedy(
        text="See what waits and where it goes (mail-diagnose queue). Give the clogging destination a transport of its own, or drop mail that nobody "
        "wants (postsuper -d).",
    ),
    rules_out="A queue of some messages only, or only young ones.",
    signs=(
        Sign("queue.backlog", STRONG),
        # When nothing leaves at all, the backlog is a mere consequence.
        Sign("mail.flow", DOUBTS),
        Sign("postfix.master", AGAINST),
    ),
    explains=("retry-pending",),
    links=("https://www.postfix.org/QSHAPE_README.html",),
)

from diagnose.model import DOUBTS, Cause, Impact

CAUSE = Cause(
    id="greylisted",
    title="The receiver greylists this host: the mail will arrive late",
    impact=Impact.PLACEMENT,
    station="recipient",
    explanation=(
        "A greylisting receiver defers the first message of an unknown sender for some minutes. Postfix tries "
        "again by itself. Nothing is broken."
    ),
    remedy="Wait for the next attempt (minutes to an hour). Mail from a changing pool of addresses may wait longer.",
    rules_out="The same message has been deferred for more than a day.",
    flow=DOUBTS,
    signs=(),
    links=("https://www.rfc-editor.org/rfc/rfc6647",),
)

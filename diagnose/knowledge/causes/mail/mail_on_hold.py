from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mail-on-hold",
    title="Messages are on hold",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Postfix does not try to deliver messages in the hold queue: somebody ran postsuper -h, or an access map "
        "or header check put them there with HOLD."
    ),
    remedy="Find out who held them and why (grep for 'hold:' in the log, HOLD in access maps and header_checks), then release them.",
    rules_out="An empty hold queue.",
    signs=(
        sign("queue.hold", "proves"),
        sign("queue.hold", "fits", "warning"),
        sign("config.content-rule", "hints"),
        sign("queue.hold", "refutes", "ok"),
    ),
    # Held mail keeps the reason of its last attempt.
    explains=("delivery-suspended-by-config", "retry-pending"),
    links=("https://www.postfix.org/postsuper.1.html", "https://www.postfix.org/access.5.html"),
)

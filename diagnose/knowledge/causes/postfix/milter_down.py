from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="milter-down",
    title="A mail filter (milter) does not answer, so mail is deferred",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix asks a milter such as OpenDKIM or rspamd about every message. While it does not answer at "
        "{endpoint|its socket}, milter_default_action decides: SMTP clients get 451 4.7.1, mail from the "
        "sendmail command stays in maildrop."
    ),
    remedy=(
        "Start the milter and check its socket (a chrooted Postfix looks for it below the queue directory); or let mail "
        "pass without it."
    ),
    rules_out="The milter's socket accepts a connection, or milter_default_action is accept.",
    flow=0,  # mail from the sendmail command bypasses smtpd_milters
    signs=(
        sign("filter.milter", "strong", kind=SEEN),
        sign("filter.milter", "speaks", kind=UNLISTED),
        # The log's lines are older than its start.
        sign("filter.milter", "against", "ok", kind="again"),
        # With milter_default_action = accept mail passes all the same.
        sign("filter.milter", "against", "warning"),
    ),
    explains=(
        "nothing-submitted",
        "submission-rejected",
        "smtp-listener-broken",
    ),
    links=("https://www.postfix.org/MILTER_README.html",),
)

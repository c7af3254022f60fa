from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="smtp-transport-missing",
    title="The service {lacking|that the mail needs} {lacks|is missing from master.cf}",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix passes each message to a transport, a service in master.cf. Without it the queue manager defers "
        "the mail with 'mail transport unavailable'."
    ),
    remedy="Put the service back into master.cf, or correct the setting that names it, and reload.",
    rules_out="`postconf -M` shows the service.",
    signs=(
        sign("queue.stuck", "hints"),
        sign("postfix.transport", "proves"),
        # Nothing moves without it, whatever else is there.
        sign("postfix.service", "settles"),
        sign("postfix.transport", "against", "ok"),
    ),
    explains=("queue-congested", "content-filter-down"),
    links=("https://www.postfix.org/master.5.html",),
)

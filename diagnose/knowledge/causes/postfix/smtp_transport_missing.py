from diagnose.model import AGAINST, HINTS, PROVES, SETTLES, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="smtp-transport-missing",
    title="The transport that the mail needs is missing from master.cf",
    impact=Impact.OUTAGE,
    explanation=(
        "Postfix hands each message to a transport, a service of master.cf. The one that this mail needs ({service}) is "
        "not there, so the queue manager puts it off with 'mail transport unavailable'."
    ),
    remedy=Remedy(
        text="Put the service back into master.cf, or correct the setting that names it, and reload.",
    ),
    rules_out="`postconf -M {service}/unix` shows the service.",
    signs=(
        Sign("queue.stuck", HINTS),
        Sign("postfix.transport", PROVES),
        # Nothing moves without it, whatever else is there.
        Sign("postfix.service", SETTLES),
        Sign("postfix.transport", AGAINST, Status.OK),
    ),
    explains=("queue-congested", "content-filter-down"),
    links=("https://www.postfix.org/master.5.html",),
)

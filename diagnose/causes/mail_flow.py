"""The mail's own story: delivered, waiting, held, expired, or never handed over."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSES = (
    Cause(
        id="delivered-to-remote",
        title="The receiving server took the mail: look there",
        impact=Impact.NONE,
        explanation=(
            "The log shows that the recipient's server accepted the message (250). This host has done its part; the mail is in a spam folder, a "
            "quarantine, a rule's folder, or was forwarded or dropped over there."
        ),
        remedy=Remedy(
            text="Have the recipient look into spam and quarantine, and give the receiving postmaster the time, this host's address and the "
            "queue id that stands in the server's reply. If {host} is a relay, look into its own delivery log.",
        ),
        rules_out="A later attempt to the same recipient that failed.",
        signs=(Sign("log.recipient", 24, where=(("kind", "sent"),)),),
        links=("https://www.postfix.org/DEBUG_README.html#logging",),
    ),
    Cause(
        id="nothing-submitted",
        title="The application never handed the mail to Postfix",
        impact=Impact.NONE,
        explanation=(
            "Neither the log nor the queue has a trace of it. The fault lies before the mail server: the application is switched off, uses another "
            "server, or failed before it sent."
        ),
        remedy=Remedy(
            text="Look at the application's own log at the time of the missing mail, and at the server, port and sender in its settings "
            "(mail-diagnose run --app-config FILE). To see that this host works: mail-diagnose send YOUR@ADDRESS.",
        ),
        rules_out="Any line of the mail log that names the recipient.",
        signs=(
            # The very recipient asked for has no line at all in a log that covers the day.
            Sign("log.recipient", 13, where=(("kind", "none"),)),
            Sign("log.submissions", 5),
            Sign("queue.waiting", 2, Status.OK),
            Sign("queue.waiting", -8),
            Sign("postfix.master", -8),
            Sign("mail.submission-rejected", -20),
        ),
        links=("https://www.postfix.org/DEBUG_README.html",),
    ),
    Cause(
        id="retry-pending",
        title="The cause is gone; mail waits for its next attempt",
        impact=Impact.PLACEMENT,
        explanation=(
            "Messages wait for a failure that no longer exists: the way they take works now. Postfix pauses longer after each failure (up to "
            "maximal_backoff_time, about an hour), so they would leave by themselves."
        ),
        remedy=Remedy(
            text="Ask Postfix to try everything now, and watch the log.", commands=("postqueue -f", "postqueue -p")
        ),
        rules_out="The same failure in the attempts after the flush.",
        signs=(
            Sign("queue.waiting", 9, where=(("failed", True),)),
            # Without waiting mail there is nothing to retry.
            Sign("queue.waiting", -30, Status.OK),
            # Other mail flows; that this mail's own way works takes a probe of it.
            Sign("mail.flow", 6, Status.OK),
            Sign("mail.flow", 3, Status.WARNING),
            # The probe on the mail's own way succeeds: its port answers, and where a relay is used its login too.
            Sign("egress.mail-port", 3, Status.OK),
            Sign("relay.login", 6, Status.OK),
            Sign("destination.reachable", 4, Status.OK),
            Sign("mail.flow", -4),
            Sign("postfix.master", -30),
            Sign("queue.hold", -6),
            Sign("dns.recipient-domain", -12),
            Sign("config.value", -20),
            Sign("relay.login", -20),
            Sign("relay.reachable", -20),
            Sign("egress.mail-port", -20),
            Sign("destination.reachable", -20),
            Sign("sasl.map", -20),
            Sign("sasl.map-type", -20),
            Sign("sasl.key", -10),
            Sign("sasl.type", -20),
            Sign("sasl.plugins", -15),
            Sign("tls.ca", -20),
            Sign("relay.name", -20),
            Sign("relay.wrapper", -20),
            Sign("relay.starttls", -20),
            Sign("relay.protocol", -15),
            Sign("relay.certificate", -20),
            Sign("relay.mechanism", -20),
            Sign("relay.envelope", -20),
        ),
        prior=-7,  # that the cause is gone wants a sign of its own: nothing but waiting mail is none
        links=(
            "https://www.postfix.org/QSHAPE_README.html",
            "https://www.postfix.org/postconf.5.html#maximal_backoff_time",
        ),
    ),
    Cause(
        id="message-expired",
        title="Mail was returned because it waited too long",
        impact=Impact.PARTIAL,
        explanation=(
            "Messages stayed in the queue for maximal_queue_lifetime (five days unless set) and were returned to their senders. What made them "
            "wait is the cause to find: it stands in the deferrals before."
        ),
        remedy=Remedy(
            text="Mend what made the mail wait, then send it again from the application: returned mail is no longer in the queue.",
            commands=("postconf maximal_queue_lifetime bounce_queue_lifetime",),
        ),
        rules_out="No 'status=expired' in the log.",
        signs=(
            Sign("mail.message-expired", 22),
            Sign("mail.message-expired", 6, Status.WARNING),
            Sign("mail.flow", -6, Status.OK),
        ),
        links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
    ),
    Cause(
        id="mail-on-hold",
        title="Messages are on hold",
        impact=Impact.PARTIAL,
        explanation=(
            "The hold queue has messages. Postfix never tries them: somebody ran postsuper -h, or an access map or header check says HOLD."
        ),
        remedy=Remedy(
            text="Find out who held them and why (grep for 'hold:' in the log, HOLD in access maps and header_checks), then release them.",
            commands=("postqueue -p", "postconf -n | grep -E 'checks|access'", "postsuper -H ALL"),
        ),
        rules_out="An empty hold queue.",
        signs=(
            Sign("queue.hold", 22),
            Sign("queue.hold", 8, Status.WARNING),
            Sign("mail.mail-on-hold", 14),
            Sign("config.content-rule", 4),
            Sign("queue.hold", -20, Status.OK),
        ),
        # Held mail keeps the reason of its last attempt.
        explains=("delivery-suspended-by-config", "retry-pending"),
        links=("https://www.postfix.org/postsuper.1.html", "https://www.postfix.org/access.5.html"),
    ),
    Cause(
        id="queue-congested",
        title="The queue is congested",
        impact=Impact.PLACEMENT,
        explanation=(
            "So many messages wait that new ones stand behind them: one destination that answers slowly fills the active queue, or more is handed "
            "over than leaves."
        ),
        remedy=Remedy(
            text="See what waits and where it goes (mail-diagnose queue). Give the clogging destination a transport of its own, or drop mail that nobody "
            "wants (postsuper -d).",
            commands=("qshape deferred | head", "qshape active | head"),
        ),
        rules_out="A queue of some messages only, or only young ones.",
        signs=(
            Sign("queue.backlog", 14),
            # When nothing leaves at all, the backlog is a mere consequence.
            Sign("mail.flow", -8),
            Sign("postfix.master", -10),
        ),
        explains=("retry-pending",),
        links=("https://www.postfix.org/QSHAPE_README.html",),
    ),
)

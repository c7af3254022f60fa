from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
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
)

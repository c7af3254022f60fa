from diagnose.model import AGAINST, DOUBTS, FITS, HINTS, REFUTES, SPEAKS, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="retry-pending",
    title="The cause is gone; the mail waits for its next attempt",
    impact=Impact.PLACEMENT,
    explanation=(
        "Postfix waits longer after each failure (up to maximal_backoff_time, about an hour). The mail will "
        "leave by itself."
    ),
    remedy=Remedy(
        text="Have Postfix retry everything now, and watch the log.",
    ),
    rules_out="The attempts after the flush fail in the same way.",
    signs=(
        Sign("queue.waiting", SPEAKS, where=(("failed", True), ("late", False))),
        # A greeting says nothing about what was said to the envelope.
        Sign("queue.waiting", HINTS, where=(("failed", True), ("late", True))),
        # Without waiting mail that failed there is nothing to retry.
        Sign("queue.waiting", REFUTES, where=(("failed", False),)),
        Sign("queue.waiting", REFUTES, Status.OK),
        # Other mail flows; that this mail's own way works takes a probe of it.
        Sign("mail.flow", FITS, Status.OK),
        Sign("mail.flow", HINTS, Status.WARNING),
        # The probe on the mail's own way succeeds: its port answers, and where a relay is used its login too.
        Sign("egress.mail-port", HINTS, Status.OK),
        Sign("relay.login", FITS, Status.OK),
        Sign("destination.reachable", HINTS, Status.OK),
        Sign("mail.flow", DOUBTS),
        Sign("postfix.master", REFUTES),
        Sign("queue.hold", DOUBTS),
        Sign("dns.recipient-domain", AGAINST),
        Sign("config.value", REFUTES),
        Sign("relay.login", REFUTES),
        Sign("relay.reachable", REFUTES),
        Sign("egress.mail-port", REFUTES),
        Sign("destination.reachable", REFUTES),
        Sign("sasl.map", REFUTES),
        Sign("sasl.map-type", REFUTES),
        Sign("sasl.key", AGAINST),
        Sign("sasl.type", REFUTES),
        Sign("sasl.plugins", AGAINST),
        Sign("tls.ca", REFUTES),
        Sign("relay.name", REFUTES),
        Sign("relay.wrapper", REFUTES),
        Sign("relay.starttls", REFUTES),
        Sign("relay.protocol", AGAINST),
        Sign("relay.certificate", REFUTES),
        Sign("relay.mechanism", REFUTES),
        Sign("relay.envelope", REFUTES),
    ),
    prior=-7,  # that the cause is gone wants a sign of its own: nothing but waiting mail is none
    links=(
        "https://www.postfix.org/QSHAPE_README.html",
        "https://www.postfix.org/postconf.5.html#maximal_backoff_time",
    ),
)

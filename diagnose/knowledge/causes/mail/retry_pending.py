from diagnose.model import AGAINST, DOUBTS, FITS, HINTS, OK, REFUTES, SPEAKS, WARNING, Cause, Impact, sign

CAUSE = Cause(
    id="retry-pending",
    title="The cause is gone; the mail waits for its next attempt",
    impact=Impact.PLACEMENT,
    explanation=(
        "Postfix waits longer after each failure (up to maximal_backoff_time, about an hour). The mail will "
        "leave by itself."
    ),
    remedy="Have Postfix retry everything now, and watch the log.",
    rules_out="The attempts after the flush fail in the same way.",
    signs=(
        sign("queue.waiting", SPEAKS, failed=True, late=False),
        # Neither a greeting nor other mail proves anything about replies to this envelope.
        sign("queue.waiting", AGAINST, failed=True, late=True),
        # Without waiting mail that failed there is nothing to retry.
        sign("queue.waiting", REFUTES, failed=False),
        sign("queue.waiting", REFUTES, OK),
        # Other mail flows; only a probe of this mail's own route shows that it works.
        sign("mail.flow", FITS, OK),
        sign("mail.flow", HINTS, WARNING),
        # The probe on the mail's own way succeeds: its port answers, and where a relay is used its login too.
        sign("egress.mail-port", HINTS, OK),
        sign("relay.login", FITS, OK),
        sign("destination.reachable", HINTS, OK),
        sign("mail.flow", DOUBTS),
        sign("postfix.master", REFUTES),
        sign("queue.hold", DOUBTS),
        sign("dns.recipient-domain", AGAINST),
        sign("config.value", REFUTES),
        sign("relay.login", REFUTES),
        sign("relay.reachable", REFUTES),
        sign("egress.mail-port", REFUTES),
        sign("destination.reachable", REFUTES),
        sign("sasl.map", REFUTES),
        sign("sasl.map-type", REFUTES),
        sign("sasl.key", AGAINST),
        sign("sasl.type", REFUTES),
        sign("sasl.plugins", AGAINST),
        sign("tls.ca", REFUTES),
        sign("relay.name", REFUTES),
        sign("relay.wrapper", REFUTES),
        sign("relay.starttls", REFUTES),
        sign("relay.protocol", AGAINST),
        sign("relay.certificate", REFUTES),
        sign("relay.mechanism", REFUTES),
        sign("relay.envelope", REFUTES),
    ),
    prior=-7,  # waiting mail alone does not show that its cause is gone
    links=(
        "https://www.postfix.org/QSHAPE_README.html",
        "https://www.postfix.org/postconf.5.html#maximal_backoff_time",
    ),
)

from diagnose.model import Cause, Impact, sign

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
        sign("queue.waiting", "speaks", failed=True, late=False),
        # Neither a greeting nor other mail proves anything about replies to this envelope.
        sign("queue.waiting", "against", failed=True, late=True),
        # Without waiting mail that failed there is nothing to retry.
        sign("queue.waiting", "refutes", failed=False),
        sign("queue.waiting", "refutes", "ok"),
        # Other mail flows; only a probe of this mail's own route shows that it works.
        sign("mail.flow", "fits", "ok"),
        sign("mail.flow", "hints", "warning"),
        # The probe on the mail's own way succeeds: its port answers, and where a relay is used its login too.
        sign("egress.mail-port", "hints", "ok"),
        sign("relay.login", "fits", "ok"),
        sign("destination.reachable", "hints", "ok"),
        sign("mail.flow", "doubts"),
        sign("postfix.master", "refutes"),
        sign("queue.hold", "doubts"),
        sign("dns.recipient-domain", "against"),
        sign("config.value", "refutes"),
        sign("relay.login", "refutes"),
        sign("relay.reachable", "refutes"),
        sign("egress.mail-port", "refutes"),
        sign("destination.reachable", "refutes"),
        sign("sasl.map", "refutes"),
        sign("sasl.map-type", "refutes"),
        sign("sasl.key", "against"),
        sign("sasl.type", "refutes"),
        sign("sasl.plugins", "against"),
        sign("tls.ca", "refutes"),
        sign("relay.name", "refutes"),
        sign("relay.wrapper", "refutes"),
        sign("relay.starttls", "refutes"),
        sign("relay.protocol", "against"),
        sign("relay.certificate", "refutes"),
        sign("tls.policy", "refutes"),
        sign("relay.mechanism", "refutes"),
        sign("relay.envelope", "refutes"),
    ),
    prior=-7,  # waiting mail alone does not show that its cause is gone
    links=(
        "https://www.postfix.org/QSHAPE_README.html",
        "https://www.postfix.org/postconf.5.html#maximal_backoff_time",
    ),
)

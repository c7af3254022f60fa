from diagnose.model import UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="relay-dialogue-broken",
    title="The relay breaks off the SMTP dialogue",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The server accepts the connection but stops answering, closes it, or replies with something other than "
        "SMTP. Either it is broken or overloaded, or a firewall or proxy in between answers in its place."
    ),
    remedy=(
        "Ask the operator of {host} what happens to a connection to port {port|25, 465 or 587} at {stage|that point}; until then send through another "
        "relay or port. Try it by hand from here, and from another network, to see who answers."
    ),
    rules_out="A manual SMTP dialogue with the relay gets as far as the reply to RCPT.",
    prior=UNUSUAL,
    signs=(
        sign("relay.session", "proves", kind=("nonsense", "endless")),
        sign("relay.session", "speaks", kind="closes"),
        # Closed without an alert of TLS: two sides that share no version say so.
        sign("relay.session", "strong", kind="closes", stage="the TLS handshake"),
        # A server that is merely slow does so as well; Postfix waits five minutes.
        sign("relay.session", "fits", kind=("hangs", "broken")),
        # Failing mail alone proves nothing.
        sign("mail.flow", "hints"),
        sign("mail.flow", "refutes", "ok"),
        # The login has a reply of its own.
        sign("relay.login", "refutes"),
    ),
    links=("https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2",),
)

from diagnose.model import REFUTES, Cause, Impact, sign

CAUSE = Cause(
    id="helo-name-invalid",
    title="The host name sent in HELO is not valid",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Postfix introduces itself with myhostname. Many receivers refuse a client whose name is not fully "
        "qualified or does not resolve."
    ),
    remedy="Give the host a name that resolves to its public address, and set it in Postfix (it sends {name} now).",
    rules_out="Other receivers accept the same HELO name.",
    flow=REFUTES,
    signs=(
        sign("identity.helo", "fits", via="direct"),
        # More receivers refuse an invalid name than one that does not resolve.
        sign("identity.helo", "speaks", via="direct", kind="invalid"),
        # Refused at EHLO, with nothing but the name said.
        sign("relay.session", "proves", stage="EHLO", kind=("later", "refused"), named=False),
        sign("identity.helo", "doubts", "ok"),
        sign("dns.resolver", "refutes"),
    ),
    explains=("rate-limited", "relay-dialogue-broken"),
    links=(
        "https://www.postfix.org/postconf.5.html#smtp_helo_name",
        "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1",
    ),
)

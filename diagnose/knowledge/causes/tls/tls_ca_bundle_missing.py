from diagnose.knowledge.causes.tls import CLIENT
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="tls-ca-bundle-missing",
    title="Postfix cannot use its CA file",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "When smtp_tls_CAfile or smtp_tls_CApath cannot be loaded, Postfix switches TLS off with only a note in "
        "the log; a relay that requires STARTTLS then refuses the mail. The usual reason is a path copied from "
        "instructions for another distribution."
    ),
    remedy="Use this system's own bundle ({bundle}). Bounced messages must be sent again.",
    rules_out="The file exists and holds certificates, and no log line says 'disabling TLS support'.",
    signs=(
        sign("tls.ca", "proves"),
        sign("tls.ca", "hints", "warning"),
        sign("tls.ca", "refutes", "ok"),
    ),
    explains=(
        "relay-requires-tls",
        "relay-certificate-invalid",
        "relay-auth-not-attempted",
        "sasl-options-exclude-all",
        "relay-access-denied",
        "tls-protocol-mismatch",
    ),
    links=(CLIENT, "https://www.postfix.org/postconf.5.html#smtp_tls_CAfile"),
)

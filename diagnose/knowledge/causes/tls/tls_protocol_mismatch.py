from diagnose.knowledge.causes.tls import README
from diagnose.model import REFUTES, Cause, Impact, sign

CAUSE = Cause(
    id="tls-protocol-mismatch",
    title="The two sides share no TLS version, cipher or key size",
    impact=Impact.PARTIAL,
    station="relay",
    explanation=(
        "One side has only old versions (TLS 1.0, 1.1) that the other refuses, or the server has none of the configured "
        "ciphers. Old appliances, system-wide crypto policies and copied hardening lists are "
        "the usual reasons."
    ),
    remedy=(
        "Remove the hardening settings first; today's defaults suit almost every server. Where the server is too old, it "
        "must be upgraded; meanwhile a policy for this destination alone can allow what it supports."
    ),
    rules_out="A handshake with the settings of main.cf succeeds.",
    flow=REFUTES,
    signs=(
        sign("relay.protocol", "proves", kind=("no-common", "own-protocols", "invalid-list")),
        sign("relay.protocol", "strong", kind="own-ciphers"),
        sign("relay.protocol", "fits", kind="handshake"),
        # A server that shares no protocol says so; silence means something else.
        sign("relay.protocol", "doubts", kind="stalled"),
        sign("relay.protocol", "fits", "warning", kind=("own-protocols", "own-ciphers")),
    ),
    explains=("relay-certificate-invalid",),
    links=(f"{README}#client_cipher", "https://www.postfix.org/postconf.5.html#smtp_tls_mandatory_protocols"),
)

from diagnose.knowledge.causes.tls import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="tls-wrapper-mismatch",
    title="Implicit TLS and STARTTLS are mixed up for the relay's port",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "Port 465 speaks TLS from the first byte and needs smtp_tls_wrappermode = yes; ports 587 and 25 greet in "
        "clear text and use STARTTLS. Mixed up, both sides wait for each other ('timed out while receiving the "
        "initial server greeting') or the handshake fails ('wrong version number')."
    ),
    remedy=(
        "Make smtp_tls_wrappermode fit the port ({wrapper} for {port}): yes for 465 (Postfix 3.0 and later; before that, use 587), no "
        "for 587 and 25. If other mail uses another port, make the setting for this transport alone, in master.cf."
    ),
    rules_out="The port behaves as smtp_tls_wrappermode expects: a clear-text greeting, or a TLS handshake.",
    signs=(
        sign("relay.wrapper", "proves"),
        sign("relay.wrapper", "fits", "warning"),
        sign("relay.wrapper", "against", "ok"),
    ),
    explains=("relay-unreachable", "tls-protocol-mismatch", "relay-requires-tls", "tls-required-not-offered"),
    links=(f"{README}#client_smtps", "https://www.postfix.org/postconf.5.html#smtp_tls_wrappermode"),
)

from diagnose.knowledge.causes.relay import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sasl-options-exclude-all",
    title="Local SASL settings rule out every login method the relay offers",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "smtp_sasl_security_options forbids plain-text passwords by default, even under TLS, and most relays "
        "offer nothing else. A mechanism filter, or a relay that takes bearer tokens only, has the same effect: "
        "'no mechanism available'."
    ),
    remedy=(
        "Allow plain-text methods; TLS protects them. Remove the filter. For a relay that offers only "
        "XOAUTH2, install a SASL plug-in for it, or use another relay."
    ),
    rules_out="A mechanism that the relay offers passes the filter and the options, and its plug-in is installed.",
    signs=(
        sign("relay.mechanism", "proves", kind=("options", "filter", "token-only")),
        sign("relay.mechanism", "refutes", "ok"),
        sign("sasl.plugins", "doubts", kind="none"),
    ),
    links=(f"{README}#client_sasl_policy", "https://www.postfix.org/postconf.5.html#smtp_sasl_security_options"),
)

from diagnose.knowledge.causes.relay import CLIENT, README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sasl-mechanism-missing",
    title="The SASL plug-in for the relay's login methods is missing",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix logs in through Cyrus SASL, whose mechanisms (PLAIN, LOGIN …) are separate packages that "
        "minimal installations and containers leave out. Postfix then reports 'No worthy mechs found' or 'no "
        "mechanism available'."
    ),
    remedy="Install the plug-ins and restart Postfix.",
    rules_out="libplain or liblogin is in the SASL plug-in directory.",
    signs=(
        sign("sasl.plugins", "proves", kind="none"),
        sign("sasl.plugins", "fits", kind="no-plaintext"),
        sign("relay.mechanism", "strong", kind="plug-in"),
        sign("sasl.type", "proves"),
        sign("relay.mechanism", "refutes", "ok"),
        sign("relay.mechanism", "doubts", kind=("options", "filter", "token-only")),
    ),
    explains=("sasl-options-exclude-all", "postfix-config-error"),
    links=(CLIENT, f"{README}#client_sasl_enable"),
)

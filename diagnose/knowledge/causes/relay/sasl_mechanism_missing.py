from diagnose.knowledge.causes.relay import CLIENT, README
from diagnose.model import DOUBTS, FITS, PROVES, REFUTES, STRONG, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="sasl-mechanism-missing",
    title="No SASL plug-in for the relay's login methods is installed",
    impact=Impact.OUTAGE,
    explanation=(
        "Postfix logs in through Cyrus SASL, whose mechanisms (PLAIN, LOGIN …) are separate plug-ins, and the ones that the "
        "relay offers are not installed ('No worthy mechs found', 'no mechanism available'). Minimal installations and "
        "containers leave the package out."
    ),
    remedy=Remedy(
        text="Install the plug-ins, restart Postfix and flush the queue.",
    ),
    rules_out="libplain or liblogin lies in the SASL plug-in directory.",
    signs=(
        Sign("sasl.plugins", PROVES, where=(("kind", "none"),)),
        Sign("sasl.plugins", FITS, where=(("kind", "no-plaintext"),)),
        Sign("relay.mechanism", STRONG, where=(("kind", "plug-in"),)),
        Sign("sasl.type", PROVES),
        Sign("relay.mechanism", REFUTES, Status.OK),
        Sign("relay.mechanism", DOUBTS, where=(("kind", ("options", "filter", "token-only")),)),
    ),
    explains=("sasl-options-exclude-all", "postfix-config-error"),
    links=(CLIENT, f"{README}#client_sasl_enable"),
)

from diagnose.knowledge.causes.relay import CLIENT, README
from diagnose.model import DOUBTS, FITS, PROVES, REFUTES, STRONG, Cause, Impact, Remedy, Sign, Status

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
    remedy=Remedy(
        text="Install the plug-ins and restart Postfix.",
    ),
    rules_out="libplain or liblogin is in the SASL plug-in directory.",
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

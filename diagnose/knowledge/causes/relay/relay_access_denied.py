from diagnose.knowledge.causes.relay import POSTCONF
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-access-denied",
    title="The relay refuses to relay for this host",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "A relay answers 'Relay access denied' to a client that has not logged in and whose address it does not "
        "know. Either the login is missing, or the address must be allowed there and may have changed."
    ),
    remedy=(
        "{advice|Have this host's address allowed at the relay, or use a login: smtp_sasl_auth_enable and a password map, on the "
        "relay's submission port (587 or 465) instead of 25.}"
    ),
    rules_out="The relay accepts the same recipient from this host in a manual test.",
    signs=(
        sign("relay.envelope", "speaks", label="relay-access-denied"),
        sign("app.sender", "proves", label="relay-access-denied"),
        sign("relay.banner", "fits"),
        # Then a login is what is missing, or what fails.
        sign("sasl.key", "doubts"),
        sign("sasl.enabled", "doubts"),
        sign("sasl.map", "doubts"),
        sign("relay.envelope", "doubts", "ok"),
    ),
    links=("https://www.postfix.org/SASL_README.html#client_sasl", f"{POSTCONF}#smtp_sasl_auth_enable"),
)

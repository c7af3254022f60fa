from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="auth-not-offered",
    title="The server offers no login on this port",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "Most servers offer AUTH only after STARTTLS, or only on ports 587 and 465; port 25 is for mail between "
        "servers. An internal server may identify its clients by address instead."
    ),
    remedy=(
        "Start TLS before the login, and use port 587 (STARTTLS) or 465 (TLS from the first byte). Where the server relays for "
        "this host by its address, switch the login off instead."
    ),
    rules_out="The server's answer to EHLO, after TLS, has a line that begins with AUTH.",
    signs=(),
    explains=("nothing-submitted", "relay-credentials-rejected"),
    links=("https://www.rfc-editor.org/rfc/rfc4954#section-3", "https://www.rfc-editor.org/rfc/rfc8314#section-3.3"),
)

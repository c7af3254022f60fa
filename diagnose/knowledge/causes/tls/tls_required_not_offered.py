from diagnose.knowledge.causes.tls import README
from diagnose.model import AGAINST, Cause, Impact, sign

CAUSE = Cause(
    id="tls-required-not-offered",
    title="Postfix requires TLS, but the server does not offer it",
    impact=Impact.PARTIAL,
    station="relay",
    explanation=(
        "Postfix keeps the mail rather than sending it in clear text. A single old server may lack STARTTLS; "
        "if many servers seem to, something on the way strips it."
    ),
    remedy=(
        "Have that server offer TLS, or let mail to this one destination go without it (level `may` in a TLS "
        "policy table). "
        "Do not lower the level for a relay that gets a password."
    ),
    rules_out="The server's answer to EHLO lists STARTTLS, and the server answers STARTTLS with 220.",
    flow=AGAINST,
    signs=(
        sign("relay.starttls", "proves", kind="not-offered"),
        sign("relay.starttls", "proves", kind="refused"),
        # Then it is taken out on the way.
        sign("egress.starttls", "against"),
        sign("relay.starttls", "refutes", "ok"),
        sign("relay.starttls", "refutes", kind="unheard"),
    ),
    links=(f"{README}#client_tls_encrypt", f"{README}#client_tls_policy"),
)

from diagnose.knowledge.causes.tls import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-requires-tls",
    title="The relay requires STARTTLS, but Postfix does not use TLS",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "With smtp_tls_security_level = none, or unset as in old versions, or with starttls among "
        "smtp_discard_ehlo_keywords, Postfix does not use TLS. A relay that requires it refuses mail and login "
        "('Must issue a STARTTLS command first'), and the mail bounces at once, so the queue looks empty."
    ),
    remedy="Switch TLS on, set the CA bundle, and send bounced mail again: it is no longer in the queue.",
    rules_out="smtp_tls_security_level is may or stronger and TLS is not disabled by a missing CA file.",
    signs=(
        sign("relay.starttls", "proves", kind="demanded"),
        sign("relay.starttls", "strong", kind="login-needs-tls"),
        sign("relay.starttls", "proves", kind="unheard"),
        sign("relay.envelope", "fits", label=("starttls-required", "relay-requires-tls")),
        # TLS is on by its setting: then another reason switched it off.
        sign("relay.protocol", "against", "ok"),
    ),
    explains=(
        "relay-auth-not-attempted",
        "auth-not-offered",
        "sasl-key-mismatch",
        "relay-access-denied",
        "sasl-options-exclude-all",
    ),
    links=(f"{README}#client_tls_encrypt", "https://www.postfix.org/postconf.5.html#smtp_tls_security_level"),
)

from diagnose.knowledge.causes.relay import CLIENT
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-auth-not-attempted",
    title="The relay requires a login, but Postfix does not log in",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "Postfix's SMTP client logs in only with smtp_sasl_auth_enable = yes (smtpd_sasl_auth_enable is the "
        "server's setting), a matching entry in the password map, and an AUTH keyword that "
        "smtp_discard_ehlo_keywords does not hide. Mail is bounced at once with 530 or 'relay access denied', so "
        "the queue looks empty."
    ),
    remedy="Enable the login and set the password map; bounced messages must be sent again.",
    rules_out="smtp_sasl_auth_enable = yes, and the log shows a login.",
    signs=(
        sign("sasl.enabled", "strong"),
        sign("relay.envelope", "fits", label="auth-required"),
        # A login is on here, and that port of the relay offers none.
        sign("relay.mechanism", "proves", "warning", kind="none-offered"),
        sign("relay.mechanism", "proves", kind="unheard"),
        sign("sasl.enabled", "fits", "ok", on=False),
        # A dialogue that breaks off before a login cannot show that one is required.
        sign("relay.session", "against", kind=("hangs", "closes", "nonsense", "endless", "broken")),
        # A login is on: then it is the key or the map.
        sign("sasl.enabled", "against", "ok", on=True),
    ),
    explains=("relay-access-denied", "sender-not-allowed", "relay-auth-disabled"),
    links=(CLIENT, "https://www.postfix.org/postconf.5.html#smtp_sasl_auth_enable"),
)

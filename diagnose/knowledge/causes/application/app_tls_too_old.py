from diagnose.knowledge.causes.application import SMTP_PACKAGE
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-tls-too-old",
    title="The application and the mail server share no TLS version",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "Mail servers require TLS 1.2 or newer. An old runtime, an old mail library or the application's "
        "settings may offer older versions only; or the server offers no newer one."
    ),
    remedy="Set mail.smtp.ssl.protocols=TLSv1.2 TLSv1.3 in {path} or remove the line, and run a current Java and javax.mail 1.6 or newer.",
    rules_out="A handshake with the versions that the application offers succeeds.",
    flow=0,
    signs=(
        # What the settings or the runtime allow; that this tool's own TLS passes says nothing about Java's.
        sign("app.protocol", "proves"),
    ),
    explains=("app-smtp-unreachable", "app-tls-mismatch", "nothing-submitted"),
    links=("https://www.java.com/en/configure_crypto.html", SMTP_PACKAGE),
)

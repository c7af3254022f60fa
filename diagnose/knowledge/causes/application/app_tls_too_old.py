from diagnose.knowledge.causes.application import SMTP_PACKAGE
from diagnose.model import PROVES, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="app-tls-too-old",
    title="The application and the mail server have no TLS version in common",
    impact=Impact.OUTAGE,
    explanation=(
        "Mail servers take TLS 1.2 or newer. The application's settings, an old runtime or an old mail library "
        "offer only versions that the server, or the runtime's own policy, has switched off; or the server knows only those."
    ),
    remedy=Remedy(
        text="Set mail.smtp.ssl.protocols=TLSv1.2 TLSv1.3 in {path} or remove the line, and run a current Java and javax.mail 1.6 or newer.",
    ),
    rules_out="A handshake with the versions that the application offers.",
    flow=0,
    signs=(
        # What the settings or the runtime allow; that this tool's own TLS passes says nothing about Java's.
        Sign("app.protocol", PROVES),
    ),
    explains=("app-smtp-unreachable", "app-tls-mismatch", "nothing-submitted"),
    links=("https://www.java.com/en/configure_crypto.html", SMTP_PACKAGE),
)

"""The application's own settings."""

from diagnose.model import sign

SMTP_PACKAGE = "https://javaee.github.io/javamail/docs/api/com/sun/mail/smtp/package-summary.html"
PROPERTIES = "https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-"
# The application that hands its mail to this host's Postfix has none of these troubles with an outside server.
BY_POSTFIX = sign("app.route", "against", "ok", direct=False)
SENDS = sign("app.login", "refutes", "ok", label="accepted")

"""The application's own settings."""

from __future__ import annotations

from diagnose.model import AGAINST, REFUTES, Sign, Status

SMTP_PACKAGE = "https://javaee.github.io/javamail/docs/api/com/sun/mail/smtp/package-summary.html"
PROPERTIES = "https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-"
# The application that hands its mail to this host's Postfix has none of these troubles with an outside server.
BY_POSTFIX = Sign("app.route", AGAINST, Status.OK, where=(("direct", False),))
SENDS = Sign("app.login", REFUTES, Status.OK, where=(("label", "accepted"),))

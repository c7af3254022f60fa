from diagnose.model import DOUBTS, FITS, HINTS, OK, PROVES, REFUTES, STRONG, WARNING, Cause, Impact, sign

CAUSE = Cause(
    id="postfix-not-installed",
    title="Postfix is not installed on this host",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Programs that hand mail to /usr/sbin/sendmail or to localhost port 25 fail at once if no mail server is "
        "installed."
    ),
    remedy="Install Postfix, or point the application at a mail server that accepts its mail directly.",
    rules_out="This host has postconf(1), or the application is configured for another host's mail server.",
    signs=(
        sign("postfix.installed", STRONG),
        # What an earlier installation left shows that mail was meant to go this way.
        sign("postfix.installed", PROVES, left=True),
        sign("listener.smtp", HINTS, WARNING),
        sign("listener.smtp", DOUBTS, OK),
        # Another mailer does the work.
        sign("postfix.sendmail-command", DOUBTS, WARNING),
        # Whom the application hands its mail to: this host, or a server of its own.
        sign("app.route", FITS, OK, direct=False),
        sign("app.route", REFUTES, OK, direct=True),
        sign("postfix.installed", REFUTES, OK),
    ),
    explains=("smtp-listener-missing", "nothing-submitted", "mail-log-missing"),
    links=("https://www.postfix.org/INSTALL.html",),
)

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
        # Remains of an earlier installation show that mail was meant to go through Postfix.
        sign("postfix.installed", PROVES, left=True),
        sign("listener.smtp", HINTS, WARNING),
        sign("listener.smtp", DOUBTS, OK),
        # Another mailer does the work.
        sign("postfix.sendmail-command", DOUBTS, WARNING),
        # Where the application submits its mail: on this host, or at a server of its own.
        sign("app.route", FITS, OK, direct=False),
        sign("app.route", REFUTES, OK, direct=True),
        sign("postfix.installed", REFUTES, OK),
    ),
    explains=("smtp-listener-missing", "nothing-submitted", "mail-log-missing"),
    links=("https://www.postfix.org/INSTALL.html",),
)

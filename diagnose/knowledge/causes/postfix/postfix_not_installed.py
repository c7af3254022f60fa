from diagnose.model import Cause, Impact, sign

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
        sign("postfix.installed", "strong"),
        # Remains of an earlier installation show that mail was meant to go through Postfix.
        sign("postfix.installed", "proves", left=True),
        sign("listener.smtp", "hints", "warning"),
        sign("listener.smtp", "doubts", "ok"),
        # Another mailer does the work.
        sign("postfix.sendmail-command", "doubts", "warning"),
        # Where the application submits its mail: on this host, or at a server of its own.
        sign("app.route", "fits", "ok", direct=False),
        sign("app.route", "refutes", "ok", direct=True),
        sign("postfix.installed", "refutes", "ok"),
    ),
    explains=("smtp-listener-missing", "nothing-submitted", "mail-log-missing"),
    links=("https://www.postfix.org/INSTALL.html",),
)

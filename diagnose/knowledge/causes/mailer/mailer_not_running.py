from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mailer-not-running",
    title="The daemon of this host's mailer is not running",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The sendmail command still reports success: its mail waits in the queue, and nothing delivers it. "
        "Programs that use SMTP get 'connection refused'."
    ),
    remedy="Start the service ({unit}) and read what it logs; waiting mail is then sent.",
    rules_out="A process of the mailer's daemon is running.",
    flow=0,
    signs=(
        sign("mailer.daemon", "proves"),
        sign("mailer.daemon", "refutes", "ok"),
    ),
    explains=("smtp-listener-missing", "nothing-submitted", "queue-congested", "retry-pending", "app-smtp-unreachable"),
    links=(
        "https://www.exim.org/exim-html-current/doc/html/spec_html/ch-the_exim_command_line.html",
        "https://manpages.debian.org/stable/nullmailer/nullmailer-send.8.en.html",
    ),
)

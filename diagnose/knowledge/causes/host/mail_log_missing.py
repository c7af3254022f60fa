from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mail-log-missing",
    title="No mail log is kept",
    impact=Impact.LATENT,
    explanation=(
        "Postfix writes to the system log. Without a syslog service, a journal or maillog_file there is no "
        "record of what became of a message."
    ),
    remedy="Let Postfix write its own log file (3.4 and later), or install a syslog service.",
    rules_out="A file or the journal contains log lines from Postfix.",
    signs=(
        sign("host.mail-log", "proves"),
        sign("host.mail-log", "fits", "warning"),
    ),
    links=("https://www.postfix.org/MAILLOG_README.html",),
)

from diagnose.model import Cause, Impact, Remedy

CAUSE = Cause(
    id="mailer-config-error",
    title="The mailer on this host rejects its own configuration",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Exim, sendmail, OpenSMTPD or another mailer does not start, or does not deliver: an unknown keyword, a "
        "file that is missing or belongs to the wrong user, an address in use. Mail submitted to it waits."
    ),
    remedy=Remedy(
        text="Correct the line that the mailer names and let it check its own configuration before it is restarted.",
    ),
    rules_out="The mailer's own check of its configuration passes and its daemon runs.",
    signs=(),
    explains=("nothing-submitted", "smtp-listener-missing"),
    links=(
        "https://www.exim.org/exim-html-current/doc/html/spec_html/ch-the_exim_command_line.html",
        "https://man.openbsd.org/smtpd.8",
    ),
)

from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="wrong-mta",
    title="A mailer other than Postfix handles this host's mail",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The sendmail command or port 25 belongs to {mailer|another mailer}. Programs submit their mail to it, so "
        "nothing appears in Postfix's queue or log."
    ),
    remedy="Remove {mailer}, or make Postfix provide the sendmail command again, and restart Postfix.",
    rules_out="/usr/sbin/sendmail is Postfix's own, and port 25 belongs to its master.",
    flow=0,
    signs=(
        sign("postfix.sendmail-command", "proves"),
        sign("postfix.port-25-owner", "strong"),
        # Postfix cannot listen there; that the sendmail command is Postfix's does not change that.
        sign("postfix.port-25-owner", "proves", wanted=True),
        # Postfix is not there at all: the other mailer may be quite right.
        sign("postfix.sendmail-command", "fits", "warning"),
        sign("postfix.sendmail-command", "doubts", "ok"),
    ),
    explains=("nothing-submitted", "postfix-not-running", "smtp-listener-missing"),
    links=("https://www.postfix.org/sendmail.1.html",),
)

from diagnose.model import DOUBTS, FITS, PROVES, STRONG, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="wrong-mta",
    title="A mailer other than Postfix handles this host's mail",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The sendmail command or port 25 belongs to {mailer|another mailer}. Programs submit their mail to it, so "
        "nothing appears in Postfix's queue or log."
    ),
    remedy=Remedy(
        text="Remove {mailer}, or make Postfix provide the sendmail command again, and restart Postfix.",
    ),
    rules_out="/usr/sbin/sendmail is Postfix's own, and port 25 belongs to its master.",
    flow=0,
    signs=(
        Sign("postfix.sendmail-command", PROVES),
        Sign("postfix.port-25-owner", STRONG),
        # Postfix's own listener cannot be; that its sendmail command is still Postfix's takes nothing from it.
        Sign("postfix.port-25-owner", PROVES, where=(("wanted", True),)),
        # Postfix is not there at all: the other mailer may be quite right.
        Sign("postfix.sendmail-command", FITS, Status.WARNING),
        Sign("postfix.sendmail-command", DOUBTS, Status.OK),
    ),
    explains=("nothing-submitted", "postfix-not-running", "smtp-listener-missing"),
    links=("https://www.postfix.org/sendmail.1.html",),
)

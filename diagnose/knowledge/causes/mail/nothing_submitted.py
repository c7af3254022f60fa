from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="nothing-submitted",
    title="The application did not submit the mail to Postfix",
    impact=Impact.NONE,
    station="application",
    explanation=(
        "If neither the log nor the queue has a trace of the mail, the fault lies before the mail server: the "
        "application's mail is switched off, goes to another server, or failed before it was sent."
    ),
    remedy=(
        "Check the application's own log at the time of the missing mail, and the server, port and sender in its "
        "settings "
        "(mail-diagnose run --app-config FILE). To test this host: mail-diagnose send YOUR@ADDRESS."
    ),
    rules_out="Any line of the mail log that names the recipient.",
    signs=(
        # The very recipient asked for has no line at all in a log that covers the day.
        sign("log.recipient", "speaks", kind="none"),
        sign("log.submissions", "fits"),
        sign("queue.waiting", "doubts"),
        sign("postfix.master", "doubts"),
        # Postfix would have refused what the application hands in.
        sign("config.submit-users", "doubts", "warning", idle=True),
    ),
    links=("https://www.postfix.org/DEBUG_README.html",),
)

from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mailer-panic-logged",
    title="Exim's panic log is not empty",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Exim logs serious problems there: a file that it cannot open, a setting that does not expand, a full "
        "disk. Only an administrator empties that log, and Debian's cron job warns about it every day."
    ),
    remedy="Fix what the last line reports ({said}), then empty the panic log.",
    rules_out="An empty panic log, or one whose last line is older than a day.",
    signs=(
        sign("mailer.panic", "strong"),
        sign("mailer.panic", "fits", "warning"),
        sign("mailer.panic", "refutes", "ok"),
    ),
    links=("https://www.exim.org/exim-html-current/doc/html/spec_html/ch-log_files.html",),
)

from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="postfix-not-running",
    title="Postfix is not running",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The sendmail command still reports success: its mail waits in the maildrop directory until Postfix is "
        "started. Programs that use SMTP get 'connection refused'."
    ),
    remedy=(
        "Start Postfix and read what it logs; waiting mail is then sent. On Debian up to 12 and Ubuntu up to "
        "24.04 the unit postfix.service always says 'active (exited)': see postfix@-.service instead."
    ),
    rules_out="A process holds the lock on pid/master.pid below the queue directory.",
    flow=0,
    signs=(
        sign("queue.maildrop", "hints"),
        # Nobody holds the lock; or, without the right to ask for it, no such process shows.
        sign("postfix.master", "proves", kind=("down", "zombie", "dead", "stopped", "tracing-stop")),
        sign("postfix.master", "strong"),
        sign("listener.expected", "hints"),
        sign("postfix.master", "refutes", "ok"),
    ),
    explains=(
        "smtp-listener-missing",
        "nothing-submitted",
        "queue-congested",
        "retry-pending",
        "app-smtp-unreachable",
        "config-not-reloaded",
        "backend-down",
        # The start script fills the chroot.
        "chroot-resolver-stale",
    ),
    links=("https://www.postfix.org/postfix.1.html",),
)

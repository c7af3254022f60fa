from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="resource-limits",
    title="Postfix runs into a limit on memory, processes or files",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation="Its daemons cannot start, fail while they work, or are killed by the kernel. Mail then waits, or is refused with a temporary error.",
    remedy="Raise the limit that is hit, or give the host more memory, and restart Postfix.",
    rules_out="No 'fork:', 'Too many open files' or 'killed by signal 9' in the log, and no OOM kill.",
    signs=(
        sign("host.limits", "settles"),
        sign("host.limits", "hints", "warning"),
    ),
    # Without files left a daemon cannot even read the list of users.
    explains=(
        "postfix-not-running",
        "queue-congested",
        "postfix-config-error",
        "no-internet",
        "local-firewall-blocks-smtp",
        "interface-not-ready",
        "smtp-listener-broken",
    ),
    links=(
        "https://www.postfix.org/postconf.5.html#default_process_limit",
        "https://www.postfix.org/TUNING_README.html",
    ),
)

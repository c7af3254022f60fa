from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="queue-permissions",
    title="Ownership or permissions of Postfix's queue or commands are wrong",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Mail can then neither enter nor leave the queue. It happens after chown -R or chmod -R, a restored "
        "backup, a changed UID, or on a read-only file system. The sendmail command hangs and tries again "
        "every ten seconds."
    ),
    remedy=(
        "Have Postfix restore its owners and modes (listed in postfix-files); for a missing command or "
        "directory, reinstall the package. Directories above the queue must be searchable by everybody (mode o+x)."
    ),
    rules_out="Owners and modes match postfix-files, and postdrop's file system is not mounted nosuid.",
    flow=0,
    signs=(
        sign("queue.maildrop", "hints"),
        sign("host.queue-permissions", "proves"),
        sign("host.setgid", "proves"),
        sign("disk.read-only", "proves"),
        # Everything is as it should be: then what denies is another thing (a sandbox, SELinux).
        sign("host.queue-permissions", "doubts", "ok"),
        sign("host.sandbox", "against"),
    ),
    explains=(
        "nothing-submitted",
        "postfix-not-running",
        "mailer-not-running",
        "submission-sandboxed",
        "queue-congested",
    ),
    links=("https://www.postfix.org/set-permissions.1.html", "https://www.postfix.org/postdrop.1.html"),
)

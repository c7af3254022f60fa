from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="queue-permissions",
    title="Owner, mode or setgid bit of the queue or of Postfix' commands is wrong",
    impact=Impact.OUTAGE,
    explanation=(
        "{path} does not have the owner or mode that Postfix needs, so mail cannot be put into the queue or taken out of "
        "it. It happens after chown -R or chmod -R, a restored backup, a changed user id, or with a read-only file system. "
        "The sendmail command then hangs, trying again every ten seconds."
    ),
    remedy=Remedy(
        text="Let Postfix set its own owners and modes, which it knows from postfix-files.",
        commands=("postfix set-permissions", "ls -ld {path}", "postfix stop; postfix start", "postqueue -f"),
    ),
    rules_out="Owners and modes as postfix-files lists them; no nosuid on the file system of postdrop.",
    signs=(
        Sign("queue.maildrop", 4),
        Sign("host.queue-permissions", 22),
        Sign("host.setgid", 24),
        Sign("disk.read-only", 22),
        Sign("mail.queue-permissions", 18),
        Sign("mail.postdrop-permission-denied", 8),
        # Everything is as it should be: then what denies is another thing (a sandbox, SELinux).
        Sign("host.queue-permissions", -3, Status.OK),
        Sign("host.sandbox", -12),
    ),
    explains=("nothing-submitted", "postfix-not-running", "submission-sandboxed", "queue-congested"),
    links=("https://www.postfix.org/set-permissions.1.html", "https://www.postfix.org/postdrop.1.html"),
)

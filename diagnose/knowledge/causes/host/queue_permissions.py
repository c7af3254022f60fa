from diagnose.model import AGAINST, DOUBTS, HINTS, PROVES, Cause, Impact, Remedy, Sign, Status

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
    ),
    rules_out="Owners and modes as postfix-files lists them; no nosuid on the file system of postdrop.",
    flow=0,
    signs=(
        Sign("queue.maildrop", HINTS),
        Sign("host.queue-permissions", PROVES),
        Sign("host.setgid", PROVES),
        Sign("disk.read-only", PROVES),
        # Everything is as it should be: then what denies is another thing (a sandbox, SELinux).
        Sign("host.queue-permissions", DOUBTS, Status.OK),
        Sign("host.sandbox", AGAINST),
    ),
    explains=("nothing-submitted", "postfix-not-running", "submission-sandboxed", "queue-congested"),
    links=("https://www.postfix.org/set-permissions.1.html", "https://www.postfix.org/postdrop.1.html"),
)

from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="disk-full",
    title="The disk is too full for mail",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix refuses mail over SMTP (452 4.3.1) when less than 1.5 times message_size_limit, or "
        "queue_minfree, is free in the file system of the queue or of its log. Without free inodes the sendmail "
        "command hangs."
    ),
    remedy="Free space below {path|the full file system's mount point}: logs, caches and container layers first.",
    rules_out="df and df -i show room below the queue directory, and more than queue_minfree.",
    flow=0,
    signs=(
        sign("disk.space", "proves"),
        # Not the queue's own file system: Postfix may fail to write its log or its tables.
        sign("disk.space", "speaks", "warning", kind="full"),
        # There is room as a rule where inodes run out.
        sign("disk.inodes", "settles"),
        sign("disk.log", "settles"),
        sign("disk.space", "against", "ok"),
    ),
    explains=(
        "nothing-submitted",
        "queue-permissions",
        "submission-rejected",
        "submission-sandboxed",
        "postfix-not-running",
        "smtp-listener-missing",
        "chroot-resolver-stale",
        "postfix-config-error",
    ),
    links=("https://www.postfix.org/postconf.5.html#queue_minfree",),
)

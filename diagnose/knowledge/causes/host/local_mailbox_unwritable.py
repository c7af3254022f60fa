from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="local-mailbox-unwritable",
    title="A mailbox on this host is not writable",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Local delivery fails at the mailbox file or directory: it belongs to another user, its mode or a "
        "read-only mount forbids writing, or its directory is missing. Mail to other servers is not affected."
    ),
    remedy=(
        "Give the mailbox the right owner: for a file in /var/mail the user and the group mail, mode 0660; "
        "for a Maildir the user alone. Mail for a system account is better forwarded with an alias in "
        "/etc/aliases."
    ),
    rules_out="The mailbox belongs to the user named in the log, and that user can append to it.",
    signs=(),
    links=("https://www.postfix.org/local.8.html", "https://www.postfix.org/postconf.5.html#strict_mailbox_ownership"),
)

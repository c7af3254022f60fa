from diagnose.model import Cause, Impact, Remedy

CAUSE = Cause(
    id="local-mailbox-unwritable",
    title="A mailbox on this host is not writable",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Local delivery fails at the mailbox file or directory: it belongs to another user, its mode or a "
        "read-only mount forbids writing, or its directory is missing. Mail to other servers is not affected."
    ),
    remedy=Remedy(
        text="Make the mailbox belong to its user: a file below /var/mail to the user and group mail, mode 0660; a "
        "Maildir to the user alone. Mail for a system account is better forwarded: an alias in /etc/aliases.",
    ),
    rules_out="The mailbox belongs to the user whom the log names, and that user can append to it.",
    signs=(),
    links=("https://www.postfix.org/local.8.html", "https://www.postfix.org/postconf.5.html#strict_mailbox_ownership"),
)

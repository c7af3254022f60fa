from diagnose.model import FITS, HINTS, REFUTES, STRONG, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="config-not-reloaded",
    title="The settings were changed, and Postfix still runs on the old ones",
    impact=Impact.OUTAGE,
    explanation=(
        "main.cf or master.cf is newer than the daemons that run. They read their settings when they start; the queue "
        "manager and the address resolver keep the old ones until Postfix is reloaded."
    ),
    remedy=Remedy(
        text="Reload Postfix and try the waiting mail again; after a change of inet_interfaces or inet_protocols, or an upgrade of Postfix, restart it.",
    ),
    rules_out="A start or 'reload --' line of the master in the log after the file's last change.",
    signs=(
        # Somebody editing while they look for another fault leaves the same trace: not decisive alone.
        Sign("config.reloaded", FITS),
        Sign("config.behaviour", STRONG),
        Sign("mail.flow", HINTS),
        Sign("config.reloaded", REFUTES, Status.OK),
    ),
    explains=(
        "egress-port-25-blocked",
        "relay-unreachable",
        "relay-name-not-found",
        "recipient-domain-local",
        "remote-server-unreachable",
    ),
    links=("https://www.postfix.org/postfix.1.html",),
)

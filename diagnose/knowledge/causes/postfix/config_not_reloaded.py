from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="config-not-reloaded",
    title="The settings were changed, but Postfix was not reloaded",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix's daemons read main.cf and master.cf when they start; the queue manager and the address "
        "resolver keep the old settings until Postfix is reloaded."
    ),
    remedy="Reload Postfix and try the waiting mail again; after a change of inet_interfaces or inet_protocols, or an upgrade of Postfix, restart it.",
    rules_out="A start or 'reload --' line of the master in the log after the file's last change.",
    signs=(
        # Somebody editing while they look for another fault leaves the same trace: not decisive alone.
        sign("config.reloaded", "fits"),
        sign("config.behaviour", "strong"),
        sign("mail.flow", "hints"),
        sign("config.reloaded", "refutes", "ok"),
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

from diagnose.knowledge.causes.network import REFUSALS
from diagnose.model import AGAINST, UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="remote-server-unreachable",
    title="The recipient's mail servers do not answer",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Postfix keeps the message and tries again for five days (maximal_queue_lifetime). The fault is on the "
        "recipient's side, or in between."
    ),
    remedy=(
        "Nothing needs to change here. Tell the recipient's postmaster by some other channel (phone, "
        "another address) the time and the address that was tried ({address}). If the message is urgent, "
        "send it to another address. Once it is repaired, the queue empties by itself."
    ),
    rules_out="Other operators' servers do not answer either, so it is this network.",
    prior=UNUSUAL,
    links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
    flow=AGAINST,
    otherwise="Only the recipient's postmaster can fix it.",
    signs=(
        # The refusal comes from the server itself, as far away as its other ports.
        sign("path.dies", "fits", "ok"),
        sign("destination.reachable", "proves", outcome=REFUSALS),
        sign("destination.elsewhere", "proves", route="direct"),
        # Some servers make strangers wait longer than this tool does; Postfix waits for five minutes.
        sign("destination.reachable", "speaks", outcome=("silent", "broken")),
        sign("destination.reachable", "refutes", "ok"),
        sign("destination.reachable", "refutes", "warning"),
        sign("egress.mail-port", "refutes"),
        sign("egress.internet", "refutes"),
        sign("firewall.route", "refutes"),
        sign("firewall.smtp", "refutes", by_user=False),
        sign("mail.flow", "against", "warning"),
        # Without the log it may be one dead domain among many, unless the user named it.
        sign("mail.flow", "against", "unknown", asked=False),
    ),
)

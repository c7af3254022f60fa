from diagnose.knowledge.causes.network import REFUSALS
from diagnose.model import AGAINST, FITS, OK, PROVES, REFUTES, SPEAKS, UNKNOWN, UNUSUAL, WARNING, Cause, Impact, sign

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
        sign("path.dies", FITS, OK),
        sign("destination.reachable", PROVES, outcome=REFUSALS),
        sign("destination.elsewhere", PROVES, route="direct"),
        # Some servers make strangers wait longer than this tool does; Postfix waits for five minutes.
        sign("destination.reachable", SPEAKS, outcome=("silent", "broken")),
        sign("destination.reachable", REFUTES, OK),
        sign("destination.reachable", REFUTES, WARNING),
        sign("egress.mail-port", REFUTES),
        sign("egress.internet", REFUTES),
        sign("firewall.route", REFUTES),
        sign("firewall.smtp", REFUTES, by_user=False),
        sign("mail.flow", AGAINST, WARNING),
        # Without the log it may be one dead domain among many, unless the user named it.
        sign("mail.flow", AGAINST, UNKNOWN, asked=False),
    ),
)

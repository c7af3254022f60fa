from diagnose.knowledge.causes.network import REFUSALS
from diagnose.model import AGAINST, FITS, PROVES, REFUTES, SPEAKS, UNUSUAL, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="remote-server-unreachable",
    title="The recipient's mail servers do not answer",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Postfix keeps the message and tries again for five days (maximal_queue_lifetime). The fault is on the "
        "recipient's side, or in between."
    ),
    remedy=Remedy(
        text="Nothing needs to change here. Tell the recipient's postmaster by some other channel (phone, "
        "another address) the time and the address that was tried ({address}). If the message is urgent, "
        "send it to another address. Once it is repaired, the queue empties by itself.",
    ),
    rules_out="Other operators' servers do not answer either, so it is this network.",
    prior=UNUSUAL,
    links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
    flow=AGAINST,
    otherwise="Only the recipient's postmaster can fix it.",
    signs=(
        # The refusal comes from the server itself, as far away as its other ports.
        Sign("path.dies", FITS, Status.OK),
        Sign("destination.reachable", PROVES, where=(("outcome", REFUSALS),)),
        # Some servers make strangers wait longer than this tool does; Postfix waits for five minutes.
        Sign("destination.reachable", SPEAKS, where=(("outcome", ("silent", "broken")),)),
        Sign("destination.reachable", REFUTES, status=Status.OK),
        Sign("destination.reachable", REFUTES, status=Status.WARNING),
        Sign("egress.mail-port", REFUTES),
        Sign("egress.internet", REFUTES),
        Sign("firewall.route", REFUTES),
        Sign("firewall.smtp", REFUTES, where=(("by_user", False),)),
        Sign("mail.flow", AGAINST, status=Status.WARNING),
        # Without the log nobody knows whether it is one dead domain among many, unless it is the one that mail is missed at.
        Sign("mail.flow", AGAINST, status=Status.UNKNOWN, where=(("asked", False),)),
    ),
)

from diagnose.knowledge.causes.network import REFUSALS
from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="remote-server-unreachable",
    title="This recipient's mail servers do not answer",
    impact=Impact.PARTIAL,
    explanation=(
        "None of the recipient's mail exchangers answers from here, while those of other operators do on the same "
        "port. Postfix keeps the message and tries again for five days (maximal_queue_lifetime). The fault is on "
        "the recipient's side, or between the two."
    ),
    remedy=Remedy(
        text=(
            "Nothing needs to change here. Tell the recipient's postmaster by another way (telephone, another "
            "address), with the time and the address {address} that was tried. Where the message is urgent, send it to another "
            "address. After the repair the queue empties by itself, or at once with:"
        ),
        commands=("postqueue -s {domain}",),
    ),
    rules_out="Other operators' servers do not answer either: then it is this network.",
    prior=-2,
    links=("https://www.postfix.org/postconf.5.html#maximal_queue_lifetime",),
    signs=(
        # The refusal comes from the server itself, as far away as its other ports.
        Sign("path.dies", 8, Status.OK),
        Sign("mail.remote-server-unreachable", 10),
        Sign("mail.connect-reset", 4, where=(("route", "direct"),)),
        Sign("mail.session-timeout", 5, where=(("route", "direct"),)),
        Sign("destination.reachable", 19, where=(("outcome", REFUSALS),)),
        # Some servers make strangers wait longer than this tool does; Postfix waits for five minutes.
        Sign("destination.reachable", 9, where=(("outcome", "silent"),)),
        Sign("mail.connect-timeout", 4, where=(("route", "direct"),)),
        Sign("mail.connect-refused", 4, where=(("route", "direct"),)),
        Sign("mail.connect-no-route", 4, where=(("route", "direct"),)),
        Sign("mail.greeting-timeout", 13, where=(("route", "direct"),)),
        Sign("mail.greeting-lost", 5, where=(("route", "direct"),)),
        Sign("destination.reachable", -25, status=Status.OK),
        Sign("egress.mail-port", -25),
        Sign("egress.internet", -25),
        # One dead domain among many that take mail is the world as it is.
        Sign("mail.flow", -14, status=Status.OK),
        Sign("mail.flow", -14, status=Status.WARNING),
        # Without the log nobody knows whether it is one dead domain among many.
        Sign("mail.flow", -12, status=Status.UNKNOWN),
    ),
)

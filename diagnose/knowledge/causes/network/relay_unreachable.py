from diagnose.knowledge.causes.network import MUTE
from diagnose.model import DOUBTS, HINTS, PROVES, REFUTES, SPEAKS, UNUSUAL, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="relay-unreachable",
    title="The relay does not answer on its port",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The relay that Postfix is set to use refuses the connection or does not answer: its service is down, "
        "its address or port has changed, or it does not admit this host's address."
    ),
    remedy=Remedy(
        text="Compare host and port with the provider's documentation and status page; if the relay is in your "
        "own network, check that it is running and that its firewall admits this host.",
    ),
    rules_out="The relay greets; or no other server answers on that port either, so the network blocks it.",
    prior=UNUSUAL,
    relay=True,
    links=("https://www.postfix.org/postconf.5.html#relayhost",),
    signs=(
        Sign("path.dies", DOUBTS, where=(("said_by", ("neighbour", "router")),)),
        # The packets end near here, while those to its other ports go all the way: the relay never saw them.
        Sign("path.dies", DOUBTS, where=(("where", ("host", "gateway", "isp")),)),
        Sign("relay.reachable", PROVES, where=(("outcome", ("refused", *MUTE)),)),
        Sign("relay.reachable", PROVES, where=(("others", ("open", "own")),)),
        # What does not arrive may as well end in the network, where no other server on that port was reached.
        Sign("relay.reachable", SPEAKS),
        Sign("egress.mail-port", HINTS, status=Status.OK),
        # Whether others answer on its port could not be seen: it may be the port.
        Sign("egress.mail-port", DOUBTS, status=Status.UNKNOWN),
        Sign("relay.reachable", REFUTES, status=Status.OK),
        Sign("relay.reachable", REFUTES, where=(("outcome", "local"),)),
        Sign("egress.mail-port", REFUTES),
        Sign("egress.internet", REFUTES),
        Sign("firewall.smtp", REFUTES),
        Sign("firewall.route", REFUTES),
    ),
)

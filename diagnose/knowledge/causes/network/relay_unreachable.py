from diagnose.knowledge.causes.network import MUTE
from diagnose.model import DOUBTS, HINTS, OK, PROVES, REFUTES, SPEAKS, UNKNOWN, UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="relay-unreachable",
    title="The relay does not answer on its port",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The relay that Postfix is set to use refuses the connection or does not answer: its service is down, "
        "its address or port has changed, or it does not admit this host's address."
    ),
    remedy=(
        "Compare host and port with the provider's documentation and status page; if the relay is in your "
        "own network, check that it is running and that its firewall admits this host."
    ),
    rules_out="The relay greets; or no other server answers on that port either, so the network blocks it.",
    prior=UNUSUAL,
    relay=True,
    links=("https://www.postfix.org/postconf.5.html#relayhost",),
    signs=(
        sign("path.dies", DOUBTS, said_by=("neighbour", "router")),
        # The packets end near here, while those to its other ports go all the way: the relay never saw them.
        sign("path.dies", DOUBTS, where=("host", "gateway", "isp")),
        sign("relay.reachable", PROVES, outcome=("refused", *MUTE)),
        sign("relay.reachable", PROVES, others=("open", "own")),
        sign("destination.elsewhere", PROVES, route="relay"),
        # The packets may as well be dropped in the network if no other server on that port was reached.
        sign("relay.reachable", SPEAKS),
        sign("egress.mail-port", HINTS, OK),
        # Whether others answer on its port could not be seen: it may be the port.
        sign("egress.mail-port", DOUBTS, UNKNOWN),
        sign("relay.reachable", REFUTES, OK),
        sign("relay.reachable", REFUTES, outcome="local"),
        sign("egress.mail-port", REFUTES),
        sign("egress.internet", REFUTES),
        sign("firewall.smtp", REFUTES),
        sign("firewall.route", REFUTES),
    ),
)

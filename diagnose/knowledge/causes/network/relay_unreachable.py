from diagnose.knowledge.causes.network import MUTE
from diagnose.model import UNUSUAL, Cause, Impact, sign

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
        sign("path.dies", "doubts", said_by=("neighbour", "router")),
        # The packets end near here, while those to its other ports go all the way: the relay never saw them.
        sign("path.dies", "doubts", where=("host", "gateway", "isp")),
        sign("relay.reachable", "proves", outcome=("refused", *MUTE)),
        sign("relay.reachable", "proves", others=("open", "own")),
        sign("destination.elsewhere", "proves", route="relay"),
        # The packets may as well be dropped in the network if no other server on that port was reached.
        sign("relay.reachable", "speaks"),
        sign("egress.mail-port", "hints", "ok"),
        # Whether others answer on its port could not be seen: it may be the port.
        sign("egress.mail-port", "doubts", "unknown"),
        sign("relay.reachable", "refutes", "ok"),
        sign("relay.reachable", "refutes", outcome="local"),
        sign("egress.mail-port", "refutes"),
        sign("egress.internet", "refutes"),
        sign("firewall.smtp", "refutes"),
        sign("firewall.route", "refutes"),
    ),
)

from diagnose.knowledge.causes.network import blocked
from diagnose.model import UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="egress-submission-blocked",
    title="Outgoing port {port|587 or 465} is blocked",
    impact=Impact.OUTAGE,
    station="network",
    explanation=(
        "Some clouds and company networks block the submission ports 465 and 587 just as they block port 25. "
        "Relays offer other ports for this case."
    ),
    remedy="Use another of the relay's ports. The key in the password map changes with the port.",
    rules_out="Another operator's server answers on the same port, so it is the relay.",
    explains=("relay-unreachable", "ipv6-broken", "app-smtp-unreachable"),
    prior=UNUSUAL,
    relay=True,
    links=("https://www.postfix.org/postconf.5.html#relayhost",),
    otherwise=(
        "Ask {network_name|the network operator} to open port {port|587 or 465}; waiting mail then leaves by itself."
    ),
    signs=(
        *blocked(service="submission"),
        # The relay answers on other ports, and packets to this one alone vanish.
        sign("path.dies", "speaks", service="submission", said_by="neighbour"),
        # The application's own server fails, and unrelated servers on its port too.
        sign("app.server", "proves", port=(465, 587, 2465, 2525, 2587), others="blocked", intended=True),
        sign("relay.reachable", "hints"),
    ),
)

from diagnose.knowledge.causes.network import UPSTREAM
from diagnose.model import (
    AGAINST,
    DOUBTS,
    FITS,
    HINTS,
    PROVES,
    REFUTES,
    SPEAKS,
    STRONG,
    UNUSUAL,
    Cause,
    Impact,
    Remedy,
    Sign,
    Status,
)

CAUSE = Cause(
    id="egress-submission-blocked",
    title="Outgoing port {port|587 or 465} is blocked",
    impact=Impact.OUTAGE,
    station="network",
    explanation=(
        "Some clouds and company networks block the submission ports 465 and 587 just as they block port 25. "
        "Relays offer other ports for this case."
    ),
    remedy=Remedy(
        text="Use another of the relay's ports. The key in the password map changes with the port.",
    ),
    rules_out="Another operator's server answers on the same port, so it is the relay.",
    explains=("relay-unreachable", "ipv6-broken", "app-smtp-unreachable"),
    prior=UNUSUAL,
    relay=True,
    links=("https://www.postfix.org/postconf.5.html#relayhost",),
    otherwise=(
        "Ask {network_name|the network operator} to open port {port|587 or 465}; waiting mail then leaves by itself."
    ),
    signs=(
        Sign("egress.mail-port", STRONG, where=(("service", "submission"), ("kind", "blocked"))),
        Sign("egress.mail-port", SPEAKS, where=(("service", "submission"), ("kind", "silent"))),
        Sign("egress.mail-port", SPEAKS, where=(("service", "submission"), ("kind", "one-server"))),
        Sign("path.dies", STRONG, where=(("service", "submission"), ("said_by", "router"))),
        Sign("egress.mail-port", STRONG, where=(("service", "submission"), ("kind", "throttled"))),
        Sign("path.dies", FITS, where=(("service", "submission"), ("where", UPSTREAM))),
        Sign("path.dies", STRONG, where=(("service", "submission"), ("root_too", True))),
        # The relay answers on other ports, and packets to this one alone vanish.
        Sign("path.dies", SPEAKS, where=(("service", "submission"), ("said_by", "neighbour"))),
        Sign("path.dies", DOUBTS, status=Status.OK),
        Sign("path.dies", AGAINST, where=(("service", "submission"), ("where", "host"))),
        # The application's own way out, and unrelated servers fail on its port too.
        Sign(
            "app.server",
            PROVES,
            where=(("port", (465, 587, 2465, 2525, 2587)), ("others", "blocked"), ("intended", True)),
        ),
        Sign("relay.reachable", HINTS),
        Sign("owner.policy", HINTS, status=Status.WARNING, where=(("service", "submission"),)),
        Sign("firewall.smtp", HINTS, status=Status.OK),
        Sign("firewall.smtp", REFUTES, where=(("by_user", False),)),
        Sign("firewall.smtp", DOUBTS, where=(("by_user", True),)),
        Sign("firewall.route", REFUTES),
        Sign("firewall.redirect", REFUTES, status=Status.WARNING),
        Sign("relay.reachable", REFUTES, status=Status.OK),
        Sign("egress.internet", REFUTES),
    ),
)

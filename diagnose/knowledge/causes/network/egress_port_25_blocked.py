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
    Cause,
    Impact,
    Remedy,
    Sign,
    Status,
)

CAUSE = Cause(
    id="egress-port-25-blocked",
    title="Outgoing port 25 is blocked",
    impact=Impact.OUTAGE,
    station="network",
    explanation=(
        "Access providers and clouds block port 25 to prevent spam. Postfix delivers to the recipients' mail "
        "servers on that port only, and no Postfix setting opens it: either the network's operator opens it, or "
        "mail goes through a relay on a submission port."
    ),
    remedy=Remedy(
        text="Send through a relay, which accepts mail on another port. You need an account there.",
    ),
    rules_out="A greeting from any outside mail server on port 25, or a packet filter rule on this host that blocks it.",
    explains=("remote-server-unreachable", "ipv6-broken", "relay-unreachable", "app-smtp-unreachable"),
    relay=True,
    links=("https://www.postfix.org/SOHO_README.html", "https://www.postfix.org/postconf.5.html#relayhost"),
    otherwise="Ask {network_name|the network operator} to open outgoing port 25; waiting mail then leaves by itself.",
    signs=(
        # Several operators at once, beside working controls: only a filter does that.
        Sign("egress.mail-port", STRONG, where=(("port", 25), ("kind", "blocked"))),
        Sign("egress.mail-port", SPEAKS, where=(("port", 25), ("kind", "silent"))),
        Sign("egress.mail-port", SPEAKS, where=(("port", 25), ("kind", "one-server"))),
        Sign("path.dies", STRONG, where=(("port", 25), ("said_by", "router"))),
        Sign("egress.mail-port", STRONG, where=(("port", 25), ("kind", "throttled"))),
        # A router's own word that the packets left this host.
        Sign("path.dies", FITS, where=(("port", 25), ("where", UPSTREAM))),
        # Postfix's user is held back on this host, and root's packets die in the network all the same.
        Sign("path.dies", STRONG, where=(("port", 25), ("root_too", True))),
        Sign("path.dies", DOUBTS, status=Status.OK),
        Sign("path.dies", AGAINST, where=(("port", 25), ("where", "host"))),
        # The application's own way out, and unrelated servers fail on its port too.
        Sign("app.server", PROVES, where=(("port", 25), ("others", "blocked"), ("intended", True))),
        # The application sends by another port: Postfix's own port matters only if its mail fails.
        Sign("app.route", REFUTES, Status.OK, where=(("direct", True), ("port", (465, 587, 2465, 2525, 2587)))),
        Sign("owner.policy", HINTS, status=Status.WARNING, where=(("port", 25),)),
        Sign("firewall.smtp", HINTS, status=Status.OK),
        # A rule about users does not stop this tool's packets: where those end farther away, both block.
        Sign("firewall.smtp", REFUTES, where=(("by_user", False),)),
        Sign("firewall.smtp", DOUBTS, where=(("by_user", True),)),
        Sign("firewall.route", REFUTES),
        Sign("firewall.redirect", REFUTES, status=Status.WARNING),
        # Rules that cannot be read may hold back this very user and not Postfix.
        Sign("firewall.smtp", DOUBTS, status=Status.UNKNOWN),
        # Other operators' servers answer on it.
        Sign("egress.mail-port", AGAINST, status=Status.OK, where=(("port", 25),)),
        Sign("relay.reachable", REFUTES, status=Status.OK),
        Sign("destination.reachable", AGAINST, status=Status.OK),
        Sign("egress.internet", REFUTES),
        Sign("egress.intercepted", REFUTES),
    ),
)

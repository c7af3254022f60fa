from diagnose.knowledge.causes.network import UPSTREAM
from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="egress-port-25-blocked",
    title="The network does not let TCP port 25 out",
    impact=Impact.OUTAGE,
    explanation=(
        "Mail servers of unrelated operators cannot be reached on port 25 from here, while other ports connect, and "
        "nothing on this host holds the packets back. Access providers and clouds close port 25 to keep spam in; "
        "Postfix delivers to recipients' servers on that port only. No setting of Postfix opens it: either the "
        "operator of the network does, or the mail takes a relay on a submission port."
    ),
    remedy=Remedy(
        text=(
            "Send through a relay on a port that is open from here (a ready configuration follows), or ask the "
            "operator of this network to open outgoing TCP 25. Once either is done, have Postfix try again at once:"
        ),
        commands=("postqueue -f",),
    ),
    rules_out="A greeting from any foreign mail server on port 25, or a packet filter rule of this host against it.",
    explains=("remote-server-unreachable", "ipv6-broken", "relay-unreachable", "app-smtp-unreachable"),
    prior=-2,
    relay=True,
    links=("https://www.postfix.org/SOHO_README.html", "https://www.postfix.org/postconf.5.html#relayhost"),
    signs=(
        # Several operators at once, beside working controls: only a filter does that.
        Sign("egress.mail-port", 17, where=(("port", 25), ("kind", "blocked"))),
        Sign("egress.mail-port", 12, where=(("port", 25), ("kind", "silent"))),
        Sign("egress.mail-port", 12, where=(("port", 25), ("kind", "one-server"))),
        Sign("path.dies", 14, where=(("port", 25), ("said_by", "router"))),
        Sign("egress.mail-port", 16, where=(("port", 25), ("kind", "throttled"))),
        # A router's own word that the packets left this host.
        Sign("path.dies", 7, where=(("port", 25), ("where", UPSTREAM))),
        Sign("path.dies", -8, status=Status.OK),
        Sign("path.dies", -5, where=(("port", 25), ("where", "host"))),
        # The application's own way out, and unrelated servers fail on its port too.
        Sign("app.server", 22, where=(("port", 25), ("others", "blocked"), ("intended", True))),
        # The application sends by another port: Postfix' own port matters only if its mail fails.
        Sign("app.route", -18, Status.OK, where=(("direct", True), ("port", (465, 587, 2465, 2525, 2587)))),
        # Unrelated recipients' servers fail alike, and nothing was delivered.
        Sign("mail.connect-timeout", 5, where=(("port", 25),)),
        Sign("mail.connect-timeout", 10, where=(("port", 25), ("several", True))),
        Sign("mail.connect-refused", 3, where=(("port", 25),)),
        Sign("mail.connect-refused", 9, where=(("port", 25), ("several", True))),
        Sign("mail.connect-no-route", 3, where=(("port", 25),)),
        Sign("mail.connect-no-route", 10, where=(("port", 25), ("several", True))),
        Sign("mail.connect-network-unreachable", 1, where=(("port", 25),)),
        Sign("owner.policy", 4, status=Status.WARNING, where=(("port", 25),)),
        Sign("firewall.smtp", 3, status=Status.OK),
        # A rule about users does not stop this tool's packets: where those end farther away, both block.
        Sign("firewall.smtp", -25, where=(("by_user", False),)),
        Sign("firewall.smtp", -4, where=(("by_user", True),)),
        Sign("firewall.route", -25),
        Sign("firewall.redirect", -20, status=Status.WARNING),
        Sign("mail.flow", -25, status=Status.OK),
        # Rules that cannot be read may hold back this very user and not Postfix.
        Sign("firewall.smtp", -6, status=Status.UNKNOWN),
        # Other operators' servers answer on it.
        Sign("egress.mail-port", -10, status=Status.OK, where=(("port", 25),)),
        Sign("relay.reachable", -20, status=Status.OK),
        Sign("destination.reachable", -12, status=Status.OK),
        Sign("egress.internet", -30),
        Sign("egress.intercepted", -20),
    ),
)

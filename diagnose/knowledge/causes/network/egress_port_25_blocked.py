from diagnose.knowledge.causes.network import UPSTREAM
from diagnose.model import Cause, Impact, sign

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
    remedy="Send through a relay, which accepts mail on another port. You need an account there.",
    rules_out="A greeting from any outside mail server on port 25, or a packet filter rule on this host that blocks it.",
    explains=("remote-server-unreachable", "ipv6-broken", "relay-unreachable", "app-smtp-unreachable"),
    relay=True,
    links=("https://www.postfix.org/SOHO_README.html", "https://www.postfix.org/postconf.5.html#relayhost"),
    otherwise="Ask {network_name|the network operator} to open outgoing port 25; waiting mail then leaves by itself.",
    signs=(
        # Several operators at once, beside working controls: only a filter does that.
        sign("egress.mail-port", "strong", port=25, kind="blocked"),
        sign("egress.mail-port", "speaks", port=25, kind="silent"),
        sign("egress.mail-port", "speaks", port=25, kind="one-server"),
        sign("path.dies", "strong", port=25, said_by="router"),
        sign("egress.mail-port", "strong", port=25, kind="throttled"),
        # A router's own word that the packets left this host.
        sign("path.dies", "fits", port=25, where=UPSTREAM),
        # Postfix's user is held back on this host, and root's packets die in the network all the same.
        sign("path.dies", "strong", port=25, root_too=True),
        sign("path.dies", "doubts", "ok"),
        sign("path.dies", "against", port=25, where="host"),
        # The application's own server fails, and unrelated servers on its port too.
        sign("app.server", "proves", port=25, others="blocked", intended=True),
        # The application sends by another port: Postfix's own port matters only if its mail fails.
        sign("app.route", "refutes", "ok", direct=True, port=(465, 587, 2465, 2525, 2587)),
        sign("owner.policy", "hints", "warning", port=25),
        sign("firewall.smtp", "hints", "ok"),
        # A rule about users does not stop this tool's packets: where those end farther away, both block.
        sign("firewall.smtp", "refutes", by_user=False),
        sign("firewall.smtp", "doubts", by_user=True),
        sign("firewall.route", "refutes"),
        sign("firewall.redirect", "refutes", "warning"),
        # Rules that cannot be read may stop this user and not Postfix.
        sign("firewall.smtp", "doubts", "unknown"),
        # Other operators' servers answer on it.
        sign("egress.mail-port", "against", "ok", port=25),
        sign("relay.reachable", "refutes", "ok"),
        sign("destination.reachable", "against", "ok"),
        sign("egress.internet", "refutes"),
        sign("egress.intercepted", "refutes"),
    ),
)

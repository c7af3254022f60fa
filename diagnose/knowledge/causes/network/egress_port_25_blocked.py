from diagnose.knowledge.causes.network import UPSTREAM, blocked
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
        *blocked(port=25),
        # Routers beyond this host saw the packets, and none that came in was discarded.
        sign("path.dies", "proves", port=25, where=UPSTREAM, passed=True),
        # The application's own server fails, and unrelated servers on its port too.
        sign("app.server", "proves", port=25, others="blocked", intended=True),
        # The application sends by another port: Postfix's own port matters only if its mail fails.
        sign("app.route", "refutes", "ok", direct=True, port=(465, 587, 2465, 2525, 2587)),
        # Rules that cannot be read may stop this user and not Postfix.
        sign("firewall.smtp", "doubts", "unknown"),
        # Other operators' servers answer on it.
        sign("egress.mail-port", "against", "ok", port=25),
        sign("destination.reachable", "against", "ok"),
        sign("egress.intercepted", "refutes"),
    ),
)

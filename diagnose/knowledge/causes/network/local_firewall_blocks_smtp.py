from diagnose.knowledge.causes.network import UPSTREAM
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="local-firewall-blocks-smtp",
    title="This host's own firewall or routing blocks outgoing mail",
    impact=Impact.OUTAGE,
    station="firewall",
    explanation=(
        "A packet filter rule (nftables, iptables, ufw, firewalld, csf) or a route of type prohibit, blackhole "
        "or unreachable stops Postfix's connections. A rule may apply to some users only, so that a test as root "
        "succeeds while Postfix fails."
    ),
    remedy=(
        "Allow outgoing TCP {port|25, 465 or 587} on this host. {fix}\n"
        "Rules typed by hand last until the next reload: make the change permanent where the rules are kept "
        "(/etc/nftables.conf, ufw, firewalld, csf.conf, netplan or ifupdown)."
    ),
    rules_out="Routers beyond this host answer packets to this port, so the packets do leave it.",
    explains=(
        "egress-port-25-blocked",
        "egress-submission-blocked",
        "relay-unreachable",
        "remote-server-unreachable",
        "no-internet",
        "app-smtp-unreachable",
        "access-control-denied",
    ),
    links=("https://wiki.nftables.org/wiki-nftables/index.php/Main_Page",),
    signs=(
        # The very packet that Postfix would send, judged by the rules that the kernel holds.
        sign("firewall.smtp", "proves", by_user=False),
        # A rule about users may be meant; the log decides.
        sign("firewall.smtp", "proves", by_user=True),
        sign("firewall.smtp", "hints", "warning"),
        sign("firewall.route", "settles"),
        sign("dns.as-postfix", "settles"),
        # Sent to a place on this host where nobody answers, if connections fail.
        sign("firewall.redirect", "speaks", "warning"),
        sign("firewall.route", "hints", "warning"),
        sign("egress.mail-port", "strong", kind="local"),
        sign("egress.mail-port", "hints", kind="blocked"),
        sign("relay.reachable", "fits", outcome="local"),
        # Seen with the application's own account; others may pass.
        sign("app.server", "settles", outcome="local"),
        sign("destination.reachable", "fits", outcome="local"),
        sign("path.dies", "speaks", where="host"),
        sign("path.dies", "doubts", where=UPSTREAM),
        sign("firewall.smtp", "doubts", "ok"),
        # Rules that cannot be read may stop this user alone.
        sign("firewall.smtp", "doubts", "unknown"),
        # A rule may stop ordinary users and not Postfix, and no mail waits.
        sign("queue.waiting", "against", "ok"),
        sign("egress.intercepted", "against"),
        sign("relay.reachable", "doubts", "ok"),
    ),
)

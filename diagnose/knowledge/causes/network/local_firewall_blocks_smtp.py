from diagnose.knowledge.causes.network import UPSTREAM
from diagnose.model import (
    AGAINST,
    DOUBTS,
    FITS,
    HINTS,
    PROVES,
    SETTLES,
    SPEAKS,
    STRONG,
    Cause,
    Impact,
    Remedy,
    Sign,
    Status,
)

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
    remedy=Remedy(
        text="Allow outgoing TCP {port|25, 465 or 587} on this host. {fix}\n"
        "Rules typed by hand last until the next reload: make the change permanent where the rules are kept "
        "(/etc/nftables.conf, ufw, firewalld, csf.conf, netplan or ifupdown).",
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
        Sign("firewall.smtp", PROVES, where=(("by_user", False),)),
        # A rule about users may be meant; the log decides.
        Sign("firewall.smtp", PROVES, where=(("by_user", True),)),
        Sign("firewall.smtp", HINTS, status=Status.WARNING),
        Sign("firewall.route", SETTLES),
        Sign("dns.as-postfix", SETTLES),
        # Sent to a place on this host where nobody answers, if connections fail.
        Sign("firewall.redirect", SPEAKS, status=Status.WARNING),
        Sign("firewall.route", HINTS, status=Status.WARNING),
        Sign("egress.mail-port", STRONG, where=(("kind", "local"),)),
        Sign("egress.mail-port", HINTS, where=(("kind", "blocked"),)),
        Sign("relay.reachable", FITS, where=(("outcome", "local"),)),
        Sign("destination.reachable", FITS, where=(("outcome", "local"),)),
        Sign("path.dies", FITS, where=(("where", "host"),)),
        Sign("path.dies", DOUBTS, where=(("where", UPSTREAM),)),
        Sign("firewall.smtp", DOUBTS, status=Status.OK),
        # Rules may hold for users: what an ordinary one may not do, Postfix may, and nothing waits.
        Sign("queue.waiting", AGAINST, status=Status.OK),
        Sign("egress.intercepted", AGAINST),
        Sign("relay.reachable", DOUBTS, status=Status.OK),
    ),
)

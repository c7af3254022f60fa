"""Ports that do not leave, and what blocks them."""

from diagnose.model import Scalar, Sign, sign

UPSTREAM = ("gateway", "isp", "beyond")
MUTE = ("closed", "silent", "not-smtp")  # it connects, and no mail server speaks
REFUSALS = ("timeout", "refused", "prohibited", "unreachable", "no-route", "closed")


def blocked(**which: Scalar) -> tuple[Sign, ...]:
    """The signs for and against a block of a port by the network. which: the port, by number or by its service."""
    return (
        # Several operators at once, beside working controls: only a filter does that.
        sign("egress.mail-port", "strong", kind="blocked", **which),
        sign("egress.mail-port", "speaks", kind="silent", **which),
        sign("egress.mail-port", "speaks", kind="one-server", **which),
        sign("egress.mail-port", "strong", kind="throttled", **which),
        # A router's own word that the packets left this host.
        sign("path.dies", "strong", said_by="router", **which),
        sign("path.dies", "fits", where=UPSTREAM, **which),
        # Postfix's user is held back on this host, and root's packets die in the network all the same.
        sign("path.dies", "strong", root_too=True, **which),
        sign("path.dies", "doubts", "ok"),
        sign("path.dies", "against", where="host", **which),
        sign("owner.policy", "hints", "warning", **which),
        sign("firewall.smtp", "hints", "ok"),
        # A rule about users does not stop this tool's packets: where those end farther away, both block.
        sign("firewall.smtp", "refutes", by_user=False),
        sign("firewall.smtp", "doubts", by_user=True),
        sign("firewall.route", "refutes"),
        sign("firewall.redirect", "refutes", "warning"),
        sign("relay.reachable", "refutes", "ok"),
        sign("egress.internet", "refutes"),
    )

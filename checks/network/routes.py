"""Does a route or routing rule of this host reject or misdirect the mail's packets?"""

from collections.abc import Sequence
from ipaddress import ip_address

from diagnose.check import Context, Observations, check, fail, ok, skip, unknown, warn
from diagnose.facts.network import MailPort, egress, mail_port
from diagnose.facts.packets import REFUSING, all_stopped, detour, own_tried, packets, refusals
from diagnose.model import Observation, Scalar
from diagnose.parse.system.outcomes import FAILURES
from diagnose.parse.system.packet import Packet


@check(
    id="routes",
    title="Routes of this host",
    signs=("firewall.route",),
    tags=("network",),
    timeout=9.0,
)
def check_routes(ctx: Context) -> Observations:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    made = packets(ctx, way)
    refused, gap = refusals(ctx, made)
    subject = f"route to TCP {way.port}"
    if gap:
        yield unknown("firewall.route", subject, f"routes could not be read ({gap}): one might refuse mail")
        return
    if not refused:
        astray = _astray(ctx, way, made)
        if astray is not None:
            yield astray
            return
        yield ok("firewall.route", subject, "no route or routing rule of this host refuses it", port=way.port)
        return
    first = refused[0]
    what = f"the {first.kind} {first.text}"
    what += f" covers {first.packet.destination}" if first.packet.destination else ""
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay, "kind": first.kind}
    data |= {
        "rule": first.text,
        "action": first.text.split()[0] if first.text.startswith(REFUSING) else "unreachable",
        "fix": f"To remove it until the next reload: {first.fix}",
    }
    say = fail if all_stopped(made, [one.packet for one in refused]) else warn
    yield say("firewall.route", subject, what, **data)


def _astray(ctx: Context, way: MailPort, made: Sequence[Packet]) -> Observation | None:
    """An observation if the mail's server does not answer, other hosts do, and a route other than the default leads
    to it; else None."""
    own = own_tried(ctx, way)
    failed = [t for t in own if t.outcome in FAILURES]
    if not failed or len(failed) < len(own) or not egress(ctx).connected():
        return None
    address = failed[0].address
    found = detour(ctx, failed[0], made)
    if found is None or ip_address(address).is_multicast:  # no server has such an address, whatever DNS says
        return None
    text = f"the {found.kind} {found.text} is the way to {address}, not the default route, and nothing answers there"
    if found.kind == "network":
        text = f"{found.text}, a network of this host's own, covers {address}, so that it is sought there and not by the default route"
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay, "kind": found.kind}
    data |= {
        "rule": found.text,
        "action": "detour",
        "fix": f"{'To lead past it' if found.kind == 'network' else 'To remove it'} until the next reload: {found.fix}",
    }
    # A neighbour's silence is seen by this host itself; farther away the network may cause it.
    say = fail if found.proven or failed[0].here or failed[0].wire == "kept" else warn
    return say("firewall.route", f"route to TCP {way.port}", text, **data)

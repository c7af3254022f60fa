"""Does a route or routing rule of this host refuse the mail's packets?"""

from collections.abc import Iterator

from diagnose.check import Context, check, fail, ok, skip, unknown, warn
from diagnose.facts.network import mail_port
from diagnose.facts.packets import all_stopped, packets, refusals
from diagnose.model import Observation, Scalar


@check(
    id="routes",
    title="This host's own routes",
    signs=("firewall.route",),
    tags=("network",),
    timeout=9.0,
)
def check_routes(ctx: Context) -> Iterator[Observation]:
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
        yield ok("firewall.route", subject, "no route or routing rule of this host refuses it", port=way.port)
        return
    first = refused[0]
    what = f"ip {first.kind}: {first.text}"
    what += f" covers {first.packet.destination}" if first.packet.destination else ""
    data: dict[str, Scalar] = {"port": way.port, "host": way.host, "relay": way.relay, "kind": first.kind}
    data |= {"rule": first.text, "action": first.text.split()[0], "fix": f"To take it out at once: {first.fix}"}
    say = fail if all_stopped(made, [one.packet for one in refused]) else warn
    yield say("firewall.route", subject, what, **data)

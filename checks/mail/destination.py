"""Do this recipient's mail exchangers answer?"""

import ipaddress
from collections.abc import Iterator

from diagnose import facts
from diagnose.check import FLAG, Context, SignSpec, check, fail, ok, skip, unknown
from diagnose.facts.network import Tried, egress, mail_port
from diagnose.facts.packets import DIALLED, exchangers_tried
from diagnose.model import Observation, Scalar, Stage
from diagnose.parse.system.outcomes import WORDS, Outcome

_OUTCOMES = (*(outcome.value for outcome in Outcome), "silent", "closed")


@check(
    id="destination",
    title="The recipient's mail servers",
    signs=(SignSpec("destination.reachable", {"loopback": FLAG, "outcome": _OUTCOMES}, proves=Stage.NEXT_HOP),),
    tags=("network",),
    needs=("network", "postfix"),
    probes=True,
    timeout=11.0,
)
def check_destination(ctx: Context) -> Iterator[Observation]:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    if way.relay:
        skip("mail goes to a relay, which then delivers it")
    if not way.hosts:
        skip("no recipient is known, or the exchangers' names are not (see the names)")
    route = facts.route(ctx)
    domain = route.domain if route else ""
    hosts = way.hosts[:DIALLED]
    rows = exchangers_tried(ctx, hosts, way.port)
    if not rows:
        skip(f"no address of {', '.join(hosts)} is known")
    data: dict[str, Scalar] = {"domain": domain, "host": rows[0].host, "address": rows[0].address, "port": way.port}
    said = [f"{t.host}[{t.address}] {_words(t)}" for t in rows]
    listed = "; ".join(said)
    greeted = [t for t in rows if t.reply.banner[:3].isdigit()]
    if greeted:
        itself = all(ipaddress.ip_address(t.address).is_loopback for t in greeted)
        text = f"{greeted[0].host} greets on port {way.port}"
        yield ok("destination.reachable", domain, text, loopback=itself, **data)
        return
    tried_rows = [t for t in rows if t.outcome is not Outcome.UNKNOWN]
    if not tried_rows:
        yield unknown("destination.reachable", domain, f"not known: {rows[0].reply.problem or 'no time'}", **data)
        return
    others = egress(ctx)
    if not any(t.open for t in others.on(way.port)):
        text = f"no MX host answers ({listed}), but neither does any other server on port {way.port}"
        yield unknown("destination.reachable", domain, text, **data)
        return
    worst = tried_rows[0]
    kind = worst.outcome.value
    if worst.open:
        kind = "silent" if worst.reply.error == "timed out" else "closed"
    yield fail(
        "destination.reachable",
        domain,
        f"no exchanger of {domain} answers ({listed}), while other operators' do on port {way.port}",
        outcome=kind,
        **data,
    )


def _words(attempt: Tried) -> str:
    if not attempt.open or attempt.reply.banner:
        return WORDS[attempt.outcome]
    return "connects and says nothing" if attempt.reply.error == "timed out" else "connects and hangs up"

"""Do the next hops of the other waiting mail answer?

The other checks examine the route of one message; other senders may have other relays, and other domains their own
servers. Where the log has failed connections on another route, and no delivery since, that route is dialled as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose import facts
from diagnose.check import ANY, Context, Data, Observation, Observations, SignSpec, check, fail, ok, skip, unknown
from diagnose.facts import Route
from diagnose.facts.network import egress
from diagnose.facts.packets import DIALLED, exchangers_tried
from diagnose.parse.log.current import OF_CONNECTING
from diagnose.parse.system.outcomes import WORDS, Outcome

_MOST = 2  # further routes that are dialled
_THERE = frozenset({Outcome.TIMEOUT, Outcome.REFUSED, Outcome.PROHIBITED, Outcome.UNREACHABLE})


@check(
    id="other-destinations",
    title="Other servers that mail waits for",
    signs=(SignSpec("destination.elsewhere", {"route": ("relay", "direct"), "outcome": ANY}, decisive=True),),
    tags=("network",),
    needs=("network", "mta"),
    probes=True,
    timeout=11.0,
)
def other_destinations(ctx: Context) -> Observations:
    ways = list(_others(ctx))[:_MOST]
    if not ways:
        skip("no connection failed on another way than this mail's")
    for way in ways:
        yield _dialled(ctx, way)


def _others(ctx: Context) -> Iterator[Route]:
    """The routes, by this host's settings, of other mail whose connections fail according to the log."""
    main = facts.route(ctx)
    seen = {(main.host, main.port)} if main is not None else set()
    for fact in facts.failures(ctx, ctx.target.recipient):
        if fact.label not in OF_CONNECTING or not fact.current or fact.minor or fact.alone or fact.delivery is None:
            continue
        way = facts.route(ctx, fact.delivery.recipient, fact.delivery.sender)
        if way is not None and way.remote and (way.host, way.port) not in seen:
            seen.add((way.host, way.port))
            yield way


def _dialled(ctx: Context, way: Route) -> Observation:
    hosts = facts.next_hop_hosts(ctx, way)[:DIALLED]
    rows = exchangers_tried(ctx, hosts, way.port)
    subject = way.destination if way.relay else way.domain
    listed = "; ".join(f"{t.host}[{t.address}] {WORDS[t.outcome]}" for t in rows)
    data: Data = {"route": "relay" if way.relay else "direct", "domain": way.domain, "port": way.port}
    data |= {"host": rows[0].host, "address": rows[0].address, "next_hop": way.nexthop} if rows else {}
    if any(t.open for t in rows):
        return ok("destination.elsewhere", subject, f"connects ({listed})", **data)
    if rows and all(t.outcome in _THERE for t in rows) and egress(ctx).pattern(way.port).opened:
        text = f"does not answer on port {way.port} ({listed}), while other operators' servers do"
        return fail("destination.elsewhere", subject, text, outcome=rows[0].outcome.value, apart=True, **data)
    return unknown(
        "destination.elsewhere", subject, f"could not check whether it answers: {listed or 'no address'}", **data
    )

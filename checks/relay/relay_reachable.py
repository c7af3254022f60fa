"""Does the relay answer on its port?"""

from __future__ import annotations

from dataclasses import replace

from diagnose.check import Context, Data, DialReply, Observations, SignSpec, Stage, check, fail, ok, unknown, warn
from diagnose.facts import Route
from diagnose.facts.dialogue import unfinished
from diagnose.facts.dials import met
from diagnose.facts.network import egress, private_view
from diagnose.facts.next_hop_name import named
from diagnose.facts.relay import WayIn, begin, passed_over, session, settings_problem, way_in
from diagnose.facts.ways import relay_in_use
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.system.own_network import is_private

_SAYS = {
    Outcome.TIMEOUT: "does not answer",
    Outcome.REFUSED: "refuses the connection",
    Outcome.PROHIBITED: "is administratively prohibited on the way",
    Outcome.UNREACHABLE: "is reported as unreachable",
    Outcome.NO_ROUTE: "has no route from here",
    Outcome.LOCAL: "is forbidden by this host itself",
    Outcome.UNKNOWN: "cannot be connected to",
}
_MUTE = {
    "connection closed": ("closed", "closes the connection before its greeting"),
    "ECONNRESET": ("closed", "resets the connection before its greeting"),
    "not an SMTP reply": ("not-smtp", "does not greet as a mail server does"),
    "timed out": ("silent", "connects, but sends no greeting"),
}
_TRIED = {"timed out": "tried"}  # else it was not asked at all
_OUTCOMES = (*(o.value for o in Outcome), "closed", "silent", "not-smtp", "passed-over")


@check(
    id="relay-reachable",
    title="The relay's port",
    signs=(
        SignSpec(
            "relay.reachable",
            {"outcome": _OUTCOMES, "others": ("", "open", "own")},
            proves=Stage.NEXT_HOP,
            clears="the relay's port",
        ),
        SignSpec("relay.name", {"kind": ("brackets",)}),
    ),
    tags=("relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_reachable(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("relay.reachable", "relay", f"Cannot tell which relay to test: {problem}")
        return
    way = relay_in_use(ctx)
    for dead in passed_over(ctx, way):
        text = f"does not greet; mail goes on to {way.nexthop}"
        yield warn("relay.reachable", dead, text, host=dead, next_hop=dead, outcome="passed-over")
    if named(ctx, way).found:
        yield from _reachable(ctx, way, way_in(ctx, way), session(ctx, way).reply)


def _reachable(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Observations:
    where = into.data
    if reply.problem and (not reply.connected or reply.stage == "banner"):
        yield unknown(
            "relay.reachable",
            into.place,
            f"could not check whether the relay answers: {unfinished(reply) if reply.connected else reply.problem}",
            proof=_TRIED.get(reply.problem),
            **where,
        )
        return
    kind, text = _mute(reply)
    if kind:
        yield fail("relay.reachable", into.place, text, outcome=kind, address=reply.address, **where)
        return
    if reply.connected:
        yield ok("relay.reachable", into.place, f"answers ({reply.address})", address=reply.address, **where)
        yield from _unbracketed(ctx, way, into, works=True)
        return
    if reply.stage == "resolve":
        text = f"its name did not resolve for a program here: {reply.error}"
        yield unknown("relay.reachable", into.place, text, proof="tried", **where)
        return
    attempts = sorted(reply.attempts, key=lambda a: ":" in a.address)
    first = met(attempts[0]) if attempts else Outcome.UNKNOWN
    address = reply.attempts[0].address if reply.attempts else ""
    tried = ", ".join(f"{a.address}: {a.error}" for a in reply.attempts[:4])
    text = f"{_SAYS.get(first, _SAYS[Outcome.UNKNOWN])} ({tried})"
    others = _others(ctx, way.port, reply, first)
    yield fail("relay.reachable", into.place, text, outcome=first.value, address=address, others=others, **where)
    yield from _unbracketed(ctx, way, into, works=False)


def _others(ctx: Context, port: int, reply: DialReply, outcome: Outcome) -> str:
    """ "own" if the relay's addresses are private and the failure is no time-out; "open" if other operators answer on
    its port; else ""."""
    if (
        outcome is not Outcome.TIMEOUT
        and reply.attempts
        and all(is_private(a.address) for a in reply.attempts)
        and not private_view(ctx)
    ):
        return "own"
    return "open" if egress(ctx).pattern(port).opened else ""


def _unbracketed(ctx: Context, way: Route, into: WayIn, works: bool) -> Observations:
    """Observes a relay written without brackets whose MX records lead to another host: a failure if only the name's
    own address answers."""
    if way.bracketed or into.host == way.host:
        return
    where: Data = {"host": way.host, "next_hop": way.nexthop, "exchanger": into.host, "port": way.port}
    if works:
        yield ok("relay.name", way.host, f"leads to {into.host} by its MX record", **where)
        return
    own = ctx.ask(begin(ctx, replace(into, host=way.host, address=""), way, into.mode.dial))
    if own.connected:
        text = f"is written without brackets, so mail goes to {into.host}, which does not answer on port {way.port}; {way.host} itself does"
        yield fail("relay.name", way.host, text, kind="brackets", **where)


def _mute(reply: DialReply) -> tuple[str, str]:
    """(closed, silent or not-smtp; words) for a server that connects and does not greet; ("", "") otherwise."""
    if reply.stage != "banner" or not reply.error:
        return "", ""
    return _MUTE.get(reply.error, ("", ""))

"""Between which hops are the packets to the mail's port lost?"""

from functools import partial

from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Observations,
    SignSpec,
    Trace,
    TraceReply,
    ask_all,
    check,
    fail,
    ok,
    skip,
    unknown,
)
from diagnose.facts.dials import WIRE, Tried
from diagnose.facts.network import Egress, MailPort, begin_sweeps, egress, mail_port, service
from diagnose.facts.packets import own_tried
from diagnose.parse.system.outcomes import FAILURES
from diagnose.parse.system.path import Place, place

REFERENCE = 443  # not filtered where anything is let out; it need not be open there, as the hops before it answer
HOPS, SECONDS = 12, 1.5
SWEPT = 3  # so many packets of a sweep are no accident
WORDS = {
    "host": "on this host",
    "gateway": "at the gateway, or right after it",
    "isp": "in the provider's network",
    "beyond": "beyond the provider's network",
}


@check(
    id="path",
    title="Path of blocked packets",
    signs=(
        SignSpec(
            "path.dies",
            {
                "port": ANY,
                "service": ANY,
                "said_by": ("", "router", "neighbour"),
                "where": tuple(WORDS),
                "how": ANY,
                "root_too": FLAG,
                "passed": FLAG,
            },
            gauge="hops",
        ),
    ),
    tags=("network",),
    needs=("network",),
    probes=True,
    timeout=12.0,
)
def check_path(ctx: Context) -> Observations:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    begin_sweeps(ctx, way, *(partial(Trace, port=port, hops=HOPS, timeout=SECONDS) for port in (way.port, REFERENCE)))
    seen = egress(ctx)
    target = None if way.private else _target(seen, way.port)
    own = None if target else _own(ctx, way, seen)
    target = target or own
    if target is None or not (own or seen.connected()):
        skip(f"TCP {way.port} is not blocked, or nothing at all is reachable")
    port = next((t.port for t in seen.ports if t.host == target.host and t.open), REFERENCE)
    blocked, reference = ask_all(
        ctx, [Trace(target.address, number, hops=HOPS, timeout=SECONDS) for number in (way.port, port)]
    )
    subject = f"TCP {way.port} to {target.host}"
    if blocked.problem or reference.problem:
        why = blocked.problem or reference.problem
        yield unknown("path.dies", subject, f"could not find where its packets stop: {why}", port=way.port)
        return
    local = target.reply.attempts[-1].local if target.reply.attempts else ""
    found = place(blocked.hops, reference.hops, local)
    # The traces run as root: where a rule stops only Postfix's user, they may still end farther away.
    both = target.wire == "kept" and found.hop > 0 and found.how == "dropped"
    fate = "" if target.wire or own or found.how != "dropped" or not found.hop else _fate(blocked, found.distance)
    if fate in ("answered", "altered"):
        found = Place(where="host", how=fate, distance=found.distance)
    if target.here and not both:
        # Seen on this host's own interfaces, which outweighs a router's silence.
        found = Place(where="host", how=found.how if found.where == "host" else target.wire or "unreachable")
    elif target.wire == "sent" and found.where == "host":
        found = Place(where="unknown", how=found.how, distance=found.distance)
    said_by = "router" if found.how not in ("dropped", "reset", *WIRE) and found.hop + 1 < found.distance else ""
    if own and found.how == "reset" and found.where == "unknown" and found.distance:
        text = (
            f"the refusal comes from {target.host} itself, {found.distance} hops away, as its answers on port {port} do"
        )
        yield ok("path.dies", subject, text, how="refused", port=way.port, service=service(way))
        return
    if own and found.distance and found.hop + 1 >= found.distance:
        said_by = "neighbour"  # the server's own filter would look the same, though it answers on other ports
    if own and not found.distance and not said_by and found.how == "dropped":
        yield unknown("path.dies", subject, f"{target.host} answers on no other port either", port=way.port)
        return
    if found.where == "unknown":
        yield unknown("path.dies", subject, "no router on the way shows where its packets stop", port=way.port)
        return
    yield fail(
        "path.dies",
        subject,
        _words(found, way.port, port),
        where=found.where,
        hop=found.hop,
        last_hop=found.last,
        next_router=found.next,
        how=found.how,
        said_by=said_by,
        distance=found.distance,
        root_too=both,
        passed=fate == "sent",
        route=" ".join(f"{h.ttl}={h.address}" for h in reference.hops if h.answer == "time-exceeded" and h.address),
        port=way.port,
        service=service(way),
    )


def _fate(blocked: TraceReply, distance: int) -> str:
    """What became of a sweep's packets, as `WIRE` names it, by what every user can see; "" if that is unknown."""
    routers = [hop.address for hop in blocked.hops if hop.answer == "time-exceeded"]
    if len(routers) - len(set(routers)) >= SWEPT:
        return "altered"  # they had the same hop limit when they left
    if not blocked.discarded:
        return "sent" if blocked.discarded == 0 else ""
    due = [hop for hop in blocked.hops if distance and hop.ttl >= distance]
    return "answered" if SWEPT <= len(due) <= blocked.discarded else ""


def _target(seen: Egress, port: int) -> Tried | None:
    """The first host that was not reached, if the port looks blocked; else None."""
    family = seen.main_family
    if not seen.pattern(port, family).blocked:
        return None
    return next((t for t in seen.on(port, family) if t.outcome in FAILURES), None)


def _own(ctx: Context, way: MailPort, seen: Egress) -> Tried | None:
    """The failed connect to the mail's own server, if the port opens nowhere else or the server is private; else
    None. A router may tell why it is not reached."""
    if not way.hosts or (seen.pattern(way.port).opened and not way.private):
        return None
    # Reuses the other checks' dials, so that a silent server is dialled once.
    rows = [t for t in own_tried(ctx, way) if t.host == way.hosts[0] and t.family == seen.main_family]
    return next((t for t in rows[:1] if t.outcome in FAILURES), None)


def _words(found: Place, port: int, reference: int) -> str:
    if found.how in WIRE:
        return WIRE[found.how]
    after = f"hop {found.hop}" + (f" ({found.last})" if found.last else "") if found.hop else "this host"
    before = f" and hop {found.hop + 1}" + (f" ({found.next})" if found.next else "")
    how = {
        "dropped": "vanish",
        "reset": "get a forged reset",
    }.get(found.how, f"are stopped ({found.how})")
    text = f"packets {how} {WORDS[found.where]}, between {after}{before}"
    if found.distance:
        text += f" (those to port {reference} of the same host arrive, {found.distance} hops away)"
    return text

"""Does Postfix try IPv6 where IPv6 does not work?"""

from diagnose import facts
from diagnose.check import Context, Lookup, Observations, check, fail, ok, skip, unknown, warn
from diagnose.facts.network import MailPort, egress, mail_port
from diagnose.model import Scalar
from diagnose.parse.system.outcomes import Outcome, Pattern


@check(
    id="ipv6",
    title="IPv6 to the mail servers",
    signs=("egress.ipv6",),
    tags=("network",),
    needs=("network", "postfix"),
    probes=True,
    timeout=10.0,
)
def check_ipv6(ctx: Context) -> Observations:
    seen = egress(ctx)
    way = mail_port(ctx)
    if 6 not in seen.families:
        yield ok("egress.ipv6", "IPv6", "Postfix does not use it (inet_protocols)", kind="unused")
        return
    if not way.known:
        skip(way.problem)
    state = seen.control(6)
    on_port = seen.pattern(way.port, 6)
    if state.opened and (not on_port.blocked or seen.pattern(way.port, 4).blocked):
        yield ok("egress.ipv6", "IPv6", "IPv6 reaches the internet", kind="works")
        return
    if not (state.failed or on_port.failed):
        yield unknown(
            "egress.ipv6", "IPv6", f"could not check whether IPv6 works: {seen.problem or 'nothing was tried'}"
        )
        return
    if not seen.connected(4):
        yield unknown("egress.ipv6", "IPv6", "IPv4 fails as well, so it is not IPv6 alone")
        return
    kind = _kind(state if not state.opened else on_port)
    over4 = seen.pattern(way.port, 4)
    alone, has6 = _addresses(ctx, way)
    data: dict[str, Scalar] = {
        "kind": kind,
        "port": way.port,
        "host": alone or way.host,
        "only_ipv6": bool(alone),
        "has_ipv6": has6,
    }
    why = "there is no IPv6 route" if kind == "no-route" else f"IPv6 connections fail ({kind})"
    if alone and not over4.blocked:
        yield fail("egress.ipv6", "IPv6", f"{alone} has only an IPv6 address, and {why}", **data)
    elif has6 and not over4.blocked and facts.mta(ctx).value("smtp_address_preference") == "ipv6":
        text = f"{why}, IPv4 works, and smtp_address_preference = ipv6 has Postfix try IPv6 first"
        yield fail("egress.ipv6", "IPv6", text, **data)
    else:
        yield warn("egress.ipv6", "IPv6", f"Postfix uses IPv6 (inet_protocols) and {why}; IPv4 works", **data)


def _kind(found: Pattern) -> str:
    return "no-route" if found.failed_by in (Outcome.NO_ROUTE, Outcome.LOCAL) else found.failed_by.value


def _addresses(ctx: Context, way: MailPort) -> tuple[str, bool]:
    """(a host to dial with IPv6 addresses only, "" if any host has IPv4; whether any host has IPv6)."""
    only, has4, has6 = "", False, False
    for host in way.hosts:
        four, six = ctx.ask(Lookup(host, "A")), ctx.ask(Lookup(host, "AAAA"))
        has4 = has4 or bool(four.answers) or bool(four.problem)
        has6 = has6 or bool(six.answers)
        if six.answers and not four.answers and four.rcode in ("NODATA", "NXDOMAIN"):
            only = only or host
    return ("" if has4 else only), has6

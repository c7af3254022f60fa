"""Do only messages larger than one packet stall on the way to the mail server?"""

import json
from typing import Any

from diagnose.check import FLAG, Context, Exec, Observations, SignSpec, check, fail, ok, skip, unknown, warn
from diagnose.facts import postfix_log
from diagnose.facts.network import addresses, mail_port
from diagnose.model import Observation, Scalar
from diagnose.parse.log.stalls import stalls
from diagnose.parse.system import iproute

ETHERNET = 1500
SMALL = 1000  # a message of so many bytes fits a packet, whatever the path's limit: 1280 is IPv6's least


@check(
    id="mtu",
    title="Path MTU",
    signs=(SignSpec("path.mtu", {"stalled": FLAG}),),
    tags=("network",),
    timeout=8.0,
)
def check_mtu(ctx: Context) -> Observations:
    way = mail_port(ctx)
    if not way.known or not way.hosts:
        skip(way.problem or "the server's name is not known")
    device, mtu, cached, problem = _link(ctx, way.hosts[0])
    data: dict[str, Scalar] = {"host": way.host, "device": device, "mtu": cached or mtu}
    seen = stalls(postfix_log(ctx).lines)
    if seen.count:
        yield _stalled(way.host, seen.count, seen.smallest, seen.largest_sent, data)
    elif problem or not mtu:
        why = problem or "no interface is named"
        yield unknown("path.mtu", way.host, f"the route's packet size could not be read: {why}")
    elif cached and cached < mtu:
        text = f"a router told this host to keep packets to {cached} bytes; {device} has {mtu}"
        yield ok("path.mtu", way.host, text, **data)
    elif mtu > ETHERNET and not way.private:
        text = f"{device} sends packets of up to {mtu} bytes, more than the internet carries; it relies on ICMP"
        yield warn("path.mtu", way.host, text, **data)
    else:
        yield ok("path.mtu", way.host, f"{device} sends packets of up to {mtu} bytes", **data)


def _stalled(host: str, count: int, smallest: int, sent: int, data: dict[str, Scalar]) -> Observation:
    data |= {"stalled": True, "size": smallest}
    what = f"{count} message{'s' if count > 1 else ''} stalled while being sent"
    if smallest and smallest <= SMALL:
        return ok("path.mtu", host, f"{what}, one of only {smallest} bytes: size is not what matters", **data)
    if smallest and 0 < sent < smallest:
        text = f"{what}, {smallest} bytes or more; those of up to {sent} bytes go through"
        return fail("path.mtu", host, text, **data)
    return warn("path.mtu", host, f"{what}, the smallest of {smallest or 'unknown'} bytes", **data)


def _link(ctx: Context, host: str) -> tuple[str, int, int, str]:
    """(device, its MTU, path MTU learnt or 0, problem) on the way to a host."""
    found = [a for known in addresses(ctx, (host,)).values() for a in known]
    if not found:
        return "", 0, 0, f"no IPv4 address of {host} is known"
    reply = ctx.ask(Exec(("ip", "-j", "route", "get", found[0])))
    link = ctx.ask(Exec(("ip", "-j", "link")))
    if reply.problem or reply.code or link.problem:
        return "", 0, 0, str(reply.problem or link.problem or reply.err.strip() or "ip failed")
    device, cached = _route(reply.out)
    return device, next((one.mtu for one in iproute.links(link.out) if one.device == device), 0), cached, ""


def _route(text: str) -> tuple[str, int]:
    """(device, path MTU learnt or 0) of `ip -j route get`."""
    try:
        rows: Any = json.loads(text)
    except ValueError:
        return "", 0
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    metrics = row.get("metrics") or [{}]
    cached = metrics[0].get("mtu", 0) if isinstance(metrics, list) and isinstance(metrics[0], dict) else 0
    return str(row.get("dev", "")), cached if isinstance(cached, int) else 0

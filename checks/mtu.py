"""Are packets on the way to the mail server smaller than this host believes?"""

import json
from collections.abc import Iterator
from typing import Any

from diagnose.check import Context, Exec, check, ok, skip, unknown, warn
from diagnose.facts_network import addresses, mail_port
from diagnose.model import Observation, Scalar
from diagnose.parse import iproute

ETHERNET = 1500


@check(
    id="mtu",
    title="Packet size on the way",
    signs=("path.mtu",),
    tags=("network",),
    timeout=6.0,
)
def check_mtu(ctx: Context) -> Iterator[Observation]:
    way = mail_port(ctx)
    if not way.known or not way.hosts or not ctx.settings.network:
        skip(way.problem or "the server's name is not known")
    found = [a for known in addresses(ctx, way.hosts[:1]).values() for a in known]
    if not found:
        skip(f"no IPv4 address of {way.host} is known")
    reply = ctx.ask(Exec(("ip", "-j", "route", "get", found[0])))
    link = ctx.ask(Exec(("ip", "-j", "link")))
    if reply.problem or reply.code or link.problem:
        why = reply.problem or link.problem or (reply.err.strip() or "ip failed")
        yield unknown("path.mtu", way.host, f"the route's packet size could not be read: {why}")
        return
    device, cached = _route(reply.out)
    mtu = next((one.mtu for one in iproute.links(link.out) if one.device == device), 0)
    data: dict[str, Scalar] = {"host": way.host, "device": device, "mtu": cached or mtu}
    if cached and mtu and cached < mtu:
        text = f"a router told this host to keep packets to {found[0]} at {cached} bytes; {device} has {mtu}"
        yield ok("path.mtu", way.host, text, **data)
    elif mtu and mtu > ETHERNET:
        text = f"{device} sends packets of up to {mtu} bytes, more than the internet carries; it relies on ICMP"
        yield warn("path.mtu", way.host, text, **data)
    else:
        yield ok("path.mtu", way.host, f"{device} sends packets of up to {mtu} bytes", **data)


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

"""Is the relay that this host's mail takes spelt as the mailer reads it, and does its name exist?"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, SignSpec, check, skip, stated
from diagnose.facts.next_hop_name import named
from diagnose.facts.relay import relay_route, settings_problem
from diagnose.model import Observation

_KINDS = (
    "spelling",
    "pasted",
    "port-name",
    "nxdomain",
    "no-data",
    "servfail",
    "hosts-only",
    "brackets",
    "family",
    "sinkhole",
)


@check(
    id="relay-name",
    title="The relay's name",
    signs=(SignSpec("relay.name", {"kind": _KINDS}),),
    tags=("relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_name(ctx: Context) -> Iterator[Observation]:
    way = relay_route(ctx)
    if (problem := settings_problem(ctx)) or way is None:
        skip(problem or "mail goes directly to the recipients' own servers: there is no relay")
    name = named(ctx, way)
    if name.said is not None:
        yield stated(name.said, "relay.name", name.subject, next_hop=way.hops[0].raw, host=way.host, port=way.port)

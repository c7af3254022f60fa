"""Is the relay spelt as the mailer reads it, and does its name exist in DNS?"""

from __future__ import annotations

from diagnose.check import Context, Observations, SignSpec, check, stated
from diagnose.facts.next_hop_name import named
from diagnose.facts.ways import relay_in_use

_KINDS = tuple("spelling pasted port-name nxdomain no-data servfail hosts-only brackets family sinkhole".split())


@check(
    id="relay-name",
    title="The relay's name",
    signs=(SignSpec("relay.name", {"kind": _KINDS}),),
    tags=("relay", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_name(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    name = named(ctx, way)
    if name.said is not None:
        yield stated(name.said, "relay.name", name.subject, next_hop=way.hops[0].raw, host=way.host, port=way.port)

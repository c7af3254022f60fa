"""Was postmap run since the relay's credentials changed?"""

from __future__ import annotations

from diagnose.check import Context, Observations, SignSpec, check, skip, stated
from diagnose.facts.relay import sasl
from diagnose.facts.sasl_map import compared, usable
from diagnose.facts.ways import relay_in_use
from diagnose.parse.postfix import table


@check(
    id="sasl-stale",
    title="Outdated password map",
    signs=(SignSpec("sasl.stale", {"kind": ("maybe", "differs", "key-missing", "other-keys")}),),
    tags=("relay", "sasl"),
    needs=("postfix",),
    timeout=8.0,
)
def sasl_stale(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    found = sasl(ctx, way)
    if not found.enabled:
        skip("smtp_sasl_auth_enable is off")
    whole = usable(ctx, found)
    for one in found.asked:
        # Of maps that fail, only one that this user may not look up is worth a comparison.
        state = compared(ctx, one, found) if whole or one.problem else None
        if state is not None:
            where = {"table": one.table.key, "path": table.source(one.table)}
            yield stated(state, "sasl.stale", one.table.key, next_hop=found.keys[-1] if found.keys else "", **where)

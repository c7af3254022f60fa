"""Which applications on this host have mail settings, and how does their mail leave?

They are found by processes, units, containers and the usual places. Nothing is contacted.
"""

from __future__ import annotations

from diagnose.check import Context, Observations, SignSpec, check, counted, ok, skip
from diagnose.facts.applications import installed

_SHOWN = 6


@check(
    id="applications",
    title="Applications that send mail",
    signs=(SignSpec("app.found", gauge="applications"),),
    informational=("app.found",),
    tags=("application",),
    timeout=4.0,
)
def applications(ctx: Context) -> Observations:
    if ctx.settings.app_config:
        skip("the application was named")
    found = installed(ctx)
    if not found:
        skip("no application with mail settings was found here")
    shown = [f"{each.name} by {each.way[1]}" for each in found[:_SHOWN]]
    more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    yield ok("app.found", counted(len(found), "application"), "; ".join(shown) + more, count=len(found))

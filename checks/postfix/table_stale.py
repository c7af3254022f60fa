"""Were the lookup tables rebuilt (postmap, newaliases) since their text changed?"""

from __future__ import annotations

from diagnose.check import Context, MapCompare, Observations, SignSpec, Stat, check, warn
from diagnose.facts import mta
from diagnose.facts.tables import Use, uses
from diagnose.parse.postfix import table


@check(
    id="table-stale",
    title="Outdated lookup tables",
    signs=(SignSpec("table.stale", {"kind": ("aliases", "differs")}),),
    informational=("table.stale",),
    tags=("tables", "postfix", "config"),
    needs=("postfix",),
    timeout=7.0,
)
def table_stale(ctx: Context) -> Observations:
    postfix = mta(ctx)
    for use in list(uses(postfix))[:40]:
        if table.needs_postmap(use.table) and (not postfix.map_types or use.table.type in postfix.map_types):
            yield from _stale(ctx, use)


def _stale(ctx: Context, use: Use) -> Observations:
    source, compiled = ctx.ask(Stat(use.table.name)), ctx.ask(Stat(table.files(use.table)[0]))
    if not (source.exists and compiled.exists and source.mtime > compiled.mtime + 1):
        return
    if use.parameter.startswith("alias_"):
        text = f"{use.table.name} is newer than its compiled form: run newaliases"
        yield warn("table.stale", use.table.key, text, kind="aliases", **use.data)
        return
    compared = ctx.ask(MapCompare(use.table.key))
    differing = (*compared.only_source, *compared.only_table, *compared.differ)
    if differing and not compared.problem:
        text = f"{use.table.name} was changed but not compiled: {', '.join(differing[:4])} differ"
        yield warn("table.stale", use.table.key, text, kind="differs", key=differing[0], **use.data)

"""Is Postfix set to log in at the relay: SASL on, and a password map that it can read?"""

from __future__ import annotations

from diagnose.check import FLAG, Context, Data, Observations, SignSpec, check, fail, ok, stated, unknown
from diagnose.facts import Route, mta
from diagnose.facts.relay import Sasl, sasl, settings_problem, way_in
from diagnose.facts.sasl_map import lookup
from diagnose.facts.ways import relay_in_use
from diagnose.parse.postfix import table


@check(
    id="sasl-map",
    title="The relay's password map",
    signs=(
        SignSpec("sasl.enabled", {"on": FLAG, "kind": ("map-without", "provider-wants")}),
        SignSpec("sasl.map", {"kind": ("unset", "missing", "unreadable", "broken")}),
        "sasl.map-type",
    ),
    tags=("relay", "sasl"),
    needs=("postfix",),
    timeout=8.0,
)
def sasl_map(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("sasl.enabled", "SASL", problem)
        return
    way = relay_in_use(ctx)
    found = sasl(ctx, way)
    yield from _enabled(ctx, way, found)
    if not found.enabled:
        return
    if not found.asked:
        text = "smtp_sasl_auth_enable = yes, and smtp_sasl_password_maps names no table: smtp(8) refuses to start"
        yield fail("sasl.map", "smtp_sasl_password_maps", text, kind="unset", next_hop=way.nexthop, host=way.host)
    for one in found.asked:
        it, state = one.table, lookup(ctx, one)
        where: Data = {"table": table.hide(it.key), "path": table.source(it), "type": it.type}
        where |= {"parameter": "smtp_sasl_password_maps", "next_hop": way.nexthop}
        sign = "sasl.map-type" if state.kind == "unsupported" else "sasl.map"
        yield stated(state, sign, table.hide(it.raw), **where)


def _enabled(ctx: Context, way: Route, found: Sasl) -> Observations:
    into, postfix = way_in(ctx, way), mta(ctx)
    where: Data = {"host": way.host, "next_hop": way.nexthop, "provider": into.provider}
    where |= {"path": f"{postfix.config_directory}/sasl_passwd"}
    usual = (postfix.value("default_database_type"), "lmdb", "hash", "cdb", "texthash")
    kind = next((t for t in usual if t in postfix.map_types), "hash")
    where |= {"table": f"{kind}:{where['path']}"}
    if found.asked and table.source(found.asked[0].table):
        where |= {"table": found.asked[0].table.key, "path": table.source(found.asked[0].table)}
    if found.enabled:
        yield ok("sasl.enabled", "smtp_sasl_auth_enable", "is on", on=True, **where)
    elif found.asked:
        text = f"is off, although smtp_sasl_password_maps is set: nobody logs in to {way.host}"
        yield fail("sasl.enabled", "smtp_sasl_auth_enable", text, kind="map-without", **where)
    elif into.needs_login:
        text = f"is off, and {into.provider} ({way.host}) accepts mail only after a login"
        yield fail("sasl.enabled", "smtp_sasl_auth_enable", text, kind="provider-wants", **where)
    else:
        text = f"is off: mail goes to {way.host} without a login"
        yield ok("sasl.enabled", "smtp_sasl_auth_enable", text, on=False, **where)

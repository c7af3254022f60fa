"""Does the TLS policy table answer, and what does it require for the next hop?"""

from __future__ import annotations

from diagnose.check import Context, Data, MapLookup, Observations, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import tls_mode
from diagnose.facts.relay import way_in
from diagnose.facts.ways import way_by_smtp
from diagnose.parse.postfix import table, tls_settings


@check(
    id="tls-policy",
    title="TLS policy for the next hop",
    signs=(SignSpec("tls.policy", {"kind": ("table", "invalid", "pinned")}),),
    tags=("tls",),
    needs=("postfix",),
)
def tls_policy(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    into = way_in(ctx, way)
    for it in table.parse_list(way.value("smtp_tls_policy_maps")):
        for key in dict.fromkeys((way.nexthop, way.host)):
            reply = ctx.ask(MapLookup(it.key, key))
            if reply.problem:
                yield unknown(
                    "tls.policy", it.raw, f"could not check which TLS this destination requires: {reply.problem}"
                )
                break
            where: Data = {
                "table": it.key,
                "path": table.source(it),
                "key": key,
                "value": reply.value,
                "host": into.host,
                "domain": way.domain,
            }
            if reply.broken:
                yield fail("tls.policy", it.raw, reply.error, kind="table", **where)
                break
            if not reply.found:
                continue
            entry = tls_settings.policy(reply.value)
            if not entry.valid:
                text = f"says {reply.value!r} for {key}, which is not a TLS policy: mail there is deferred"
                yield fail("tls.policy", it.raw, text, kind="invalid", **where)
            elif entry.level == "fingerprint":
                yield warn("tls.policy", it.raw, f"pins a certificate for {key}", kind="pinned", **where)
            else:
                yield ok("tls.policy", it.raw, f"says {entry.level} for {key}", **where)
            break
    mode = tls_mode(ctx, way)
    if mode.level == "fingerprint" and not mode.policy:
        yield warn(
            "tls.policy",
            mode.by,
            "pins a certificate for every server",
            kind="pinned",
            host=into.host,
            domain=way.domain,
        )

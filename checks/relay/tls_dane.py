"""Can DANE work: DNSSEC requested, a validating resolver, and TLSA records?"""

from __future__ import annotations

from diagnose.check import Context, Data, Lookup, Observations, SignSpec, ask_all, check, fail, ok, unknown, warn
from diagnose.facts import Route, mta, next_hop_hosts, tls_mode
from diagnose.facts.ways import way_by_smtp


@check(
    id="tls-dane",
    title="DNSSEC for DANE",
    signs=(SignSpec("tls.dane", {"kind": ("support", "no-tlsa", "unvalidated")}),),
    tags=("tls",),
    needs=("postfix",),
)
def tls_dane(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    level = tls_mode(ctx, way).level
    if level not in ("dane", "dane-only", "half-dane"):
        return
    where: Data = {"level": level, "host": way.host, "domain": way.domain}
    say = fail if level == "dane-only" else warn
    support = way.value("smtp_dns_support_level") or mta(ctx).value("smtp_dns_support_level")
    if support != "dnssec":
        text = f"the TLS level {level} needs smtp_dns_support_level = dnssec; it is {support or 'unset'}"
        yield say("tls.dane", "DNSSEC", text, kind="support", **where)
        return
    if not ctx.settings.network:
        yield unknown("tls.dane", "DNSSEC", "Could not check whether the resolver validates: it was not asked", **where)
        return
    if level == "dane-only" and (unpublished := _without_tlsa(ctx, way)):
        text = f"{unpublished} publishes no TLSA record, and the TLS level dane-only accepts no other server"
        yield fail("tls.dane", unpublished, text, kind="no-tlsa", **where)
        return
    # The root is signed: a validating resolver marks this answer as authentic (what Postfix probes, too).
    reply = ctx.ask(Lookup(".", "NS"))
    if reply.problem or reply.rcode != "NOERROR":
        yield unknown("tls.dane", "DNSSEC", f"the resolver gave no answer ({reply.problem or reply.rcode})", **where)
    elif not reply.authentic:
        text = f"the resolver does not validate DNSSEC, which the TLS level {level} needs"
        yield say("tls.dane", "DNSSEC", text, kind="unvalidated", **where)
    else:
        yield ok("tls.dane", "DNSSEC", "the resolver validates", **where)


def _without_tlsa(ctx: Context, way: Route) -> str:
    """The first of the next hop's hosts where none of them has a TLSA record (RFC 7672), "" where one has or DNS fails."""
    hosts = next_hop_hosts(ctx, way)[:4]
    replies = ask_all(ctx, [Lookup(f"_{way.port}._tcp.{host}", "TLSA") for host in hosts])
    return hosts[0] if replies and all(reply.rcode in ("NXDOMAIN", "NODATA") for reply in replies) else ""

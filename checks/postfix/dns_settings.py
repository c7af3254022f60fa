"""Do Postfix's settings filter out DNS answers that it needs?

DNS can be switched off, and a filter (smtp_dns_reply_filter) can drop records: then Postfix sees less than root's
lookup.
"""

from __future__ import annotations

from diagnose import facts
from diagnose.check import (
    FLAG,
    Context,
    Lookup,
    MapLookup,
    Observation,
    Observations,
    SignSpec,
    ask_all,
    check,
    fail,
    ok,
    skip,
)
from diagnose.facts import Route

_HOSTS = 3  # next hops that are looked at


@check(
    id="dns-settings",
    title="Settings that filter DNS answers",
    signs=(SignSpec("config.value", {"everything": FLAG}),),
    tags=("postfix", "config", "dns"),
    needs=("postfix",),
)
def dns_settings(ctx: Context) -> Observations:
    way = facts.route(ctx)
    if way is None or not way.remote:
        skip("no mail leaves by SMTP on this route")
    if blind := _without_dns(way):
        text = "no MX record is looked up, so mail goes to the hosts that the domain names themselves lead to"
        yield _said(ctx, way, blind, text)
        return
    parameter = f"{way.program}_dns_reply_filter"
    tables = way.words(parameter)
    if tables and (dropped := _dropped(ctx, way, tables)):
        yield _said(ctx, way, parameter, f"it drops every address of {', '.join(dropped)}")
        return
    yield ok("config.value", "DNS", "no setting filters DNS answers for this mail")


def _without_dns(way: Route) -> str:
    """The parameter that switches DNS off for direct mail, which needs MX records; "" if none does."""
    if way.relay or way.bracketed or way.program != "smtp":
        return ""
    if way.value("smtp_dns_support_level") == "disabled":
        return "smtp_dns_support_level"
    return "disable_dns_lookups" if way.flag("disable_dns_lookups") and not way.value("smtp_dns_support_level") else ""


def _dropped(ctx: Context, way: Route, tables: tuple[str, ...]) -> tuple[str, ...]:
    """The next hops' names if the filter drops all their addresses, else ()."""
    if not ctx.settings.network:
        return ()
    hosts = facts.next_hop_hosts(ctx, way)[:_HOSTS]
    queries = [Lookup(host, kind) for host in hosts for kind in ("A", "AAAA")]
    records = [
        f"{query.name}. {_TTL} IN {query.rtype} {answer}"
        for query, reply in zip(queries, ask_all(ctx, queries), strict=True)
        for answer in reply.answers
    ]
    return hosts if records and all(_ignored(ctx, tables, record) for record in records) else ()


_TTL = 300


def _ignored(ctx: Context, tables: tuple[str, ...], record: str) -> bool:
    """Whether the first table that knows the record, as postconf(5) spells it, tells Postfix to ignore it."""
    for table in tables:
        reply = ctx.ask(MapLookup(table, record))
        if reply.found:
            return reply.value.strip().upper().startswith("IGNORE")
    return False


def _said(ctx: Context, way: Route, parameter: str, text: str) -> Observation:
    value = way.value(parameter)
    return fail(
        "config.value", parameter, f"{parameter} = {value}: {text}", parameter=parameter, value=value, everything=True,
        **facts.stands(ctx, parameter),
    )  # fmt: skip

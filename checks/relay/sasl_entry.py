"""Does the password map have a user:password entry under the key that Postfix looks up?"""

from __future__ import annotations

from diagnose.check import Context, Data, MapCompare, Observations, Read, SignSpec, Status, check, fail, ok, skip, warn
from diagnose.facts import Route
from diagnose.facts.relay import Asked, Sasl, sasl, way_in
from diagnose.facts.sasl_map import compared, usable
from diagnose.facts.ways import relay_in_use
from diagnose.parse.postfix import sasl_flaws, sasl_passwd, table
from diagnose.parse.postfix.sasl_passwd import SaslPasswd
from diagnose.parse.postfix.table import Table


@check(
    id="sasl-entry",
    title="The relay's credentials",
    signs=(
        SignSpec("sasl.key", {"kind": ("near", "none", "empty")}),
        SignSpec("sasl.line", {"kind": sasl_flaws.KINDS}),
    ),
    tags=("relay", "sasl"),
    needs=("postfix",),
    timeout=8.0,
)
def sasl_entry(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    found = sasl(ctx, way)
    if not found.enabled or not found.asked or not usable(ctx, found):
        skip("there is no password map")
    texts = {one.table.key: text for one in found.asked if (text := _text(ctx, one.table)) is not None}
    hit = found.hit
    if hit is not None:
        said = f"is found in {table.hide(hit.table.raw)}" + (f" (user {hit.user})" if hit.user else "")
        yield ok("sasl.key", hit.key, said, key=hit.key, next_hop=way.nexthop, user=hit.user)
        yield from _line_in_use(way, hit, texts.get(hit.table.key))
        return
    lost = [
        o for one in found.asked if one.table.key in texts for o in _lost_line(way, one.table, texts[one.table.key])
    ]
    yield from lost
    stale = [compared(ctx, one, found) for one in found.asked]
    if not lost and not any(state and state.status is Status.FAILED for state in stale):
        yield from _no_key(ctx, way, found, texts)


def _text(ctx: Context, it: Table) -> SaslPasswd | None:
    path = table.source(it)
    if not path or it.type in (*table.PATTERNS, *table.BACKENDS):
        return None
    reply = ctx.ask(Read(path, secret="sasl"))
    return None if reply.problem else sasl_passwd.parse(reply.text)


def _line_in_use(way: Route, hit: Asked, text: SaslPasswd | None) -> Observations:
    path = table.source(hit.table)
    entry = text.get(hit.key) if text is not None else None
    shown = entry or sasl_passwd.parse_value(hit.key, hit.value)
    flaws = sasl_flaws.in_use(shown, text if entry is not None else None, hit.has_colon)
    place = f"{path} line {shown.line}" if shown.line and path else hit.key
    where: Data = {"path": path, "line": shown.line, "key": hit.key, "user": hit.user}
    where |= {"table": hit.table.key if path else "", "next_hop": way.nexthop}
    for flaw in flaws:
        say = fail if flaw.harmful else warn
        yield say("sasl.line", place, f"the entry {flaw.said}", kind=flaw.kind, **where)
    if not flaws:
        yield ok("sasl.line", place, "is well-formed", **where)


def _lost_line(way: Route, it: Table, text: SaslPasswd) -> Observations:
    if flaw := sasl_flaws.lost(text, way.host):
        path = table.source(it)
        where: Data = {"path": path, "line": flaw.line, "table": it.key, "next_hop": way.nexthop}
        yield fail("sasl.line", f"{path} line {flaw.line}", f"the line {flaw.said}", kind=flaw.kind, **where)


def _no_key(ctx: Context, way: Route, found: Sasl, texts: dict[str, SaslPasswd]) -> Observations:
    entries = [entry for text in texts.values() for entry in text.entries]
    if not entries:
        for one in found.asked:
            if table.needs_postmap(one.table):
                keys = ctx.ask(MapCompare(one.table.key)).keys
                entries += [sasl_passwd.parse_value(key, "") for key in keys]
    near = sasl_passwd.near_misses(entries, found.keys)
    shown = table.hide(found.asked[0].table.raw)
    path = table.source(found.asked[0].table)
    into = way_in(ctx, way)
    where: Data = {
        "next_hop": way.nexthop,
        "host": way.host,
        "path": path,
        "table": table.hide(found.asked[0].table.key),
        "provider": into.provider,
    }
    tried = ", ".join(found.keys)
    if near:
        best = near[0]
        text = f"has no entry that Postfix finds: it looks up {tried}, and line {best.line or '?'} has {best.key} ({best.difference} differs)"
        where |= {"near": best.key, "difference": best.difference, "line": best.line, "key": best.key}
        yield fail("sasl.key", way.nexthop, f"{shown} {text}", kind="near", **where)
    elif into.needs_login or not entries:
        text = f"{shown} has no entry for {tried}" + ("" if entries else ": it is empty")
        yield fail("sasl.key", way.nexthop, text, kind="none" if entries else "empty", **where)
    else:
        # A host may sign in at one relay and hand other mail to a second one that knows it by its address.
        text = f"{shown} has no entry for {tried}: Postfix does not log in there"
        yield warn("sasl.key", way.nexthop, text, kind="none", **where)

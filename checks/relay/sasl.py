"""Would Postfix find credentials for the relay: SASL on, a map of a type it supports, an entry under the key it asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, MapCompare, Read, Stat, check, fail, ok, skip, unknown, warn
from diagnose.facts import Mta, Route, mta
from diagnose.facts.relay import Asked, CompareReply, Sasl, relay_route, sasl, settings_problem, way_in
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix import sasl_flaws, sasl_passwd, table
from diagnose.parse.postfix.sasl_passwd import SaslPasswd
from diagnose.parse.postfix.table import Table


@check(
    id="sasl",
    title="The relay's credentials",
    signs=("sasl.enabled", "sasl.map", "sasl.stale", "sasl.key", "sasl.line", "sasl.map-type"),
    tags=("relay", "sasl"),
    needs=("postfix",),
    timeout=8.0,
)
def credentials(ctx: Context) -> Iterator[Observation]:
    if problem := settings_problem(ctx):
        yield unknown("sasl.enabled", "SASL", problem)
        return
    postfix = mta(ctx)
    way = relay_route(ctx)
    if way is None:
        skip("mail goes straight to the recipients' own servers: there is no relay to log in to")
    found = sasl(ctx, way)
    yield from _enabled(ctx, postfix, way, found)
    if not found.enabled:
        return
    if not found.asked:
        text = "smtp_sasl_auth_enable = yes, and smtp_sasl_password_maps names no table: smtp(8) refuses to start"
        yield fail("sasl.map", "smtp_sasl_password_maps", text, kind="unset", next_hop=way.nexthop, host=way.host)
        return
    usable = True
    for one in found.asked:
        for observation in _map(ctx, postfix, way, one):
            usable = usable and observation.status.word == "ok"
            yield observation
    if usable:
        yield from _entry(ctx, way, found)
    else:
        for one in found.asked:
            if one.problem:
                yield from _stale(ctx, one, found)


def _enabled(ctx: Context, postfix: Mta, way: Route, found: Sasl) -> Iterator[Observation]:
    into = way_in(ctx, way)
    where: dict[str, Scalar] = {"host": way.host, "next_hop": way.nexthop, "provider": into.provider}
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
        text = f"is off, and {into.provider} ({way.host}) takes mail only after a login"
        yield fail("sasl.enabled", "smtp_sasl_auth_enable", text, kind="provider-wants", **where)
    else:
        text = f"is off: mail goes to {way.host} without a login"
        yield ok("sasl.enabled", "smtp_sasl_auth_enable", text, on=False, **where)


def _map(ctx: Context, postfix: Mta, way: Route, one: Asked) -> Iterator[Observation]:
    it = one.table
    shown = table.hide(it.raw)
    source, files = table.source(it), table.files(it)
    where: dict[str, Scalar] = {
        "table": table.hide(it.key),
        "path": source,
        "type": it.type,
        "parameter": "smtp_sasl_password_maps",
        "next_hop": way.nexthop,
    }
    types = postfix.map_types
    if it.problem == "no-type" or (types and it.type not in types) or "unsupported dictionary type" in one.error:
        kind = "no map type in front" if not it.type else f"the type {it.type} is not supported by this Postfix"
        better = next((t for t in ("lmdb", "hash", "cdb", "texthash") if t in types and t != it.type), "texthash")
        said = one.error.splitlines()[-1] if one.error else "postconf -m does not list it"
        package = f"postfix-{it.type}"
        yield fail(
            "sasl.map-type", shown, f"{kind} ({said})", kind="unsupported", better=better, package=package, **where
        )
        return
    absent = [path for path in files if _absent(ctx, path)]
    if absent:
        there = bool(source) and source not in absent and ctx.ask(Stat(source)).exists
        text = f"{absent[0]} does not exist" + (f": postmap was never run on {source}" if there else "")
        yield fail("sasl.map", shown, text, kind="missing", uncompiled=there, file=absent[0], **where)
    elif one.problem:
        yield unknown(
            "sasl.map", shown, f"{one.problem}; it would tell whether there are credentials for this relay", **where
        )
    elif it.proxied and (hidden := _hidden_from_proxymap(ctx, files)):
        text = (
            f"is read by proxymap, which runs as {postfix.value('mail_owner') or 'postfix'} and may not read {hidden}"
        )
        yield fail("sasl.map", shown, text, kind="unreadable", file=hidden, **where)
    elif one.error:
        kind = "unreadable" if "ermission denied" in one.error else "broken"
        yield fail("sasl.map", shown, one.error, kind=kind, file=files[0] if files else "", **where)
    else:
        yield ok("sasl.map", shown, "can be looked up", **where)


def _absent(ctx: Context, path: str) -> bool:
    reply = ctx.ask(Stat(path))
    return not reply.exists and reply.problem in (None, "not found")


def _hidden_from_proxymap(ctx: Context, files: tuple[str, ...]) -> str:
    for path in files:
        reply = ctx.ask(Stat(path))
        mine = (reply.owner == "postfix" and reply.mode & 0o400) or (reply.group == "postfix" and reply.mode & 0o040)
        if reply.exists and not mine and not reply.mode & 0o004:
            return path
    return ""


def _entry(ctx: Context, way: Route, found: Sasl) -> Iterator[Observation]:
    texts: dict[str, SaslPasswd] = {}
    lost = False
    for one in found.asked:
        text = _text(ctx, one.table)
        if text is not None:
            texts[one.table.key] = text
        for observation in _stale(ctx, one, found):
            lost = lost or observation.status.word == "failed"
            yield observation
    hit = found.hit
    if hit is not None:
        yield ok("sasl.key", hit.key, f"is found in {table.hide(hit.table.raw)}" + (f" (user {hit.user})" if hit.user else ""),
                 key=hit.key, next_hop=way.nexthop, user=hit.user)  # fmt: skip
        yield from _line_in_use(way, hit, texts.get(hit.table.key))
        return
    malformed = False
    for one in found.asked:
        if one.table.key in texts:
            for observation in _lost_line(way, one.table, texts[one.table.key]):
                malformed = True
                yield observation
    if not lost and not malformed:
        yield from _no_key(ctx, way, found, texts)


def _text(ctx: Context, it: Table) -> SaslPasswd | None:
    path = table.source(it)
    if not path or it.type in ("regexp", "pcre", "cidr", "ldap", "mysql", "pgsql", "sqlite", "memcache", "mongodb"):
        return None
    reply = ctx.ask(Read(path, secret="sasl"))
    return None if reply.problem else sasl_passwd.parse(reply.text)


def _stale(ctx: Context, one: Asked, found: Sasl) -> Iterator[Observation]:
    it = one.table
    if not table.needs_postmap(it):
        return
    path = table.source(it)
    reply: CompareReply = ctx.ask(MapCompare(it.key))
    where: dict[str, Scalar] = {"table": it.key, "path": path, "next_hop": found.keys[-1] if found.keys else ""}
    if reply.problem == "not found" or (reply.problem and "not found" in reply.problem):
        return  # the text was removed after postmap ran: no fault
    if reply.problem and (newer := _text_is_newer(ctx, it)):
        text = f"{newer} is newer than its table, and this user may not compare them: postmap may have been forgotten"
        yield warn("sasl.stale", it.key, text, kind="maybe", **where)
        return
    # An answer may come with a warning, that the table is older than its text.
    if reply.problem or (reply.error and not (reply.keys or reply.only_source)):
        yield unknown("sasl.stale", it.key, f"not compared with its text ({reply.problem or reply.error})", **where)
        return
    wanted = [key for key in found.keys if not one.found or key == one.key]
    changed = [key for key in wanted if key in reply.differ]
    new = [key for key in found.keys if key in reply.only_source and not one.found]
    if changed:
        text = f"postmap was not run since {path} changed: the entry for {changed[0]} in the table is not the one in the text"
        yield fail("sasl.stale", it.key, text, kind="differs", key=changed[0], **where)
    elif new and found.hit is None:
        text = f"postmap was not run since {path} changed: the text has {new[0]}, the table does not"
        yield fail("sasl.stale", it.key, text, kind="key-missing", key=new[0], **where)
    elif reply.differ or reply.only_source or reply.only_table:
        odd = (*reply.differ, *reply.only_source, *reply.only_table)[0]
        text = f"differs from {path} in entries that this mail does not use ({odd})"
        yield warn("sasl.stale", it.key, text, kind="other-keys", **where)
    else:
        yield ok("sasl.stale", it.key, f"holds what {path} says", **where)


def _text_is_newer(ctx: Context, it: Table) -> str:
    """The text's path where it changed after the table was made; Postfix itself gives an editor 100 seconds."""
    path = table.source(it)
    text, compiled = ctx.ask(Stat(path)), ctx.ask(Stat(table.files(it)[0]))
    return path if text.exists and compiled.exists and text.mtime > compiled.mtime + 100 else ""


def _line_in_use(way: Route, hit: Asked, text: SaslPasswd | None) -> Iterator[Observation]:
    path = table.source(hit.table)
    entry = text.get(hit.key) if text is not None else None
    shown = entry or sasl_passwd.parse_value(hit.key, hit.value)
    flaws = sasl_flaws.in_use(shown, text if entry is not None else None, hit.has_colon)
    place = f"{path} line {shown.line}" if shown.line and path else hit.key
    where: dict[str, Scalar] = {"path": path, "line": shown.line, "key": hit.key, "user": hit.user}
    where |= {"table": hit.table.key if path else "", "next_hop": way.nexthop}
    for flaw in flaws:
        say = fail if flaw.harmful else warn
        yield say("sasl.line", place, f"the entry {flaw.said}", kind=flaw.kind, **where)
    if not flaws:
        yield ok("sasl.line", place, "has the shape of an entry", **where)


def _lost_line(way: Route, it: Table, text: SaslPasswd) -> Iterator[Observation]:
    if flaw := sasl_flaws.lost(text, way.host):
        path = table.source(it)
        where: dict[str, Scalar] = {"path": path, "line": flaw.line, "table": it.key, "next_hop": way.nexthop}
        yield fail("sasl.line", f"{path} line {flaw.line}", f"the line {flaw.said}", kind=flaw.kind, **where)


def _no_key(ctx: Context, way: Route, found: Sasl, texts: dict[str, SaslPasswd]) -> Iterator[Observation]:
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
    where: dict[str, Scalar] = {
        "next_hop": way.nexthop,
        "host": way.host,
        "path": path,
        "table": table.hide(found.asked[0].table.key),
        "provider": into.provider,
    }
    tried = ", ".join(found.keys)
    if near:
        best = near[0]
        text = f"has no entry that Postfix finds: it asks for {tried}, and line {best.line or '?'} has {best.key} ({best.difference} differs)"
        where |= {"near": best.key, "difference": best.difference, "line": best.line, "key": best.key}
        yield fail("sasl.key", way.nexthop, f"{shown} {text}", kind="near", **where)
    elif into.needs_login or not entries:
        text = f"{shown} has no entry for {tried}" + ("" if entries else ": it is empty")
        yield fail("sasl.key", way.nexthop, text, kind="none" if entries else "empty", **where)
    else:
        # A host may sign in at one relay and hand other mail to a second one that knows it by its address.
        text = f"{shown} has no entry for {tried}: Postfix does not log in there"
        yield warn("sasl.key", way.nexthop, text, kind="none", **where)

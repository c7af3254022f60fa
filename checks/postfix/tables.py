"""Can Postfix open its lookup tables (sasl-map has the relay's passwords)?"""

from __future__ import annotations

import re

from diagnose.check import Context, MapLookup, Observations, Stat, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mta
from diagnose.facts.tables import SERVED, Use, uses
from diagnose.parse.postfix import table

_TESTED = ("texthash", "regexp", "pcre", "cidr", *table.INDEXED)


@check(
    id="tables",
    title="Lookup tables",
    signs=(
        "table.supported",
        "table.present",
        "table.readable",
        "table.works",
    ),
    tags=("postfix", "config"),
    needs=("postfix",),
    timeout=7.0,
)
def tables(ctx: Context) -> Observations:
    postfix = mta(ctx)
    named = list(uses(postfix))
    if not named:
        yield ok("table.present", "lookup tables", "no table in files is used, apart from the relay's passwords")
    for use in named[:40]:
        if use.table.type not in SERVED:
            yield from _judge(ctx, postfix, use)


def _judge(ctx: Context, postfix: Mta, use: Use) -> Observations:
    kind, name, parameter = use.table.type, use.table.name, use.parameter
    data = use.data
    severe = fail if use.scope == "all" else warn
    if use.table.problem in ("no-type", "empty-name"):
        text = f"{parameter} = {use.table.raw}: Postfix expects a table's type and name, such as hash:/path"
        yield severe("table.supported", use.table.key, text, **data)
        return
    if postfix.map_types and kind not in (*postfix.map_types, table.LIST):
        known = "is not a table type of this Postfix" if kind in table.KNOWN else "is not a table type"
        text = f"{parameter} = {use.table.raw}: {kind} {known} (it has {', '.join(postfix.map_types[:12])} …)"
        yield severe("table.supported", use.table.key, text, package=f"postfix-{kind}", **data)
        return
    for path in table.files(use.table):
        reply = ctx.ask(Stat(path))
        if reply.problem:
            yield unknown("table.present", use.table.key, f"{path}: {reply.problem}; root could check it", **data)
            return
        if not reply.exists:
            compiled = path != name
            source = compiled and ctx.ask(Stat(name)).exists
            why = "was never compiled" if source else "does not exist"
            yield severe(
                "table.present", use.table.key, f"{path} {why} ({parameter})",
                kind="not-compiled" if source else "missing", file=path, **data,
            )  # fmt: skip
            return
        reader = postfix.value("mail_owner") or "postfix"
        readable = reply.mode & 0o004 or reply.owner == reader or (reply.mode & 0o040 and reply.group == reader)
        if use.table.proxied and not readable:
            text = f"{path} ({reply.mode:04o} {reply.owner}:{reply.group}) is read through proxymap, which runs as {reader}"
            yield severe("table.readable", use.table.key, text, mode=f"{reply.mode:04o}", **data)
            return
    yield from _works(ctx, use, data)


def _works(ctx: Context, use: Use, data: dict[str, str]) -> Observations:
    """Looks up a key that no table will hold, and observes what Postfix itself says of the table."""
    if use.table.type not in _TESTED:
        yield ok("table.present", use.table.key, f"exists ({use.parameter})", **data)
        return
    reply = ctx.ask(MapLookup(use.table.key, "nobody@example.invalid"))
    if reply.problem:
        yield unknown("table.works", use.table.key, f"{use.parameter}: {reply.problem}", **data)
    elif not reply.error or "main.cf" in reply.error or "older than source" in reply.error:
        yield ok("table.works", use.table.key, f"can be looked up ({use.parameter})", **data)
    else:
        # A bad line of a pattern table is skipped with a warning; a table that cannot be opened fails the mail.
        broken = (
            re.search(r"fatal|error:|open |corrupt|unsupported|No such file", reply.error)
            and "line " not in reply.error
        )
        say = (fail if use.scope == "all" else warn) if broken else warn
        yield say("table.works", use.table.key, f"{use.parameter}: {reply.error}", broken=bool(broken), **data)

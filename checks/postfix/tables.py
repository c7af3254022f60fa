"""Can Postfix open the lookup tables that its settings name (those with the relay's passwords have a check of their own)?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagnose.check import Context, Dial, MapCompare, MapLookup, SignSpec, Stat, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mta
from diagnose.model import Observation
from diagnose.parse.postfix import table
from diagnose.parse.postfix.postconf import expand
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.postfix.table import Table

_FILES = (
    *table.INDEXED,
    "texthash",
    "regexp",
    "pcre",
    "cidr",
    "ldap",
    "mysql",
    "pgsql",
    "sqlite",
    "memcache",
    "mongodb",
)
# Tables behind a socket: `tcp:host:port`, `socketmap:inet:host:port:name`.
_SERVER = re.compile(r"(?:inet:)?(\[?[\w.:-]+?\]?):(\d+)(?::|$)")
_TESTED = ("texthash", "regexp", "pcre", "cidr", *table.INDEXED)
_LOCAL = re.compile(r"^(?:alias_|local_|mailbox_|forward_|virtual_mailbox_|virtual_uid_|virtual_gid_|mydestination$)")
_INCOMING = re.compile(r"^(?:smtpd_|postscreen_|local_recipient_maps|relay_recipient_maps)")


@dataclass(frozen=True, slots=True)
class _Use:
    """A table and where it is named. scope: all (every message needs it), local or incoming."""

    parameter: str
    table: Table
    scope: str


@check(
    id="tables",
    title="Lookup tables",
    signs=(
        "table.supported",
        "table.present",
        "table.readable",
        "table.works",
        SignSpec("table.stale", {"kind": ("aliases", "differs")}),
    ),
    informational=("table.stale",),
    tags=("postfix", "config"),
    needs=("postfix",),
    timeout=7.0,
)
def tables(ctx: Context) -> Iterator[Observation]:
    postfix = mta(ctx)
    uses = list(_uses(postfix))
    if not uses:
        yield ok("table.present", "lookup tables", "no table in files is used, apart from the relay's passwords")
    for use in uses[:40]:
        if use.table.type in ("tcp", "socketmap"):
            yield from _served(ctx, use)
        else:
            yield from _judge(ctx, postfix, use)


def _uses(postfix: Mta) -> Iterator[_Use]:
    seen: set[tuple[str, str]] = set()
    views: list[tuple[str, str]] = list(postfix.explicit.items())
    for service in postfix.master.services:
        views += service.overrides.items()
    for parameter, raw in views:
        if "sasl_password_maps" in parameter or parameter == "smtp_tls_session_cache_database":
            continue
        if parameter.endswith(("_cache_database", "_cache_map", "address_verify_map")):
            continue  # made by Postfix itself
        for word in items(expand(raw, {**postfix.settings, parameter: raw})):
            for found in _flat(table.parse(word.strip("{}"))):
                file = (found.type in _FILES and found.name.startswith("/")) or found.type in ("tcp", "socketmap")
                odd = (
                    found.problem == "unknown-type"
                    and found.name.startswith("/")
                    and parameter.endswith(("_maps", "_map", "_checks"))
                )
                if (file or odd) and (parameter, found.raw) not in seen:
                    seen.add((parameter, found.raw))
                    yield _Use(parameter, found, _scope(parameter))


def _flat(found: Table) -> Iterator[Table]:
    if found.inner:
        for inner in found.inner:
            yield from _flat(inner)
    else:
        yield found


def _scope(parameter: str) -> str:
    if _LOCAL.match(parameter):
        return "local"
    return "incoming" if _INCOMING.match(parameter) else "all"


def _judge(ctx: Context, postfix: Mta, use: _Use) -> Iterator[Observation]:
    kind, name, parameter = use.table.type, use.table.name, use.parameter
    data = {"table": use.table.key, "parameter": parameter, "type": kind, "path": name, "scope": use.scope}
    severe = fail if use.scope == "all" else warn
    if postfix.map_types and kind not in postfix.map_types:
        known = "is not a table type of this Postfix" if kind in table.KNOWN else "is no table type at all"
        text = f"{parameter} = {use.table.raw}: {kind} {known} (it has {', '.join(postfix.map_types[:12])} …)"
        yield severe("table.supported", use.table.key, text, package=f"postfix-{kind}", **data)
        return
    for path in table.files(use.table):
        reply = ctx.ask(Stat(path))
        if reply.problem:
            yield unknown("table.present", use.table.key, f"{path}: {reply.problem}; root could look", **data)
            return
        if not reply.exists:
            compiled = path != name
            source = compiled and ctx.ask(Stat(name)).exists
            why = "was never compiled" if source else "does not exist"
            yield severe(
                "table.present", use.table.key, f"{parameter} names it: {path} {why}",
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
    yield from _stale(ctx, use, data)


def _served(ctx: Context, use: _Use) -> Iterator[Observation]:
    """Whether a table's server on this host takes connections; others are left alone."""
    match = _SERVER.match(use.table.name)
    host = match[1].strip("[]") if match else ""
    if match is None or not (host == "localhost" or host.startswith("127.") or host == "::1"):
        return
    data = {"table": use.table.key, "parameter": use.parameter, "type": use.table.type, "path": use.table.name}
    reply = ctx.ask(Dial(host=host, port=int(match[2]), say="connect", connect_timeout=2.0))
    if reply.connected:
        yield ok("table.works", use.table.key, f"{use.parameter}: its server takes connections", **data)
    elif reply.problem:
        yield unknown("table.works", use.table.key, f"{use.parameter}: {reply.problem}", **data)
    else:
        why = reply.attempts[-1].error if reply.attempts else reply.error
        say = fail if use.scope == "all" else warn
        yield say("table.works", use.table.key, f"{use.parameter}: its server does not answer ({why})", **data)


def _works(ctx: Context, use: _Use, data: dict[str, str]) -> Iterator[Observation]:
    """One lookup of a key that none will hold shows what Postfix itself says of the table."""
    if use.table.type not in _TESTED:
        yield ok("table.present", use.table.key, f"{use.parameter}: its file is there", **data)
        return
    reply = ctx.ask(MapLookup(use.table.key, "nobody@example.invalid"))
    if reply.problem:
        yield unknown("table.works", use.table.key, f"{use.parameter}: {reply.problem}", **data)
    elif not reply.error or "main.cf" in reply.error or "older than source" in reply.error:
        yield ok("table.works", use.table.key, f"{use.parameter}: it opens and answers", **data)
    else:
        # A bad line of a pattern table is skipped with a warning; a table that cannot be opened fails the mail.
        broken = (
            re.search(r"fatal|error:|open |corrupt|unsupported|No such file", reply.error)
            and "line " not in reply.error
        )
        say = (fail if use.scope == "all" else warn) if broken else warn
        yield say("table.works", use.table.key, f"{use.parameter}: {reply.error}", broken=bool(broken), **data)


def _stale(ctx: Context, use: _Use, data: dict[str, str]) -> Iterator[Observation]:
    if not table.needs_postmap(use.table):
        return
    source, compiled = ctx.ask(Stat(use.table.name)), ctx.ask(Stat(table.files(use.table)[0]))
    if not (source.exists and compiled.exists and source.mtime > compiled.mtime + 1):
        return
    if use.parameter.startswith("alias_"):
        text = f"{use.table.name} is newer than its compiled form: run newaliases"
        yield warn("table.stale", use.table.key, text, kind="aliases", **data)
        return
    compared = ctx.ask(MapCompare(use.table.key))
    differing = (*compared.only_source, *compared.only_table, *compared.differ)
    if differing and not compared.problem:
        text = f"{use.table.name} was changed and not compiled: {', '.join(differing[:4])} differ"
        yield warn("table.stale", use.table.key, text, kind="differs", key=differing[0], **data)

"""Whether a password map can be looked up, and matches its source file."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.facts.judged import Judged, bad
from diagnose.facts.postfix import mta
from diagnose.facts.relay import Asked, Sasl
from diagnose.host.query import MapCompare, Stat
from diagnose.model import Status
from diagnose.parse.postfix import table
from diagnose.parse.postfix.table import Table


def usable(ctx: Asks, found: Sasl) -> bool:
    return found.enabled and all(lookup(ctx, one).status is Status.OK for one in found.asked)


def lookup(ctx: Asks, one: Asked) -> Judged:
    it, postfix = one.table, mta(ctx)
    source, files, types = table.source(it), table.files(it), postfix.map_types
    if it.problem == "no-type" or (types and it.type not in types) or "unsupported dictionary type" in one.error:
        text = "no map type in front" if not it.type else f"the type {it.type} is not supported by this Postfix"
        text += f" ({one.error.splitlines()[-1] if one.error else 'postconf -m does not list it'})"
        better = next((t for t in ("lmdb", "hash", "cdb", "texthash") if t in types and t != it.type), "texthash")
        return bad("unsupported", text, better=better, package=f"postfix-{it.type}")
    absent = [path for path in files if _absent(ctx, path)]
    if absent:
        there = bool(source) and source not in absent and ctx.ask(Stat(source)).exists
        text = f"{absent[0]} does not exist"
        if other := next((path for path in table.siblings(it) if ctx.ask(Stat(path)).exists), ""):
            text += f": postmap made {other}, and the setting says {it.type}:"
        elif there:
            text += f": postmap was never run on {source}"
        return bad("missing", text, uncompiled=there, file=absent[0])
    if one.problem:
        text = f"could not check for this relay's credentials: {one.problem}"
        return Judged(status=Status.UNKNOWN, text=text)
    if it.proxied and (hidden := _hidden_from_proxymap(ctx, files)):
        owner = postfix.value("mail_owner") or "postfix"
        return bad("unreadable", f"is read by proxymap, which runs as {owner} and may not read {hidden}", file=hidden)
    if one.error:
        kind = "unreadable" if "ermission denied" in one.error else "broken"
        return bad(kind, one.error, file=files[0] if files else "")
    return Judged(status=Status.OK, text="can be looked up")


def compared(ctx: Asks, one: Asked, found: Sasl) -> Judged | None:
    """Compares the compiled table with its source text; None if there is nothing to compare."""
    it = one.table
    if not table.needs_postmap(it):
        return None
    path = table.source(it)
    reply = ctx.ask(MapCompare(it.key))
    if reply.problem and "not found" in reply.problem:
        return None  # the text was removed after postmap ran: no fault
    if reply.problem and (newer := _text_is_newer(ctx, it)):
        text = f"{newer} is newer than its table, and this user may not compare them: postmap may have been forgotten"
        return Judged(status=Status.WARNING, text=text, kind="maybe")
    # The reply may contain the warning that the table is older than its text.
    if reply.problem or (reply.error and not (reply.keys or reply.only_source)):
        return Judged(status=Status.UNKNOWN, text=f"not compared with its text ({reply.problem or reply.error})")
    changed = [key for key in found.keys if key in reply.differ and (not one.found or key == one.key)]
    new = [key for key in found.keys if key in reply.only_source and not one.found]
    if changed:
        text = f"postmap was not run since {path} changed: the entry for {changed[0]} in the table is not the one in the text"
        return bad("differs", text, key=changed[0])
    if new and found.hit is None:
        text = f"postmap was not run since {path} changed: the text has {new[0]}, the table does not"
        return bad("key-missing", text, key=new[0])
    if odd := (*reply.differ, *reply.only_source, *reply.only_table)[:1]:
        text = f"differs from {path} in entries that this mail does not use ({odd[0]})"
        return Judged(status=Status.WARNING, text=text, kind="other-keys")
    return Judged(status=Status.OK, text=f"matches {path}")


def _absent(ctx: Asks, path: str) -> bool:
    reply = ctx.ask(Stat(path))
    return not reply.exists and reply.problem in (None, "not found")


def _hidden_from_proxymap(ctx: Asks, files: tuple[str, ...]) -> str:
    for path in files:
        reply = ctx.ask(Stat(path))
        mine = (reply.owner == "postfix" and reply.mode & 0o400) or (reply.group == "postfix" and reply.mode & 0o040)
        if reply.exists and not mine and not reply.mode & 0o004:
            return path
    return ""


def _text_is_newer(ctx: Asks, it: Table) -> str:
    """The text's path if it changed over 100 seconds after the table, the tolerance that Postfix itself has; else ""."""
    path = table.source(it)
    text, compiled = ctx.ask(Stat(path)), ctx.ask(Stat(table.files(it)[0]))
    return path if text.exists and compiled.exists and text.mtime > compiled.mtime + 100 else ""

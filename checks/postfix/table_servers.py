"""Do the servers answer that Postfix's lookup tables query?"""

from __future__ import annotations

import re

from diagnose.check import Context, Dial, MapLookup, Observations, check, fail, ok, unknown, warn
from diagnose.facts import mta
from diagnose.facts.tables import SERVED, Use, uses

# `tcp:host:port`, `socketmap:inet:host:port:name`.
_SERVER = re.compile(r"(?:inet:)?(\[?[\w.:-]+?\]?):(\d+)(?::|$)")


@check(
    id="table-servers",
    title="Lookup table servers",
    signs=("table.works",),
    tags=("tables", "postfix", "config"),
    needs=("postfix",),
    timeout=7.0,
)
def table_servers(ctx: Context) -> Observations:
    for use in list(uses(mta(ctx)))[:40]:
        if use.table.type in SERVED:
            yield from _served(ctx, use)


def _served(ctx: Context, use: Use) -> Observations:
    """Whether a table's server on this host takes connections and answers; others are left alone."""
    match = _SERVER.match(use.table.name)
    host = match[1].strip("[]") if match else ""
    if match is None or not (host == "localhost" or host.startswith("127.") or host == "::1"):
        return
    reply = ctx.ask(Dial(host=host, port=int(match[2]), say="connect", connect_timeout=2.0))
    say = fail if use.scope == "all" else warn
    silent = reply.connected and "timed out" in (
        ctx.ask(MapLookup(use.table.key, "nobody@example.invalid")).problem or ""
    )
    if silent:
        text = f"{use.parameter}: its server accepts the connection, but does not answer: it hangs"
        yield say("table.works", use.table.key, text, error="timed out", port=int(match[2]), **use.data)
    elif reply.connected:
        yield ok("table.works", use.table.key, f"accepts connections ({use.parameter})", **use.data)
    elif reply.problem:
        yield unknown("table.works", use.table.key, f"{use.parameter}: {reply.problem}", **use.data)
    else:
        why = reply.attempts[-1].error if reply.attempts else reply.error
        text = f"{use.parameter}: its server does not answer ({why})"
        yield say("table.works", use.table.key, text, port=int(match[2]), **use.data)

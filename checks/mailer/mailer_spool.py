"""Can the mailer use its queue directories, its log and its own program?

Exim drops root's rights before it writes a message, nullmailer's sender never has them, and the command that an
application calls gets its rights by its setuid or setgid bit.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, Data, Observations, Stat, StatReply, check, fail, ok, skip
from diagnose.facts import Mailer, mailer, mailers

_BITS = {0o4000: "setuid", 0o2000: "setgid"}


@check(
    id="mailer-spool",
    title="The mailer's queue directories",
    signs=("host.queue-permissions", "host.setgid"),
    tags=("mailer",),
    needs=("mta",),
)
def mailer_spool(ctx: Context) -> Observations:
    here = mailer(ctx)
    if here is None or "writes" not in here.table:
        skip("the mailer here is Postfix, or keeps no queue of an account of its own")
    top = mailers.spool(ctx, here)
    name = here.account or str(here.table["group"])
    data: Data = {
        "mailer": here.id,
        "program": here.program,
        "owner": here.account,
        "group": here.table.get("group", ""),
    }
    sound = True
    for path, needed in _needed(ctx, here, top):
        reply = ctx.ask(Stat(path))
        if reply.problem or not reply.exists or _may(reply, name, needed):
            continue
        sound = False
        does = "write there" if needed & 2 else "open its log there"
        text = f"belongs to {reply.owner}:{reply.group} (mode {reply.mode:04o}): {here.title}, which runs as {name}, cannot {does}"
        yield fail("host.queue-permissions", path, text, path=path, needed=needed, **data)
    if sound:
        yield ok("host.queue-permissions", top, f"{name} may write there", **data)
    yield from _own_rights(ctx, here, data)


def _needed(ctx: Context, here: Mailer, top: str) -> Iterator[tuple[str, int]]:
    """(path, rights needed, as one octal digit of a mode)."""
    yield from ((f"{top}{name}", 7) for name in here.table["writes"])
    for path in mailers.log_paths(ctx, here)[:1]:
        yield from ((path.rpartition("/")[0], 1), (path, 2))


def _may(stat: StatReply, name: str, needed: int) -> bool:
    shift = 6 if stat.owner == name else 3 if stat.group == name else 0
    return stat.mode >> shift & needed == needed


def _own_rights(ctx: Context, here: Mailer, data: Data) -> Observations:
    path, bit = here.table.get("injector", here.path), here.table["bit"]
    stat = ctx.ask(Stat(path))
    if stat.kind == "file" and not stat.mode & bit:
        text = f"is not {_BITS[bit]} (mode {stat.mode:04o}): called by an application, it cannot write to the queue"
        yield fail("host.setgid", path, text, path=path, mode=f"{bit:o}", **data)

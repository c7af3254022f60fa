"""Do the directories of the mailer's queue belong to the account that writes to them?

Exim gives up root's rights before it writes a message; nullmailer's sender never has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, Stat, check, fail, ok, skip
from diagnose.facts import mailer, mailers
from diagnose.model import Observation

# As their packages make them.
_BELOW = {"exim": ("", "/input", "/msglog", "/db"), "nullmailer": ("/queue", "/tmp")}


@check(
    id="mailer-spool",
    title="The mailer's queue directories",
    signs=("host.queue-permissions",),
    tags=("mailer",),
    needs=("mta",),
)
def mailer_spool(ctx: Context) -> Iterator[Observation]:
    here = mailer(ctx)
    if here is None or here.id not in _BELOW or not here.account:
        skip("the mailer here is Postfix, or keeps no queue of an account of its own")
    top = mailers.spool(ctx, here)
    data = {"mailer": here.id, "program": here.program, "owner": here.account}
    sound = True
    for path in (f"{top}{name}" for name in _BELOW[here.id]):
        reply = ctx.ask(Stat(path))
        if reply.kind != "dir" or reply.problem:
            continue
        mine = reply.owner == here.account and reply.mode & 0o700 == 0o700
        if mine or (reply.group == here.account and reply.mode & 0o070 == 0o070) or reply.mode & 0o007 == 0o007:
            continue
        sound = False
        text = f"belongs to {reply.owner}:{reply.group} (mode {reply.mode:04o}): {here.title}, which runs as {here.account}, cannot write there"
        yield fail("host.queue-permissions", path, text, path=path, **data)
    if sound:
        yield ok("host.queue-permissions", top, f"{here.account} may write there", **data)

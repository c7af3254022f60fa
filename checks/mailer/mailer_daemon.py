"""Does the mailer's daemon run?

Without its daemon Exim still delivers mail from the sendmail command at once, but retries nothing; nullmailer sends
nothing. msmtp, sSMTP and dma have no daemon.
"""

from __future__ import annotations

import re

from diagnose.check import (
    ANY,
    Context,
    Data,
    Exec,
    Now,
    Observation,
    Observations,
    Processes,
    Read,
    SignSpec,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mailer, mailer, queue
from diagnose.facts.contained import contained

_DEAD = ("zombie", "dead", "stopped", "tracing-stop")
# Debian's own switch: cron or nothing runs the queue then (/etc/default/exim4).
_NOT_WANTED = re.compile(r"(?m)^\s*QUEUERUNNER=['\"]?(?:no|nodaemon|ppp)\b")


@check(
    id="mailer-daemon",
    title="The mailer's daemon",
    signs=(SignSpec("mailer.daemon", {"kind": ("down", "dead"), "mailer": ANY}, clears="Postfix"),),
    tags=("mailer",),
    needs=("mta",),
)
def mailer_daemon(ctx: Context) -> Observations:
    here = mailer(ctx)
    if here is None:
        skip("the mailer here is Postfix")
    if not (pattern := here.table.get("process")):
        skip(f"{here.title} has no daemon: each message is sent by the program that the application calls")
    reply = ctx.ask(Processes())
    data: Data = {"mailer": here.id, "unit": here.table.get("unit", ""), "program": here.program}
    if reply.problem:
        yield unknown("mailer.daemon", here.title, f"Could not check whether it runs: {reply.problem}", **data)
        return
    wanted = re.compile(here.table.get("argument", ""))
    mine = [
        process
        for process in reply.processes
        if process.here and re.fullmatch(pattern, process.name) and wanted.search(" ".join(process.command))
    ]
    alive = [process for process in mine if process.state not in _DEAD]
    if alive:
        yield ok("mailer.daemon", here.title, f"runs (pid {alive[0].pid})", **data)
    elif mine:
        text = f"its process (pid {mine[0].pid}) is {mine[0].state}"
        yield fail("mailer.daemon", here.title, text, kind="dead", **data)
    elif not ctx.ask(Now()).root and not any(p.user not in ("", ctx.ask(Now()).user) for p in reply.processes):
        yield unknown("mailer.daemon", here.title, "other users' processes are hidden from this user", **data)
    else:
        yield _absent(ctx, here, data)


def _absent(ctx: Context, here: Mailer, data: Data) -> Observation:
    text = f"no process of {here.title}'s daemon runs{_consequence(here)}"
    if here.id == "exim" and _NOT_WANTED.search(ctx.ask(Read("/etc/default/exim4")).text):
        return warn("mailer.daemon", here.title, f"{text}; /etc/default/exim4 disables it (QUEUERUNNER)", **data)
    waiting = queue(ctx)
    if contained(ctx) and not (waiting and waiting.total > waiting.messages.get("hold", 0)):
        return warn("mailer.daemon", here.title, f"{text}, as is usual in a container; nothing waits", **data)
    unit = ctx.ask(Exec(("systemctl", "is-active", str(data["unit"])))).out.strip()
    said = f"; systemd says: {unit}" if unit else ""
    return fail("mailer.daemon", here.title, text + said, kind="down", **data)


def _consequence(here: Mailer) -> str:
    return {
        "exim": ": mail that fails at the first attempt is never tried again",
        "nullmailer": ": submitted mail stays in its queue",
    }.get(here.id, "")

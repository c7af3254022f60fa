"""Postfix's master process: who holds the lock on its pid file, as far as this user may know."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import mta
from diagnose.host.query import Dial, DialReply, Lock, Process, Processes

_MANAGERS = ("qmgr", "nqmgr", "oqmgr")


def master(ctx: Asks) -> Process | None:
    """The master that serves the queue directory, by the lock on its pid file; if that may not be asked, the only
    master of this host that has a queue manager. None if unknown."""
    running = ctx.ask(Processes()).processes
    lock = ctx.ask(Lock(f"{mta(ctx).queue_directory}/pid/master.pid"))
    holder = lock.holder
    if not holder and lock.problem and not mta(ctx).value("multi_instance_name"):
        above = {process.parent for process in running if process.here and process.name in _MANAGERS}
        holder = above.pop() if len(above) == 1 else 0
    return next((process for process in running if process.pid == holder and holder), None)


def greeting(ctx: Asks) -> DialReply:
    """How this host's own port 25 greets."""
    return ctx.ask(Dial(host="127.0.0.1", port=25, say="banner", connect_timeout=1.5))


def queue_manager(ctx: Asks) -> Process | None:
    """The master's queue manager, restarted by each start and reload."""
    top = master(ctx)
    if top is None:
        return None
    running = ctx.ask(Processes()).processes
    return next((process for process in running if process.parent == top.pid and process.name in _MANAGERS), None)

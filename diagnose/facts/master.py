"""Postfix's master process, found by the lock on its pid file."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import mta
from diagnose.host.query import Dial, DialReply, Lock, Process, Processes, Stat

_MANAGERS = ("qmgr", "nqmgr", "oqmgr")


def master(ctx: Asks) -> Process | None:
    """The master that holds the lock on the queue directory's pid file; if that cannot be read, the only master outside
    containers that has a queue manager. None if unknown."""
    running = ctx.ask(Processes()).processes
    lock = ctx.ask(Lock(f"{mta(ctx).queue_directory}/pid/master.pid"))
    holder = lock.holder
    if not holder and lock.problem and not mta(ctx).value("multi_instance_name"):
        above = {process.parent for process in running if process.here and process.name in _MANAGERS}
        holder = above.pop() if len(above) == 1 else 0
    return next((process for process in running if process.pid == holder and holder), None)


def greeting(ctx: Asks) -> DialReply:
    """The dialogue with port 25 of this host, up to the greeting."""
    return ctx.ask(Dial(host="127.0.0.1", port=25, say="banner", connect_timeout=1.5))


def queue_manager(ctx: Asks) -> Process | None:
    """The master's queue manager, which each start and reload replaces; None if unknown."""
    top = master(ctx)
    if top is None:
        return None
    running = ctx.ask(Processes()).processes
    return next((process for process in running if process.parent == top.pid and process.name in _MANAGERS), None)


def unread(ctx: Asks, path: str) -> float:
    """How many seconds after Postfix last started or reloaded the file was changed; 0.0 if before that, or unknown."""
    top, manager = master(ctx), queue_manager(ctx)
    reply = ctx.ask(Stat(path))
    later = reply.mtime - max(top.started, manager.started if manager else 0.0) if top and reply.exists else 0.0
    return later if later > 1.0 else 0.0

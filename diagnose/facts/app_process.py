"""The processes that take their mail settings from a file.


processes(ctx, app)   each process, with the variables that the file passes to it
account(ctx, app)     the account they run as
network(ctx, app)     a process whose network namespace they share, if it is not this host's
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.apps import formats
from diagnose.facts.application import Application, other
from diagnose.facts.applications import composed, handed, installed, started
from diagnose.facts.asks import Asks
from diagnose.host.query import EnvironmentCompare, Now, Process, Processes, Stat

_MOST = 6  # processes of a file
_WIDE = re.compile(r"|/(?:root|tmp|srv|opt)?|/(?:etc|home|var|usr|mnt)(?:/[\w-]+)?|/var/www")
_PASSING = re.compile(
    r"(?:-?(?:ba|da|z|k)?sh|vim?|nano|less|tail|cat|su|sudo|ssh|tmux|screen|systemd|containerd-shim.*)$"
)


def processes(ctx: Asks, app: Application) -> Iterator[tuple[Process, str, tuple[str, ...]]]:
    """(process, origin, names) of each process that takes its settings from the file, _MOST at most.

    origin: "container", "service" for a container that Compose made from this very file, "" otherwise; names: the
    environment variables that the file passes to it.
    """
    names = formats.names(app.path, app.raw, lambda path, kind: other(ctx, path, kind))
    every = {each.pid: each for each in ctx.ask(Processes()).processes}
    real = ctx.ask(Stat(app.path)).real or app.path
    folder = real.rpartition("/")[0]
    chosen: dict[int, str] = {}
    of_service: dict[int, tuple[str, ...]] = {}
    if app.path.endswith((".service", ".conf")):
        chosen = {each.pid: "" for each in started(ctx, app.path, app.raw)}
    for pid, service in composed(ctx, real) if re.search(r"\.ya?ml$", app.path) else ():
        given = formats.names(app.path, app.raw, lambda path, kind: other(ctx, path, kind), service)
        if pid in every and given:
            chosen[pid], of_service[pid] = "service", given
    for pid, text in handed(ctx, real) if names else ():
        # What the compose file itself sets takes precedence.
        given = tuple(name for name in names if name not in text)
        if pid in every and given:
            chosen[pid], of_service[pid] = "container", given
    for one in installed(ctx) if not chosen else ():
        if one.pid in every and (ctx.ask(Stat(one.app.path)).real or one.app.path) == real:
            chosen[one.pid] = "container" if one.container else ""
        elif one.pid in every and one.container and re.search(r"\.ya?ml$", app.path) and names:
            reply = ctx.ask(EnvironmentCompare(one.pid, app.path, names))
            if 2 * (len(reply.same) + len(reply.differ)) > len(names):
                chosen[one.pid] = "container"
    if not chosen and not _WIDE.fullmatch(folder):
        for process in every.values():
            if process.here and not _PASSING.match(process.program) and _of_folder(ctx, process, folder):
                chosen[process.pid] = ""
    for pid in sorted(chosen)[:_MOST]:
        yield every[pid], chosen[pid], of_service.get(pid, names)


def _of_folder(ctx: Asks, process: Process, folder: str) -> bool:
    """Whether a process has the folder as its working directory, or a path below it in its command line."""
    if any(re.search(rf"(?:^|=){re.escape(folder)}/", word) for word in process.command):
        return True
    return bool(process.command) and ctx.ask(Stat(f"/proc/{process.pid}/cwd")).real == folder


def account(ctx: Asks, app: Application) -> str:
    """The one account, other than root, that the application's processes outside containers run as; "" if there is
    none or more than one."""
    users = {process.user for process, of, _ in processes(ctx, app) if process.here and not of} - {"root"}
    return users.pop() if len(users) == 1 else ""


def network(ctx: Asks, app: Application) -> int:
    """The pid of a process of the application in its container's own network namespace; 0 if it shares this host's,
    or this user is not root."""
    if not ctx.ask(Now()).root:
        return 0
    for process, of, _ in processes(ctx, app):
        if of and (theirs := _space(ctx, str(process.pid))) and theirs != _space(ctx, "self"):
            return process.pid
    return 0


def _space(ctx: Asks, pid: str) -> str:
    return ctx.ask(Stat(f"/proc/{pid}/ns/net")).real.rpartition("/")[2]

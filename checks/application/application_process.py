"""Does the running application have the mail settings that its file holds?

A process keeps the environment that it was started with, and most applications read their files once: later changes
are not in force. Of applications that read them at each request, only a stale cache is reported.
"""

from __future__ import annotations

import re

from diagnose.apps import formats
from diagnose.check import (
    Context,
    Data,
    EnvironmentCompare,
    Observation,
    Observations,
    Process,
    Processes,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
)
from diagnose.facts.app_process import processes
from diagnose.facts.application import Application, found
from diagnose.facts.mail import written


@check(
    id="application-process",
    title="The application's process and its settings",
    signs=(SignSpec("app.process", {"kind": ("differs", "missing", "older", "same")}),),
    tags=("application",),
    needs=("linux",),
)
def application_process(ctx: Context) -> Observations:
    told = False
    for app in found(ctx).counting:
        table = formats.applications().get(app.product, {})
        if app.java or app.problem or app.settings is None:
            continue
        seen = [_cached(ctx, app, str(table.get("cache", "")))]
        when = str(table.get("read_when", "start"))
        if when != "request":
            seen += [_held(ctx, app, process, of, names, when) for process, of, names in processes(ctx, app)]
        for each in seen:
            if each is not None:
                told = True
                yield each
    if not told:
        skip("no process is known to have read an application's settings file")


def _cached(ctx: Context, app: Application, name: str) -> Observation | None:
    """A failure if the cached copy that the application reads is older than its .env file, else None. kind:
    "differs" if the copy lacks the mail host, else "older"."""
    assert app.settings is not None
    place = f"{app.path.rpartition('/')[0]}/{name}"
    stat = ctx.ask(Stat(place)) if name and app.path.rpartition("/")[2].startswith(".env") else None
    if stat is None or not stat.exists or not stat.mtime or stat.mtime >= app.mtime - 2:
        return None
    host = app.settings.host
    held = ctx.ask(Read(place, secret="settings")).text
    other = host and held and host not in held
    text = f"the application reads it instead of {app.path}, which was changed {written(ctx, app.mtime)}: it is of {written(ctx, stat.mtime)}"
    text += f" and does not name {host}" if other else ""
    kind = "differs" if other else "older"
    return fail("app.process", place, text, kind=kind, path=app.path, product=app.product, **app.words)


def _held(
    ctx: Context, app: Application, process: Process, of: str, names: tuple[str, ...], when: str
) -> Observation | None:
    reply = ctx.ask(EnvironmentCompare(process.pid, app.path, names)) if names else None
    if reply is not None and reply.problem:
        reply = None
    changed = bool(process.started and app.mtime and process.started < app.mtime - 2)
    data: Data = {"path": app.path, "pid": process.pid, "product": app.product, **app.words}
    begin = f"{process.program} (pid {process.pid}) has run since {written(ctx, process.started)}"
    handed = of or re.search(
        r"\.service(?:\.d/|$)|^/etc/(?:default|sysconfig|conf\.d)/" + r"|\.ya?ml$" * bool(names), app.path
    )
    if reply is not None and reply.differ:
        text = f"{begin} with a different {' and '.join(reply.differ[:3])} from the file's"
        return fail("app.process", f"pid {process.pid}", text, kind="differs", key=reply.differ[0], **data)
    if reply is not None and reply.missing and handed and (reply.same or changed or of == "service"):
        text = f"{begin} without {' and '.join(reply.missing[:3])}, which the file sets"
        return fail("app.process", f"pid {process.pid}", text, kind="missing", key=reply.missing[0], **data)
    if reply is not None and reply.same and not reply.missing:
        return ok("app.process", f"pid {process.pid}", "it was started with the file's values", kind="same", **data)
    # Where settings are cached, only long-running workers keep old ones.
    keeps = when == "start" or (when == "cache" and "artisan" in " ".join(process.command))
    if handed or not keeps or not process.started or not app.mtime:
        return None
    if changed and any(
        each.parent == process.pid and each.started > app.mtime for each in ctx.ask(Processes()).processes
    ):
        return None  # told to reload, it starts new workers
    if changed:
        text = f"{begin}, and the file was changed {written(ctx, app.mtime)}: it still has the file's old values"
        return fail("app.process", f"pid {process.pid}", text, kind="older", **data)
    return ok("app.process", f"pid {process.pid}", "it was started after the file was written", kind="same", **data)

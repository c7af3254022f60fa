"""Is a mail log kept on this host?"""

from __future__ import annotations

from diagnose.check import Context, Now, Observations, SignSpec, Stat, check, fail, ok, unknown, warn
from diagnose.facts import master, mta, postfix_log
from diagnose.knowledge.distributions import LOG_FILES


@check(
    id="log-presence",
    title="Presence of a mail log",
    signs=(SignSpec("host.mail-log", decisive=True),),
    tags=("postfix", "log"),
    needs=("postfix",),
)
def log_presence(ctx: Context) -> Observations:
    reply = postfix_log(ctx)
    source = ", ".join(reply.source)
    if reply.lines:
        yield ok("host.mail-log", source or "log", f"{len(reply.lines)} lines in the period that was read", path=source)
    elif reply.problem and "permission" in reply.problem:
        yield unknown("host.mail-log", "mail log", f"Could not read the mail log: {reply.problem}")
    elif (stopped := _stopped(ctx, reply.source or _files(ctx))) is not None:
        path, age = stopped
        text = f"ends {age:.0f} hours before Postfix was started: Postfix no longer writes to it"
        yield fail("host.mail-log", path, text, path=path)
    elif reply.source:
        yield ok("host.mail-log", source, "has no mail lines in the period that was read", path=source)
    elif not ctx.ask(Now()).root and (_files(ctx) or _log_service(ctx)):
        text = f"Could not read the mail log as this user: {reply.problem or 'none was found'}"
        yield unknown("host.mail-log", "mail log", text)
    elif (file := mta(ctx).value("maillog_file")).startswith("/dev/"):
        yield unknown(
            "host.mail-log", "mail log", f"Postfix writes it to {file}: look at the container's log", path=file
        )
    elif not file and _log_service(ctx):
        text = "a log service takes Postfix's messages, but none was found in its files or journal"
        yield warn("host.mail-log", "mail log", text, path="/dev/log")
    else:
        text = reply.problem or "neither a file nor the journal has mail messages"
        yield fail("host.mail-log", "mail log", text, path=file)


def _log_service(ctx: Context) -> bool:
    return any(ctx.ask(Stat(path)).exists for path in ("/dev/log", "/run/systemd/journal/socket"))


def _files(ctx: Context) -> tuple[str, ...]:
    """Mail log files that exist, or may exist where this user cannot look; only their mtimes are needed."""
    named = mta(ctx).value("maillog_file")
    usual = (*(path for path in LOG_FILES if "mail" in path), *((named,) if named.startswith("/var/") else ()))
    return tuple(path for path in dict.fromkeys(usual) if (reply := ctx.ask(Stat(path))).exists or reply.problem)


def _stopped(ctx: Context, sources: tuple[str, ...]) -> tuple[str, float] | None:
    """(newest log file, hours from its last line to the master's start), None if at most one: the start should be in
    the log."""
    process = master(ctx)
    files = {path: ctx.ask(Stat(path)) for path in sources if path.startswith("/")}
    if process is None or not process.started or not files or len(files) < len(sources):
        return None
    path, newest = max(files.items(), key=lambda item: item[1].mtime)
    hours = (process.started - newest.mtime) / 3600
    return (path, hours) if newest.exists and hours > 1 else None

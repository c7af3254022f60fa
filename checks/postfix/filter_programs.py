"""Do the programs exist that Postfix pipes mail to: content filters, delivery programs, mailbox_command?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import (
    ANY,
    Context,
    Data,
    Now,
    Observation,
    Observations,
    Processes,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    unknown,
)
from diagnose.facts import Mta, mail_log, mta, postfix_log
from diagnose.parse.text import duration

_FILTERED = re.compile(r"/pipe\[\d+\]: \w+: to=<.*status=sent")
_CAME_IN = re.compile(r"/pickup\[\d+\]: \w+: uid=|/smtpd\[\d+\]: \w+: client=")
_SEARCHED = ("/usr/bin", "/bin")  # by env(1), in the PATH that pipe(8) sets
_LONG = 60  # seconds; a run for one message takes a few
_BACKENDS = ("mailbox_transport", "virtual_transport", "local_transport", "fallback_transport")


@check(
    id="filter-programs",
    title="Pipe programs",
    signs=(SignSpec("filter.program", {"role": ANY}),),
    tags=("postfix",),
    needs=("postfix",),
)
def filter_programs(ctx: Context) -> Observations:
    postfix = mta(ctx)
    for role, parameter, path, channel in dict.fromkeys(_wanted(postfix)):
        reply = ctx.ask(Stat(path))
        data: Data = {"role": role, "parameter": parameter, "path": path, "endpoint": path}
        if reply.problem:
            yield unknown("filter.program", path, f"{parameter}: {reply.problem}", **data)
        elif not reply.exists:
            yield fail("filter.program", path, f"{parameter} pipes mail to it, and it does not exist", **data)
        elif reply.kind == "file" and not reply.mode & 0o111:
            text = f"{parameter} pipes mail to it, and it is not executable (mode {reply.mode:04o})"
            yield fail("filter.program", path, text, **data)
        elif (interpreter := _interpreter(ctx, path)) and not ctx.ask(Stat(interpreter)).exists:
            text = f"{parameter} pipes mail to it, and its interpreter {interpreter} does not exist"
            yield fail("filter.program", path, text, interpreter=interpreter, **data)
        else:
            yield (
                _hangs(ctx, channel, data)
                or _kept(ctx, data)
                or ok("filter.program", path, f"exists ({parameter})", **data)
            )


def _hangs(ctx: Context, channel: str, data: Data) -> Observation | None:
    """A failure if a run of this transport's pipe(8) has lasted for _LONG seconds, else None. pipe(8) gives up after
    `command_time_limit` (1000 s)."""
    known, now = ctx.ask(Processes()).processes, ctx.ask(Now()).epoch
    pipes = {each.pid for each in known if each.name == "pipe" and channel in each.command}
    longest = max((now - each.started for each in known if each.parent in pipes and each.started), default=0.0)
    if longest < _LONG:
        return None
    text = f"{data['parameter']} pipes mail to it, and one run of it has lasted for {duration.words(longest)}"
    return fail(
        "filter.program",
        str(data["path"]),
        text,
        **data | {"role": "hung" if data["role"] == "content" else data["role"]},
    )


def _kept(ctx: Context, data: Data) -> Observation | None:
    """A failure if a content filter took messages and handed none back, by the log: no more came in than it was
    given, and none went out; else None. A filter that delivers by itself looks the same."""
    log = mail_log(ctx)
    if data["role"] != "content" or log is None or log.outward:
        return None
    lines = postfix_log(ctx).lines
    given = sum(1 for line in lines if _FILTERED.search(line))
    if not given or sum(1 for line in lines if _CAME_IN.search(line)) > given:
        return None
    text = (
        f"{data['parameter']} pipes mail to it: it took {given} message{'s' if given > 1 else ''}, and handed none back"
    )
    return fail("filter.program", str(data["path"]), text, **data | {"role": "kept"})


def _interpreter(ctx: Context, path: str) -> str:
    """The program that a script's first line names, "" for any other program."""
    first = ctx.ask(Read(path, limit=256)).text.partition("\n")[0]
    words = first[2:].split() if first.startswith("#!/") else []
    if words[:1] == ["/usr/bin/env"] and words[1:] and re.fullmatch(r"[\w.+-]+", words[1]):
        places = [f"{folder}/{words[1]}" for folder in _SEARCHED]
        return next((place for place in places if ctx.ask(Stat(place)).exists), places[0])
    return words[0] if words else ""


def _wanted(postfix: Mta) -> Iterator[tuple[str, str, str, str]]:
    """(role, parameter, path, master.cf's service or "") of each program that the settings in use name."""
    named = [("content", "content_filter", postfix.value("content_filter"))]
    named += [
        ("content", f"content_filter of {service.name}", service.overrides["content_filter"])
        for service in postfix.master.services
        if service.overrides.get("content_filter") and service.command in ("smtpd", "pickup")
    ]
    named += [("backend", parameter, postfix.value(parameter)) for parameter in _BACKENDS]
    for role, parameter, value in named:
        service = postfix.master.get(value.partition(":")[0]) if value else None
        if service is not None and service.command == "pipe":
            argv = next((word for word in service.argv if word.startswith("argv=")), "")
            path = argv.removeprefix("argv=").strip("{}").split(" ")[0]
            if path.startswith("/"):
                yield role, parameter, path, service.name
    command = re.match(r"\"?(/[^\s\"]+)", postfix.value("mailbox_command"))
    if command:
        yield "backend", "mailbox_command", command[1], ""

"""The applications on this host that have mail settings, found without a file system walk: by processes, units,
containers and usual paths (`diagnose/knowledge/installed.toml`).

installed(ctx)      all of them
sole(ctx)           the running one, if there is only one
composed(ctx, file) the containers that Compose made from a file
started(ctx, path, unit) the processes of a unit
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from diagnose.apps import formats
from diagnose.facts.application import Application, read
from diagnose.facts.asks import Asks, globbed
from diagnose.host.query import Glob, Process, Processes, Read, Stat
from diagnose.knowledge import documents
from diagnose.record import frozen

MOST = 40  # files read
_LOCAL = re.compile(r"localhost(?:\.localdomain|[46])?|ip6-localhost|127\.\d+\.\d+\.\d+|\[?::1\]?", re.I)
# Folder names that do not identify an application.
_COMMON = frozenset(
    "conf config custom current environments etc html htdocs httpdocs live opt public public_html releases root settings shared srv "
    "system userdata web www home containers".split()
)
_SETTINGS_FILE = re.compile(r"=?(/[\w./+@-]+\.(?:ini|ya?ml|toml|conf|cfg|env|properties|json|php|rb|py))$")
_ENVIRONMENT_FILE = re.compile(r"^[ \t]*EnvironmentFile=-?(/\S+)", re.M)
_EXEC = re.compile(r"^[ \t]*ExecStart=[-@:+!]*(/\S.*)$", re.M)
_GROUP = re.compile(r"/([\w@.:-]+)\.service\b")
_COMPOSED = re.compile(r"\"com\.docker\.compose\.project\.config_files\":\s*\"([^\"\s]+)\"")
_SERVICE = re.compile(r"\"com\.docker\.compose\.service\":\s*\"([^\"\s]+)\"")
_PID = re.compile(r"\"Pid\":\s*(\d+)")
_MAIL = re.compile(r"smtp|mail", re.I)


@frozen
class Installed:
    """name: short and unique; title: the kind of application; app: its settings file; pid: of one of its processes,
    0 if unknown; running: whether it is seen to run; container: whether the settings are a container's."""

    name: str
    title: str
    app: Application
    pid: int = 0
    running: bool = False
    container: bool = False

    @property
    def way(self) -> tuple[str, str]:
        """(kind, description) of how its mail leaves: smtp, local (a program or server on this host), api or off."""
        settings = self.app.settings
        if settings is None:
            return "off", "not known"
        if settings.api:
            return "api", f"the API of {settings.api}"
        if settings.program:
            return "local", f"{settings.program} on this host"
        if not settings.configured:
            return "off", settings.problems[0].text if settings.problems else "nothing: mail is not set up"
        place = f"{settings.host}:{settings.port}"
        here = _LOCAL.fullmatch(settings.host) is not None and not self.container
        return ("local", f"{place} on this host") if here else ("smtp", place)


@functools.cache
def places() -> Mapping[str, Any]:
    return documents.document("installed.toml")


@functools.cache
def _any_program() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each['command']})" for each in places()["program"]))


def installed(ctx: Asks) -> tuple[Installed, ...]:
    """All applications, sorted by name, without files that could not be read as mail settings."""
    found: dict[str, Installed] = {}
    for path, title, process, called in _candidates(ctx):
        if len(found) >= MOST:
            break
        real = ctx.ask(Stat(path)).real or path
        if real in found:
            if process is not None and not found[real].pid:
                found[real] = replace(found[real], pid=process.pid, running=True)
            continue
        app = read(ctx, path, "found", {})
        if app.settings is None or app.problem or not (app.product or app.java):
            continue
        found[real] = Installed(
            name=called or _name(path, app.product),
            title=_title(app) or title or "application",
            app=app,
            pid=process.pid if process else 0,
            running=process is not None or (path.endswith((".php", ".env")) and _php_runs(ctx)),
        )
    every = [*found.values(), *_contained(ctx)]
    return tuple(sorted(_distinct(every), key=lambda each: each.name))


def sole(ctx: Asks) -> Installed | None:
    """The only application with mail settings here, if it runs outside a container; its server may be tried unasked."""
    every = installed(ctx)
    return every[0] if len(every) == 1 and every[0].running and not every[0].container else None


def _title(app: Application) -> str:
    """The title in its format's table, "" for the generic "the application"."""
    title = str(formats.applications().get(app.product, {}).get("title", ""))
    return title if title != "the application" else ""


_Candidate = tuple[str, str, Process | None, str]


def _candidates(ctx: Asks) -> Iterator[_Candidate]:
    """(path, kind of program that reads it, its process or None, its name or "")."""
    for process in ctx.ask(Processes()).processes:
        yield from _of_process(ctx, process)
    for path in globbed(ctx, places()["units"]):
        text = ctx.ask(Read(path)).text
        for each in (path, *_ENVIRONMENT_FILE.findall(text)):
            if _MAIL.search(text if each == path else ctx.ask(Read(each)).text):
                yield each, "service", next(started(ctx, path, text), None), _unit(path)
    for path in globbed(ctx, places()["usual"]):
        yield path, "", None, ""
    for path in globbed(ctx, (pattern.format("*compose*.y*ml") for pattern in places()["compose"])):
        if path.rpartition("/")[2] in places()["compose_names"]:
            yield path, "compose file", None, ""
    for path in globbed(ctx, places()["containers"], MOST):
        for files_ in _COMPOSED.findall(ctx.ask(Read(path)).text):
            for each in files_.split(","):
                if each.startswith("/"):
                    yield each, "compose file", None, ""


def started(ctx: Asks, path: str, unit: str) -> Iterator[Process]:
    """The processes of the unit's ExecStart program, without those of other units, which may share its interpreter.
    path: of the unit; unit: its text."""
    found = _EXEC.search(unit)
    program, *rest = found[1].split() if found else ("",)
    plain = [word for word in rest[:2] if not re.search(r"[\\$%'\"{}]", word)]
    for process in ctx.ask(Processes()).processes if found else ():
        if process.here and program in process.command[:2] and all(word in process.command for word in plain):
            group = _GROUP.search(ctx.ask(Read(f"/proc/{process.pid}/cgroup")).text)
            if group is None or re.fullmatch(re.sub("@$", "@.*", re.escape(_unit(path))), group[1]):
                yield process


def _unit(path: str) -> str:
    return re.sub(r".*/([\w@.-]+)\.service(?:\.d/.*)?$", r"\1", path)


def _of_process(ctx: Asks, process: Process) -> Iterator[_Candidate]:
    line = " ".join(process.command)
    if not process.here or not _any_program().search(line):
        return
    program = next(each for each in places()["program"] if re.search(each["command"], line))
    for word in process.command:
        if named := _SETTINGS_FILE.search(word):
            yield named[1], program["title"], process, ""
    folder = ctx.ask(Stat(f"/proc/{process.pid}/cwd")).real
    if not folder.startswith("/") or folder == "/" or folder.startswith("/proc/"):
        return
    for pattern in program["beside"]:
        path = f"{folder}/{pattern}"
        for each in ctx.ask(Glob(path)).paths if "*" in pattern else (path,):
            if ctx.ask(Stat(each)).kind == "file":
                yield each, program["title"], process, ""


def _php_runs(ctx: Asks) -> bool:
    return any(re.match(places()["php"], p.command[0] if p.command else p.name) for p in ctx.ask(Processes()).processes)


def _contained(ctx: Asks) -> Iterator[Installed]:
    """Containers with mail settings in their environment, by the runtime's own files, which only root may read."""
    for path in globbed(ctx, places()["containers"], MOST):
        text = ctx.ask(Read(path)).text
        if not re.search(r"\"\w*(?:SMTP|MAIL)\w*=", text):
            continue
        app = read(ctx, path, "found", {})
        if app.settings is None or app.problem:
            continue
        name = re.search(r"\"Name\":\s*\"/?([\w.-]+)\"|\"hostname\":\s*\"([\w.-]+)\"", text)
        number = _pid(ctx, path, text)
        yield Installed(
            name=(name[1] or name[2]) if name else path.rsplit("/", 3)[1][:12],
            title=_title(app) or "container",
            app=app,
            pid=number,
            running=number > 0,
            container=True,
        )


def composed(ctx: Asks, file: str) -> Iterator[tuple[int, str]]:
    """(first pid, service) of each running container that Compose made from the file, by the container's labels."""
    return ((pid, service) for pid, service, made_of in _by_compose(ctx) if file in made_of)


def handed(ctx: Asks, file: str) -> Iterator[tuple[int, str]]:
    """(first pid, text of its compose files) of each running container that has the file as env_file."""
    folder, _, name = file.rpartition("/")
    for pid, _, made_of in _by_compose(ctx):
        texts = [ctx.ask(Read(each)).text for each in made_of if each.rpartition("/")[0] == folder]
        if any(re.search(rf"env_file:[^:]*?[\s'\"\[/]{re.escape(name)}['\"\],\s]", text) for text in texts):
            yield pid, "\n".join(texts)


def _by_compose(ctx: Asks) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """(first pid, service, compose files) of each running Compose container."""
    for path in globbed(ctx, places()["containers"], MOST):
        text = ctx.ask(Read(path)).text
        made, service = _COMPOSED.search(text), _SERVICE.search(text)
        if made and service and (pid := _pid(ctx, path, text)):
            yield pid, service[1], tuple(made[1].split(","))


def _pid(ctx: Asks, path: str, text: str) -> int:
    """The first pid of a container, from the runtime's file or the pidfile beside it; 0 if it does not run."""
    pid = _PID.search(text)
    said = pid[1] if pid else ctx.ask(Read(path.replace("config.json", "pidfile"))).text.strip()
    return int(said) if said.isdecimal() else 0


def _name(path: str, product: str) -> str:
    """The innermost folder with a distinctive name, else the product or the file's name."""
    folders = [each for each in path.split("/")[1:-1] if each not in _COMMON and not each.startswith((".", "20"))]
    file = path.rpartition("/")[2]
    home = path.startswith("/home/") and len(folders) > 1
    return folders[-1] if folders and (folders[-1] != "var" or home) else product or file


def _distinct(every: list[Installed]) -> Iterator[Installed]:
    """The applications without duplicates, names made unique by a number. A compose file is dropped if a container
    has the same settings."""
    kept: list[Installed] = []
    held = {_way(each) for each in every if each.container}
    for each in every:
        if each.title == "compose file" and _way(each) in held:
            continue
        if any(_way(other) == _way(each) and other.name == each.name for other in kept):
            continue
        kept.append(each)
    taken: dict[str, int] = {}
    for each in kept:
        taken[each.name] = taken.get(each.name, 0) + 1
        yield replace(each, name=f"{each.name}-{taken[each.name]}") if taken[each.name] > 1 else each


def _way(each: Installed) -> tuple[object, ...]:
    settings = each.app.settings
    return (settings.host, settings.port, settings.user, settings.program) if settings else ()

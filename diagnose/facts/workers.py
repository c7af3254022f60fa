"""What should start an application's queue worker on this host, whether it runs, and how many jobs wait.

started_by(ctx, worker)   systemd units, supervisor programs and crontab lines that start it
states(ctx, names)        systemd's properties of units
jobs(ctx, worker, …)      how many jobs wait, if the queue can be read without a login
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from diagnose.facts.asks import Asks, globbed
from diagnose.host.query import Exec, Listeners, Process, Processes, Read, Stat
from diagnose.knowledge import documents
from diagnose.record import frozen

Worker = Mapping[str, Any]
_UNITS = (
    "/etc/systemd/system/*.service", "/lib/systemd/system/*sidekiq*.service", "/lib/systemd/system/*celery*.service",
    "/lib/systemd/system/*worker*.service", "/lib/systemd/system/*queue*.service",
)  # fmt: skip
_SUPERVISED = ("/etc/supervisor/conf.d/*.conf", "/etc/supervisord.d/*.ini", "/etc/supervisord.conf")
_CRONTABS = ("/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/*")
_STARTS = re.compile(r"^[ \t]*ExecStart=((?:.*\\\n)*.*)$", re.M)
_FOLDER = re.compile(r"^[ \t]*(?:WorkingDirectory|directory)[ \t]*=[ \t]*[-~!]*(/\S+)", re.M)
_PROGRAM = re.compile(r"^\[program:(?P<name>[^\]\n]+)\][ \t]*\n(?P<body>(?:(?!\[)[^\n]*\n?)*)", re.M)
_CRON = r"(?:^|/)(?:cron|crond|fcron|dcron|bcron)\b|busybox crond"
_GENERATORS = ("/usr/lib/systemd/system-generators/*crontab*", "/lib/systemd/system-generators/*crontab*")
_PROPERTIES = "Id,LoadState,Type,ActiveState,SubState,Result,UnitFileState"
_MOST = 60  # files read of each kind


@frozen
class Starter:
    """kind: unit, program (of supervisor) or cron; name: of the unit or program, or the crontab's path; folder: of the
    application, "" if unknown; direct: it starts the worker itself, not a scheduler that does."""

    kind: str
    name: str
    path: str
    folder: str = ""
    direct: bool = True


@functools.cache
def workers() -> tuple[Worker, ...]:
    """The table of workers (`diagnose/knowledge/workers.toml`)."""
    return tuple(documents.document("workers.toml")["worker"])


def running(ctx: Asks, pattern: str) -> tuple[Process, ...]:
    """Processes whose command line matches the pattern, in containers, too."""
    return tuple(p for p in ctx.ask(Processes()).processes if p.state != "zombie" and re.search(pattern, p.line))


def at_work(ctx: Asks, worker: Worker, folder: str) -> bool:
    """Whether a worker process may belong to the application in this folder: not known to belong to another one."""
    return any(_fits(ctx, process, folder) for process in running(ctx, worker["process"]))


def _fits(ctx: Asks, process: Process, folder: str) -> bool:
    if not folder or not process.here or folder in process.line:
        return True
    real = ctx.ask(Stat(f"/proc/{process.pid}/cwd")).real
    return real in ("", "/") or real.startswith((folder, "/proc/"))


def cron_runs(ctx: Asks) -> bool:
    """Whether a cron daemon runs, or systemd has a crontab generator."""
    return bool(running(ctx, _CRON)) or any(globbed(ctx, _GENERATORS))


def everything_seen(ctx: Asks) -> bool:
    """Whether all processes are visible, rather than other users' hidden by /proc's hidepid."""
    return any(p.pid == 1 for p in ctx.ask(Processes()).processes)


def started_by(ctx: Asks, worker: Worker) -> tuple[Starter, ...]:
    return (*_units(ctx, worker), *_programs(ctx, worker), *_lines(ctx, worker))


def _folder(worker: Worker, started: str, text: str = "") -> str:
    named = re.search(worker["folder"], started) if "folder" in worker else None
    own = named or _FOLDER.search(text) or re.search(r"\bcd[ \t]+(/\S+)", started)
    return own[1].rstrip("/;") if own else ""


def _starts(worker: Worker) -> str:
    return str(worker.get("starts", worker["process"]))


def _units(ctx: Asks, worker: Worker) -> Iterator[Starter]:
    for path in globbed(ctx, _UNITS, _MOST):
        text = ctx.ask(Read(path)).text
        for found in _STARTS.findall(text):
            line = re.sub(r"\\\n\s*", " ", found)
            if re.search(_starts(worker), line):
                name = path.rpartition("/")[2]
                yield Starter(kind="unit", name=name, path=path, folder=_folder(worker, line, text))
                break


def _programs(ctx: Asks, worker: Worker) -> Iterator[Starter]:
    for path in globbed(ctx, _SUPERVISED, _MOST):
        for program in _PROGRAM.finditer(ctx.ask(Read(path)).text):
            body = program["body"]
            command = re.search(r"^command[ \t]*=[ \t]*(.*)$", body, re.M)
            idle = re.search(r"^autostart[ \t]*=[ \t]*(?:false|0|no|off)\b", body, re.M | re.I)
            if command and not idle and re.search(_starts(worker), command[1]):
                folder = _folder(worker, command[1], body)
                yield Starter(kind="program", name=program["name"], path=path, folder=folder)


def _lines(ctx: Asks, worker: Worker) -> Iterator[Starter]:
    if "cron" not in worker:
        return
    for path in globbed(ctx, _CRONTABS, _MOST):
        for line in ctx.ask(Read(path)).text.splitlines():
            if re.match(r"[ \t]*[\d*@]", line) and re.search(worker["cron"], line):
                direct = re.search(worker["process"], line) is not None
                yield Starter(kind="cron", name=path, path=path, folder=_folder(worker, line), direct=direct)


def states(ctx: Asks, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """systemd's properties of loaded units, and of timers of the same names, by unit; {} if systemd does not answer."""
    if not names:
        return {}
    wanted = [*names, *(name.replace(".service", ".timer") for name in names)]
    reply = ctx.ask(Exec(("systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", *wanted), timeout=2.5))
    found = {}
    for block in reply.out.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines() if "=" in line)
        values = {**dict.fromkeys(_PROPERTIES.split(","), ""), **{name: value for name, _, value in pairs}}
        if values["Id"] and values["LoadState"] == "loaded":
            found[values["Id"]] = values
    return found


def supervised_state(ctx: Asks, name: str) -> str:
    """supervisor's state of one of its programs, RUNNING if any of its processes runs; "" if supervisor does not say."""
    reply = ctx.ask(Exec(("supervisorctl", "status"), timeout=2.0))
    words = re.findall(rf"^{re.escape(name)}(?::\S+)?[ \t]+([A-Z]+)\b", reply.out, re.M)
    return next((word for word in words if word in ("RUNNING", "STARTING")), words[0] if words else "")


# --- waiting jobs ----------------------------------------------------------------------------------------------------


def local_queue(ctx: Asks, text: str) -> bool:
    """Whether the settings' Redis (default: localhost) is reachable from this host only."""
    host, port, *_ = _redis(text)
    if host not in ("localhost", "127.0.0.1", "::1"):
        return False
    found = {each.address for each in ctx.ask(Listeners()).listeners if each.port == port}
    return found <= {"127.0.0.1", "::1"}


def jobs(ctx: Asks, worker: Worker, text: str, folder: str) -> tuple[int, int] | None:
    """(waiting jobs, workers registered in the queue, 0 if it does not count them); None if unreadable without a
    login. text: of the application's settings."""
    title = worker["title"]
    if "Laravel" in title and re.search(worker["stored"], text, re.M):
        return _by_sqlite(ctx, text, folder)
    host, port, number, open_ = _redis(text)
    if not open_ or host not in ("localhost", "127.0.0.1", "::1"):
        return None

    def ask(*words: str) -> list[str] | None:
        reply = ctx.ask(Exec(("redis-cli", "-h", host, "-p", str(port), "-n", str(number), *words), timeout=1.5))
        return None if reply.problem or reply.code or re.search(r"NOAUTH|ERR|refused", reply.out) else reply.out.split()

    queues, known = _QUEUES.get(title, ((), ""))
    names = [name for key in queues if key.startswith("=") for name in [key[1:]]]
    for key in queues:
        if not key.startswith("="):
            members = ask("SMEMBERS", key)
            if members is None:
                return None
            names += [name if ":" in name else f"queue:{name}" for name in members[:20]]
    if "Laravel" in title:
        names += _laravel_keys(text)
    counts = [ask("LLEN", name) for name in dict.fromkeys(names)]
    if not counts or any(count is None for count in counts):
        return None
    seen = ask("SCARD", known) if known else ["0"]
    return sum(map(_whole, counts)), _whole(seen)


# Redis keys: sets of queue names, or (=) lists; and the set of running workers.
_QUEUES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "Sidekiq": (("queues",), "processes"),
    "the RQ worker": (("rq:queues",), "rq:workers"),
    "the Celery worker": (("=celery",), ""),
    "Laravel's queue worker": ((), ""),
}


def _whole(words: list[str] | None) -> int:
    return int(words[0]) if words and words[0].isdecimal() else 0


def _laravel_keys(text: str) -> list[str]:
    """The Redis list of Laravel's queue; the key's prefix is REDIS_PREFIX, else made of APP_NAME and "database"
    (config/database.php)."""
    prefix, name = _value(text, "REDIS_PREFIX"), _value(text, "APP_NAME") or "laravel"
    both = [re.sub(r"[^a-z0-9]+", sign, name.lower()).strip(sign) + f"{sign}database{sign}" for sign in "_-"]
    return [f"{each}queues:{_value(text, 'REDIS_QUEUE') or 'default'}" for each in ([prefix] if prefix else both)]


def _value(text: str, name: str) -> str:
    found = re.search(rf"^[ \t]*(?:export )?(?:Environment=)?\"?{name}[ \t]*=[ \t]*(.*?)[ \t]*$", text, re.M)
    value = found[1].strip("\"'") if found else ""
    return "" if value in ("null", "(null)") else value


def _redis(text: str) -> tuple[str, int, int, bool]:
    """(host, port, database, whether no password is set); host "" if it is no plain Redis."""
    url = next((v for n in ("CELERY_BROKER_URL", "REDIS_URL", "BROKER_URL") if (v := _value(text, n))), "")
    if url:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "localhost", parts.port or 6379
        except ValueError:
            return "", 0, 0, False
        number = parts.path.strip("/")
        return (
            host if parts.scheme == "redis" else "",
            port,
            int(number) if number.isdecimal() else 0,
            not parts.password,
        )
    port_, number = _value(text, "REDIS_PORT"), _value(text, "REDIS_DB")
    return (
        _value(text, "REDIS_HOST") or "127.0.0.1",
        int(port_) if port_.isdecimal() else 6379,
        int(number) if number.isdecimal() else 0,
        not _value(text, "REDIS_PASSWORD"),
    )


def _by_sqlite(ctx: Asks, text: str, folder: str) -> tuple[int, int] | None:
    """(Laravel's jobs due for ten minutes that no worker has reserved, 0); None if its database is not SQLite."""
    if _value(text, "DB_CONNECTION") != "sqlite":
        return None
    path = _value(text, "DB_DATABASE") or f"{folder}/database/database.sqlite"
    if not path.startswith("/"):
        return None
    words = "select count(*) from jobs where reserved_at is null and available_at < strftime('%s','now') - 600"
    reply = ctx.ask(Exec(("sqlite3", "-readonly", path, words), timeout=2.0))
    return (_whole(reply.out.split()), 0) if not reply.problem and reply.code == 0 else None

"""The MTA of a host without Postfix: the mailer behind the sendmail command, and what its commands and files say.

mailer(ctx)      the mailer, None if Postfix is installed or the mailer is unknown
outgoing(ctx)    the server that its settings send mail to
login(ctx, way)  the login that it would use there
queue(ctx)       its queue
log(ctx)         the day's log
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from diagnose.apps import formats, logins
from diagnose.apps.settings import MailSettings
from diagnose.facts.asks import Asks, Same
from diagnose.facts.postfix import mta
from diagnose.host.query import Exec, ExecReply, Glob, Login, LogReply, Lookup, MailLog, Now, Read, Stat, StatReply
from diagnose.knowledge.distributions import OWNERS, SENDMAIL
from diagnose.knowledge.mailers import mailers, recognise
from diagnose.parse.mailers import exim, queues, settings
from diagnose.parse.mailers.way import Way
from diagnose.record import frozen

if TYPE_CHECKING:
    from diagnose.parse.mailers.log import Reader
    from diagnose.parse.postfix.queue import QueueSummary

_EXIM_OPTIONS = ("spool_directory", "log_file_path", "exim_user", "primary_hostname")
_SECONDS = 4.0  # for one of a mailer's commands


@frozen
class Mailer:
    """id: a key of `diagnose.knowledge.mailers`; path: of the program behind the sendmail command; options: some of
    Exim's main options; complaint: its error if it rejects its own configuration."""

    id: str
    path: str
    table: Mapping[str, Any]
    options: Mapping[str, str] = field(default_factory=dict)
    complaint: str = ""

    @property
    def title(self) -> str:
        return str(self.table["title"])

    @property
    def program(self) -> str:
        """The program whose terms advice uses (`diagnose.knowledge.programs`)."""
        return str(self.table["program"])

    @property
    def listens(self) -> bool:
        """Whether it also accepts mail by SMTP."""
        return self.table.get("listens") is not False

    @property
    def account(self) -> str:
        return self.options.get("exim_user") or str(self.table.get("account", ""))

    @property
    def command(self) -> str:
        """The name of its program."""
        return self.path.rpartition("/")[2]


def mailer(ctx: Asks) -> Mailer | None:
    postfix = mta(ctx)
    if postfix.installed or not postfix.problem or "not installed" not in postfix.problem:
        return None
    for path in SENDMAIL:
        reply = ctx.ask(Stat(path))
        if not reply.exists:
            continue
        real = reply.real or path
        id = recognise(real) or recognise(owner(ctx, real))
        if not id:
            return None
        found = Mailer(id=id, path=real, table=mailers()[id])
        return _exim(ctx, found) if id == "exim" else replace(found, complaint=_complaint(ctx, found))
    return None


def _complaint(ctx: Asks, here: Mailer) -> str:
    """The first error of its own check of its settings; only for root, as others may not read what these name."""
    words, pattern = here.table.get("check", ((), ""))
    if not words or not ctx.ask(Now()).root:
        return ""
    said = ctx.ask(Exec(_command(here, words), timeout=_SECONDS))
    found = re.search(pattern, f"{said.out}\n{said.err}") if said.code else None
    return found[0].strip() if found else ""


def _command(here: Mailer, words: Sequence[str]) -> tuple[str, ...]:
    """Options are those of the mailer's own program."""
    return (here.command, *words) if words[0].startswith("-") else tuple(words)


def owner(ctx: Asks, path: str) -> str:
    """The package that owns a file, "" if unknown."""
    for argv in ((*words, path) for words in OWNERS):
        reply = ctx.ask(Exec(argv))
        if reply.code == 0 and reply.out.strip():
            # dpkg lists a diverted file with the diverting package.
            return "" if "diversion" in reply.out else reply.out.partition(":")[0].strip()
    return ""


def _exim(ctx: Asks, found: Mailer) -> Mailer:
    reply = ctx.ask(Exec((found.command, "-bP", *_EXIM_OPTIONS), timeout=_SECONDS))
    options = exim.options(reply.out)
    said = "\n".join(line.strip() for line in reply.err.splitlines() if line.strip() and not line.startswith("LOG:"))
    complaint = said if reply.code not in (0, None) and "spool_directory" not in options else ""
    return Mailer(id=found.id, path=found.path, table=found.table, options=options, complaint=complaint)


def title(ctx: Asks, here: Mailer) -> str:
    """Its title, with the version if its command prints one."""
    asked, pattern = here.table.get("version", ((), ""))
    said = ctx.ask(Exec((here.command, *asked), timeout=_SECONDS)).out if asked else ""
    number = re.search(pattern, said) if pattern else None
    return f"{here.title} {number[1]}" if number else here.title


# --- settings ---------------------------------------------------------------------------------------------------------


@frozen
class Found:
    """A settings file. problem: why it cannot be read or parsed; settings: only of mailers that
    `diagnose.apps.formats` reads."""

    path: str = ""
    text: str = ""
    settings: MailSettings | None = None
    problem: str = ""


def settings_file(ctx: Asks, here: Mailer) -> Found:
    """The first settings file that exists; `problem` says if there is none."""
    paths = here.table["settings"]
    for path in paths:
        stat = ctx.ask(Stat(path))
        if not stat.exists and stat.problem in (None, "not found"):
            continue
        reply = ctx.ask(Read(path, secret="smtpd" if here.table["reading"] == "smtpd" else "settings"))
        if reply.problem:
            return Found(path=path, problem=reply.problem)
        if here.table["reading"] != "format":
            return Found(path=path, text=reply.text)
        read = formats.read(path, reply.text)
        return Found(path=path, text=reply.text, settings=read.settings, problem=read.problem)
    return Found(path=paths[0], problem="not found")


def readable(settings: StatReply, program: StatReply) -> bool:
    """Whether a mailer without its own account can read its settings: it runs as the application's user, who may be
    in the file's group, or with the group of its command (in Debian ssmtp, dma and, from 13 on, msmtp are setgid
    mail or msmtp)."""
    group = settings.group not in ("root", "") or (program.mode & 0o2000 and program.group == settings.group)
    return bool(settings.mode & 0o004 or (settings.mode & 0o040 and group))


def outgoing(ctx: Asks) -> Way:
    """Where the mailer sends mail; Way(kind="") with the reason in `problem` if unknown."""
    here = mailer(ctx)
    if here is None:
        return Way(kind="", problem="no mailer is known here")
    if here.complaint:
        return Way(kind="", problem=f"{here.title} refuses its settings: {here.complaint.splitlines()[0]}")
    reading = here.table["reading"]
    if reading == "exim":
        return _exim_way(ctx, here)
    found = settings_file(ctx, here)
    if found.problem or (reading == "format" and found.settings is None):
        return Way(kind="", problem=f"{found.path}: {found.problem}")
    if reading == "format":
        assert found.settings is not None
        return _of_format(ctx, here, found, found.settings)
    return settings.sendmail(found.text) if reading == "sendmail" else settings.smtpd(found.text)


def _exim_way(ctx: Asks, here: Mailer) -> Way:
    asked = [ctx.ask(Exec((here.command, "-bP", what), timeout=_SECONDS)) for what in ("routers", "transports")]
    for reply in asked:
        if reply.problem or (reply.code and not reply.out):
            last = (reply.err.strip().splitlines() or ["it printed nothing"])[-1]
            return Way(kind="", problem=f"exim -bP: {reply.problem or last}")
    routers, transports = (exim.blocks(reply.out) for reply in asked)
    if not routers:
        return Way(kind="", problem="exim -bP routers shows none")
    return exim.way(routers, transports, here.options)


def _of_format(ctx: Asks, here: Mailer, found: Found, said: MailSettings) -> Way:
    if here.id == "nullmailer" and len(re.findall(r"(?m)^[ \t]*[^#\s]", found.text)) > 1:
        return Way(kind="", problem=f"{found.path} names several servers, which this tool does not distinguish")
    careless = re.search(r"(?m)^\s*tls_certcheck\s+off|--insecure\b", found.text)
    pin = re.search(r"(?m)^\s*tls_fingerprint\s+([\da-fA-F:]+)", found.text) if not careless else None
    trust = re.search(r"(?m)^\s*tls_trust_file\s+(/\S+)|--x509cafile=(\S+)", found.text)
    by = {"msmtp": "tls_fingerprint" if pin else "tls, tls_starttls", "nullmailer": "--ssl, --starttls"}.get(
        here.id, "its TLS settings"
    )
    # nullmailer does not log in without a password.
    auth = said.auth and not (here.id == "nullmailer" and said.password is None)
    kept = "file" if here.id == "dma" else "" if not auth else "settings" if said.user else "elsewhere"
    return Way(
        kind="relay" if said.host else "direct" if here.id == "dma" else "",
        host=said.host,
        port=said.port or 25,
        tls=said.tls,
        verifies=here.id in ("msmtp", "nullmailer") and not careless and not pin,
        pin=pin[1] if pin else "",
        ca_file=(trust[1] or trust[2]) if trust else "",
        tls_by=by,
        relay_by=found.path,
        user=said.user,
        login_by=kept,
        problem="" if said.host else "no server is named",
    )


@frozen
class OwnLogin:
    """path: of the file that holds or should hold the login; login: for a Dial, None if the mailer would not log in;
    found: an entry with a password exists; problem: why the login is unknown; near: the host of an entry for another
    server, or of one with a port, which the mailer misreads; port: that port; name: the server name looked up."""

    path: str = ""
    login: Login | None = None
    user: str = ""
    found: bool = False
    problem: str = ""
    near: str = ""
    port: str = ""
    name: str = ""


def login(ctx: Asks, way: Way) -> OwnLogin:
    here = mailer(ctx)
    if here is None or not way.login_by:
        return OwnLogin()
    if way.login_by == "elsewhere":
        return OwnLogin(problem="its login is in a place that this tool does not read")
    if way.login_by == "settings":
        found = settings_file(ctx, here)
        said = found.settings
        if said is None or said.password is None:
            return OwnLogin(path=found.path, problem="its password comes from a command or another file")
        keys = (said.user_key, said.password_key)
        return OwnLogin(
            path=found.path,
            login=Login("settings", found.path, keys),
            user=said.user,
            found=said.password.length != "empty",
        )
    return _in_file(ctx, here, way)


def _in_file(ctx: Asks, here: Mailer, way: Way) -> OwnLogin:
    path = next((path for path in here.table["logins"] if _there(ctx, path)), here.table["logins"][0])
    reply = ctx.ask(Read(path, secret="logins"))
    if reply.problem and reply.problem != "not found":
        return OwnLogin(path=path, problem=reply.problem)
    name = canonical(ctx, way.host) if here.id == "exim" else way.host
    entry = logins.find(reply.text, (name,))
    if entry is None:
        near = logins.find(reply.text, (way.host,)) or next(logins.entries(reply.text), None)
        return OwnLogin(path=path, near=near.host if near else "", name=name)
    if entry.port:
        return OwnLogin(path=path, user=entry.user, near=entry.host, port=entry.port, name=name)
    return OwnLogin(
        path=path, login=Login("logins", path, (name,)), user=entry.user, found=bool(entry.password.strip()), name=name
    )


def _there(ctx: Asks, path: str) -> bool:
    stat = ctx.ask(Stat(path))
    return stat.exists or stat.problem not in (None, "not found")


def canonical(ctx: Asks, host: str) -> str:
    """The name under which Exim looks up a login: the target of the CNAME records."""
    if not ctx.settings.network or re.fullmatch(r"[\d.]+|.*:.*", host):
        return host
    name, seen = host, {host.lower()}
    for _ in range(4):
        reply = ctx.ask(Lookup(name, "CNAME"))
        target = next((answer.rstrip(".") for answer in reply.answers if reply.rcode == "NOERROR"), "")
        if not target or target.lower() in seen:
            break
        seen.add(target.lower())
        name = target
    return name


# --- queue and log ------------------------------------------------------------------------------------------------------


def spool(ctx: Asks, here: Mailer) -> str:
    """The queue directory, "" if the mailer has none."""
    paths = [here.options[key] for key in ("spool_directory",) if here.options.get(key)]
    paths += here.table.get("spool", ())
    return next((path for path in paths if ctx.ask(Stat(path)).exists), paths[0] if paths else "")


def listed(ctx: Asks, here: Mailer) -> ExecReply:
    """The output of its queue command."""
    return ctx.ask(Exec(_command(here, here.table["listing"]), timeout=_SECONDS))


def queue(ctx: Asks, here: Mailer, epoch: float, now: datetime) -> QueueSummary | None:
    """The queue's summary; None if the mailer has no queue, or it cannot be read (`listed` says why)."""
    messages = waiting(ctx, here, epoch, now)
    if messages is None:
        return None
    reader = log(ctx, here, now)
    last = reader.last if reader is not None else {}
    newest: dict[str, str] = {}
    for (id, to), reason in last.items():
        newest[to] = reason if id else newest.get(to, reason)

    def why(id: str, to: str) -> str:
        # nullmailer's listing has no ids as in the log: takes the last reason logged for the recipient.
        return last.get((id, to.lower())) or (newest.get(to.lower(), "") if here.id == "nullmailer" else "")

    return queues.summary(messages, epoch, why)


def waiting(ctx: Asks, here: Mailer, epoch: float, now: datetime) -> list[queues.Waiting] | None:
    """The queue's messages; None if the mailer has no queue, or it cannot be read (`listed` says why)."""
    reply = listed(ctx, here) if "listing" in here.table else None
    if reply is None or reply.problem or (reply.code and not reply.out.strip()):
        return None
    if here.id == "exim":
        return list(exim.waiting(reply.out, epoch))
    return list(queues.LISTINGS[here.id](reply.out, epoch, now.tzinfo))


def log_paths(ctx: Asks, here: Mailer) -> tuple[str, ...]:
    """The log files that the mailer writes itself, with rotated ones; () if it logs to syslog."""
    patterns = list(here.table.get("log", ()))
    named = here.options.get("log_file_path", "")
    if named.startswith("/"):
        patterns.insert(0, named.split(":")[0].strip().replace("%s", "main") + "*")
    if here.id == "msmtp":
        set_ = re.search(r"(?m)^\s*logfile\s+(/\S+)", settings_file(ctx, here).text)
        patterns = [f"{set_[1]}*"] if set_ else []
    for pattern in patterns:
        if found := ctx.ask(Glob(pattern)).paths:
            return tuple(sorted(found, key=len))
    first = patterns[0].rstrip("*") if patterns else ""
    return (first,) if first and ctx.ask(Stat(first)).problem not in (None, "not found") else ()


def log_query(ctx: Asks) -> MailLog:
    """The query for the log, of Postfix or another mailer: of its own files the current and the previous one."""
    here = mailer(ctx)
    paths = log_paths(ctx, here) if here is not None else ()
    paths = tuple(path for path in paths if not path.endswith((".gz", ".xz")))[:2]
    return MailLog(ctx.settings.since, paths=paths) if paths else MailLog(ctx.settings.since)


def log(ctx: Asks, here: Mailer, now: datetime) -> Reader | None:
    reply = ctx.ask(log_query(ctx))
    if reply.problem and not reply.lines:
        return None
    way = outgoing(ctx)
    return _read(Same(reply), now, way.port, way.host)


@functools.lru_cache(maxsize=4)
def _read(same: Same[LogReply], now: datetime, port: int, host: str) -> Reader:
    from diagnose.parse.mailers.log import read

    return read(same.replies[0].lines, now, port, host)

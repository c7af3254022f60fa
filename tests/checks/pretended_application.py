"""A host with an application's settings files, for tests of checks: files, and a mail server as a function of the dial."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnose.apps import formats
from diagnose.check import (
    Check,
    Context,
    Dial,
    EnvironmentCompare,
    Exec,
    Glob,
    Listeners,
    Now,
    Processes,
    Read,
    Resolve,
    Settings,
    Skip,
    Stat,
)
from diagnose.host.memo import FakeHost, Memo, NoNetwork, Recorder
from diagnose.host.query import (
    Attempt,
    DialReply,
    EnvironmentReply,
    ExecReply,
    GlobReply,
    Listener,
    ListenersReply,
    NowReply,
    Process,
    ProcessesReply,
    ReadReply,
    ResolveReply,
    StatReply,
    TlsInfo,
)  # fmt: skip
from diagnose.host.secretfile import mask_read
from diagnose.model import Observation
from diagnose.parse.text.masking import Secrets

NOW = 1_795_360_000.0
PROPERTIES = "/home/codenvy/codenvy-data/conf/email-connection.properties"
TEMPLATE = "/etc/puppet/modules/all_in_one/templates/email-connection.properties.erb"
GOOD_TLS = TlsInfo(
    version="TLSv1.3", verified=True, names=("smtp.gmail.com",), subject="smtp.gmail.com", issuer="GTS CA 1C3"
)
EHLO = "250-smtp.gmail.com\n250 AUTH LOGIN PLAIN"
WITH_STARTTLS = "250-smtp.gmail.com\n250-STARTTLS\n250 SIZE"


def met(error: str, seconds: float = 0.01) -> DialReply:
    """A connect that fails."""
    attempt = Attempt(address="192.0.2.7", error=error, seconds=seconds)
    return DialReply(stage="connect", error=error, attempts=(attempt,))


def refused(query: Dial) -> DialReply:
    return met("ECONNREFUSED")


def timed_out(query: Dial) -> DialReply:
    return with_(met("ETIMEDOUT", 3.5), error="timed out")


def usual(query: Dial) -> DialReply:
    """A submission server: implicit TLS on 465, STARTTLS on 587, nothing elsewhere; takes every login."""
    base = DialReply(address="192.0.2.7", attempts=(Attempt(address="192.0.2.7"),), stage="quit")
    if query.port not in (465, 587):
        return refused(query)
    if (query.port == 465) != (query.tls == "implicit"):
        if query.port == 465:
            return with_(base, stage="banner", error="timed out")
        if query.tls == "implicit":
            return with_(base, stage="tls", error="wrong version number", tls=TlsInfo(error="wrong version number"))
    reply = with_(base, banner="220 smtp.gmail.com ESMTP", ehlo=EHLO if query.tls == "implicit" else WITH_STARTTLS)
    if query.tls == "none":
        if query.login:
            return with_(reply, stage="auth", error="not tried: the connection is not encrypted")
        return with_(reply, mail="530 5.7.0 Must issue a STARTTLS command first" if query.say == "rcpt" else "")
    reply = with_(
        reply, tls=GOOD_TLS, mechanisms=("LOGIN", "PLAIN"), starttls="" if query.tls == "implicit" else "220 go"
    )
    if query.login:
        return with_(reply, auth="235 2.7.0 Accepted", mechanism="PLAIN")
    return with_(reply, mail="530 5.7.0 Authentication Required" if query.say == "rcpt" else "")


def with_(reply: DialReply, **fields: object) -> DialReply:
    import dataclasses

    return dataclasses.replace(reply, **fields)  # type: ignore[arg-type]


@dataclass
class Machine:
    """files: path to text, or to (text, age in seconds)."""

    files: Mapping[str, str | tuple[str, float]]
    server: Callable[[Dial], DialReply] = usual
    addresses: Callable[[str], ResolveReply] = lambda name: ResolveReply(addresses=("192.0.2.7",))
    processes: tuple[Process, ...] = ()
    listeners: tuple[Listener, ...] = ()
    java: str = ""
    environments: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    dialled: list[Dial] = field(default_factory=list)
    folders: Mapping[int, str] = field(default_factory=dict)  # working directories by pid
    networks: Mapping[str, str] = field(default_factory=dict)  # their name spaces, where they are not this host's
    commands: Mapping[str, str] = field(default_factory=dict)  # what a command line says

    def _read(self, query: Read) -> ReadReply:
        if query.path not in self.files:
            return ReadReply(problem="not found")
        text = self.files[query.path]
        text = text if isinstance(text, str) else text[0]
        return ReadReply(text=mask_read(text, query.secret, Secrets(), query.path) if query.secret else text)

    def _stat(self, query: Stat) -> StatReply:
        if query.path.endswith("/ns/net"):
            return StatReply(exists=True, kind="file", real=self.networks.get(query.path.split("/")[2], "net:[1]"))
        if query.path.startswith("/proc/"):
            folder = self.folders.get(int(query.path.split("/")[2]))
            return StatReply(exists=True, kind="dir", real=folder) if folder else StatReply(problem="permission denied")
        if any(path.startswith(f"{query.path}/") for path in self.files):
            return StatReply(exists=True, kind="dir", real=query.path)
        if query.path not in self.files:
            return StatReply()
        entry = self.files[query.path]
        age = 0.0 if isinstance(entry, str) else entry[1]
        return StatReply(
            exists=True, kind="file", mode=0o644, owner="codenvy", size=9, mtime=NOW - age, real=query.path
        )

    def _held(self, query: EnvironmentCompare) -> EnvironmentReply:
        def other(path: str, kind: str) -> tuple[str, str]:
            reply = self._read(Read(path))
            return reply.text, reply.problem or ""

        given = self.environments.get(query.pid)
        if given is None:
            return EnvironmentReply(problem="permission denied")
        said = formats.values(query.path, other(query.path, "")[0], other)
        wanted = {name: said[name] for name in query.names if name in said}
        return EnvironmentReply(
            same=tuple(n for n in wanted if given.get(n) == wanted[n]),
            differ=tuple(n for n in wanted if n in given and given[n] != wanted[n]),
            missing=tuple(n for n in wanted if n not in given),
        )

    def _dial(self, query: Dial) -> DialReply:
        self.dialled.append(query)
        return self.server(query)

    def _exec(self, query: Exec) -> ExecReply:
        if query.argv[-1] == "-version":
            return ExecReply(code=0, err=self.java)
        said = self.commands.get(" ".join(query.argv))
        return ExecReply(problem="not found") if said is None else ExecReply(code=0, out=said)

    def run(self, check: Check) -> list[Observation]:
        """What the check says."""
        return list(check.body(self.context()))

    def context(self) -> Context:
        host = FakeHost(
            by_kind={
                Read: self._read,
                Stat: self._stat,
                Glob: lambda q: GlobReply(paths=tuple(p for p in sorted(self.files) if _matches(p, q.pattern))),
                Dial: self._dial,
                EnvironmentCompare: self._held,
                Resolve: lambda q: self.addresses(q.name),
                Processes: lambda q: ProcessesReply(processes=self.processes),
                Listeners: lambda q: ListenersReply(listeners=self.listeners),
                Now: lambda q: NowReply(epoch=NOW, hostname="app", fqdn="app.example.net", root=True),
                Exec: self._exec,
            }
        )
        world = Memo(host if self.settings.network else NoNetwork(host))
        return Context(host=Recorder(world, time.monotonic() + 9), settings=self.settings)

    def skipped(self, check: Check) -> str:
        """Why the check does not apply."""
        try:
            self.run(check)
        except Skip as reason:
            return str(reason)
        return ""


def _matches(path: str, pattern: str) -> bool:
    """As a shell has it: no sign stands for a slash."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))

"""The live host: the only package that touches sockets, TLS, processes and the resolver."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from diagnose.errors import Late
from diagnose.host import gather
from diagnose.host.memo import shorten
from diagnose.host.query import (
    Dial,
    Disk,
    EnvironmentCompare,
    Exec,
    Glob,
    Listeners,
    Lock,
    Lookup,
    MailLog,
    MailQueue,
    MapCompare,
    MapLookup,
    Now,
    Processes,
    Query,
    Read,
    Resolve,
    Stat,
    Trace,
)  # fmt: skip
from diagnose.parse.text.masking import KNOWN

if TYPE_CHECKING:
    from diagnose.host.live.dial import Heard
    from diagnose.host.query import Login

R = TypeVar("R")


class LiveHost:
    """Answers from this machine and the network it stands in; read-only. given: texts by file name, read in place of
    such files. heard: is told each dialogue (`dial.dial`)."""

    def __init__(self, refused: Any = None, given: Mapping[str, str] | None = None, heard: Heard | None = None) -> None:
        self.secrets = KNOWN
        self.refused = refused
        self.given = given or {}
        self.heard = heard
        gather.known()

    def about(self) -> str:
        """A note on which Postfix instance the answers come from, "" if there is only one."""
        from diagnose.host.live.instances import note

        return note()

    def load_resolver(self) -> None:
        """Imports the resolver library ahead of the checks, which would otherwise all wait for it."""
        importlib.import_module(f"{__name__}.dns")

    def credentials(self, login: Login) -> tuple[str, str] | None:
        """User and password, which no reply contains. None if they are not found."""
        from diagnose.host.live import tables

        return tables.credentials(login, self.secrets, self.given)

    def answer(self, query: Query[R], deadline: float) -> R:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late("the check's time is up")
        return _ANSWERS[type(query)](self, shorten(query, left), deadline)  # type: ignore[no-any-return]


def _exec(host: LiveHost, query: Exec, deadline: float) -> Any:
    from diagnose.host.live import system

    return system.run(query, host.secrets)


def _read(host: LiveHost, query: Read, deadline: float) -> Any:
    from diagnose.host.live import system

    return system.read(query, host.secrets, host.given.get(query.path))


def _plain(module: str, name: str) -> Callable[[LiveHost, Any, float], Any]:
    """Answers a query that needs neither secrets nor a deadline; imports its module on first use."""

    def answer(host: LiveHost, query: Any, deadline: float) -> Any:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)(query)

    return answer


def _lookup(host: LiveHost, query: Lookup, deadline: float) -> Any:
    from diagnose.host.live import dns

    return dns.lookup(query, deadline)


def _resolve(host: LiveHost, query: Resolve, deadline: float) -> Any:
    from diagnose.host.live import dns

    return dns.resolve(query, deadline)


def _dial(host: LiveHost, query: Dial, deadline: float) -> Any:
    from diagnose.host.live import dial

    # What was heard so far is told before the time of the check is up, which else would get no answer at all.
    spare = 0.3 if deadline - time.monotonic() > 3 else 0.0
    return dial.dial(query, deadline - spare, host.credentials, host.secrets, host.refused, host.heard)


def _trace(host: LiveHost, query: Trace, deadline: float) -> Any:
    from diagnose.host.live import trace

    return trace.trace(query, deadline)


def _mail_log(host: LiveHost, query: MailLog, deadline: float) -> Any:
    from diagnose.host.live import logs, system

    configured = system.run(Exec(("postconf", "-h", "maillog_file")), host.secrets).out.strip()
    if configured.startswith("/dev/") and not query.paths and (output := sys.modules.get(f"{__name__}.namespaces")):
        query = replace(query, paths=tuple(output.output))
    return logs.read(query, deadline, configured or None)


def _mail_queue(host: LiveHost, query: MailQueue, deadline: float) -> Any:
    from diagnose.host.live import mailqueue

    return mailqueue.read(query, deadline)


def _map_lookup(host: LiveHost, query: MapLookup, deadline: float) -> Any:
    from diagnose.host.live import tables

    return tables.lookup(query, deadline, host.secrets)


def _map_compare(host: LiveHost, query: MapCompare, deadline: float) -> Any:
    from diagnose.host.live import tables

    return tables.compare(query, deadline, host.secrets)


_ANSWERS: dict[type, Callable[[LiveHost, Any, float], Any]] = {
    Exec: _exec,
    Read: _read,
    Stat: _plain("system", "stat"),
    Glob: _plain("system", "glob"),
    Disk: _plain("system", "disk"),
    Lock: _plain("system", "lock"),
    Now: _plain("system", "now"),
    Processes: _plain("processes", "processes"),
    Listeners: _plain("processes", "listeners"),
    Lookup: _lookup,
    Resolve: _resolve,
    Dial: _dial,
    Trace: _trace,
    MailLog: _mail_log,
    MailQueue: _mail_queue,
    MapLookup: _map_lookup,
    MapCompare: _map_compare,
    EnvironmentCompare: _plain("settings", "compare"),
}

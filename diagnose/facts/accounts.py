"""Accounts: those that no Postfix program starts without, those of applications, and directories closed to users."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import Mta
from diagnose.host.query import Exec, Read, Stat

_NAMES = (("mail_owner", "user"), ("setgid_group", "group"), ("default_privs", "user"))
HANDED = re.compile(r"/pickup\[\d+\]: \w+: uid=(\d+) +from=<([^>]*)>")  # written for each use of the sendmail command
WEB = ("www-data", "apache", "nginx", "tomcat", "nobody", "daemon")  # as whom applications usually run
_ABSENT = 2  # getent(1): one or more keys are not found


def missing(ctx: Asks, postfix: Mta) -> Iterator[tuple[str, str, str]]:
    """(parameter, "user" or "group", name) of each account that does not exist on this host."""
    for parameter, kind in _NAMES:
        name = postfix.value(parameter)
        table = "group" if kind == "group" else "passwd"
        if name and not name.isdecimal() and absent(ctx, table, name):
            yield parameter, kind, name


FILES = {"user": "/etc/passwd", "group": "/etc/group"}


def listed(ctx: Asks, kind: str, name: str) -> bool:
    """Whether the file has the user or group, which lookups then do not reach."""
    return any(line.startswith(f"{name}:") for line in ctx.ask(Read(FILES[kind])).text.splitlines())


def absent(ctx: Asks, table: str, name: str) -> bool:
    """Whether getent(1) finds no such entry in passwd or group; False where that is unknown."""
    return ctx.ask(Exec(("getent", table, name))).code == _ABSENT


def closed_above(ctx: Asks, *paths: str) -> Iterator[str]:
    """The parent directories of these paths that ordinary users cannot enter, topmost first; empty paths are skipped."""
    for above in sorted({str(above) for path in paths for above in PurePath(path).parents if path}):
        reply = ctx.ask(Stat(above))
        if reply.exists and not reply.mode & 0o001:
            yield above


def rows(ctx: Asks) -> list[list[str]]:
    """The lines of /etc/passwd, each as its fields: name, password, uid and so on."""
    return [row for line in ctx.ask(Read("/etc/passwd")).text.splitlines() if len(row := line.split(":")) > 2]


def application(ctx: Asks, lines: Sequence[str]) -> str:
    """The account of the last program in the log that used the sendmail command, other than root's; else the usual one
    of a web server on this host, or ""."""
    names = {row[2]: row[0] for row in rows(ctx)}
    used = next((by[1] for line in reversed(lines) if (by := HANDED.search(line)) and by[1] != "0"), "")
    return names.get(used) or next((name for name in WEB if name in names.values()), "")

"""Accounts named in main.cf that no Postfix program starts without, and directories closed to ordinary users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import Mta
from diagnose.host.query import Exec, Stat

_NAMES = (("mail_owner", "user"), ("setgid_group", "group"), ("default_privs", "user"))
_ABSENT = 2  # getent(1): one or more keys are not found


def missing(ctx: Asks, postfix: Mta) -> Iterator[tuple[str, str, str]]:
    """(parameter, "user" or "group", name) of each account that does not exist on this host."""
    for parameter, kind in _NAMES:
        name = postfix.value(parameter)
        table = "group" if kind == "group" else "passwd"
        if name and not name.isdecimal() and absent(ctx, table, name):
            yield parameter, kind, name


def absent(ctx: Asks, table: str, name: str) -> bool:
    """Whether getent(1) finds no such entry in passwd or group; False where that is unknown."""
    return ctx.ask(Exec(("getent", table, name))).code == _ABSENT


def closed_above(ctx: Asks, *paths: str) -> Iterator[str]:
    """The parent directories of these paths that ordinary users cannot enter, topmost first; empty paths are skipped."""
    for above in sorted({str(above) for path in paths for above in PurePath(path).parents if path}):
        reply = ctx.ask(Stat(above))
        if reply.exists and not reply.mode & 0o001:
            yield above

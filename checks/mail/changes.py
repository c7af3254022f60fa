"""What changed on this host between the last mail that passed and the first that failed?

This proves nothing, but it is the first question of someone who knows the host. Files are judged by their mtime,
packages by the package manager's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from diagnose import facts
from diagnose.check import Context, Glob, Observations, Read, SignSpec, Stat, check, ok, skip
from diagnose.knowledge.distributions import PACKAGE_LOGS
from diagnose.parse.postfix import table

_SHOWN = 4
_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/aliases", "/etc/mailname", "/etc/hostname")
_COPY = re.compile(r"~$|\.[\w-]*(bak|dist|new|old|orig|save|swp)$")
_COMPILED = tuple(suffix for suffixes in table.INDEXED.values() for suffix in suffixes)


@check(
    id="changes",
    title="What changed before mail stopped",
    signs=(SignSpec("host.changed", gauge="changes"),),
    informational=("host.changed",),
    tags=("mail", "host"),
    needs=("postfix",),
)
def changes(ctx: Context) -> Observations:
    between = _stopped(ctx)
    if between is None:
        skip("the log does not show both mail that passed and mail that has failed since")
    passed, failed = between
    found = sorted([*_files(ctx, *between), *_packages(ctx, *between)])
    if not found:
        skip("no file of Postfix's settings and no package was changed meanwhile")
    named = [f"{what} ({when:%H:%M})" for when, what in found[-_SHOWN:]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    text = f"changed between the last mail that passed ({passed:%H:%M}) and the first that did not ({failed:%H:%M}): "
    yield ok("host.changed", "this host", f"{text}{', '.join(named)}{more}", count=len(found))


def _stopped(ctx: Context) -> tuple[datetime, datetime] | None:
    """(time of the last mail that passed, time of the first failure after it); None if nothing failed since, or the
    log shows no mail."""
    log = facts.mail_log(ctx)
    if log is None or (passed := log.last_mail) is None:
        return None
    begun = [*(group.first for group in log.deliveries.values()), *(group.first for group in log.troubles.values())]
    later = [first for first in begun if first is not None and first > passed]
    return (passed, min(later)) if later else None


def _files(ctx: Context, passed: datetime, failed: datetime) -> Iterator[tuple[datetime, str]]:
    here = ctx.ask(Glob(f"{facts.mta(ctx).config_directory}/*")).paths[:80]
    paths = [path for path in (*here, *_FILES) if not _COPY.search(path)]
    for path in paths:
        reply = ctx.ask(Stat(path))
        # A table's text is listed instead of its index.
        if reply.kind != "file" or (path.endswith(_COMPILED) and path.rpartition(".")[0] in paths):
            continue
        when = datetime.fromtimestamp(reply.mtime, passed.tzinfo)
        if passed < when <= failed:
            yield when, path


def _packages(ctx: Context, passed: datetime, failed: datetime) -> Iterator[tuple[datetime, str]]:
    for path, pattern in PACKAGE_LOGS.items():
        for stamp, package in re.findall(pattern, ctx.ask(Read(path, tail=True)).text):
            when = datetime.fromisoformat(stamp).replace(tzinfo=passed.tzinfo)
            if passed < when <= failed:
                yield when, f"the package {package}"

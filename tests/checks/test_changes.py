"""What was changed between the last mail that passed and the first that did not."""

from datetime import datetime, timezone
from typing import Any

import pytest

from checks.mail.changes import changes
from diagnose.check import Glob, Read
from diagnose.host.query import GlobReply, ReadReply, StatReply
from tests.checks.pretended_postfix import machine, of, run

SENT = "Nov 22 12:{}:00 a postfix/smtp[2]: 0A: to=<x@y.test>, relay=mx.y.test[192.0.2.9]:25, delay=0, dsn=2.0.0, status=sent (250 ok)"
LOST = "Nov 22 12:{}:00 a postfix/smtp[2]: 0B: to=<x@y.test>, relay=none, delay=0, dsn=4.4.1, status=deferred (connect to mx.y.test[192.0.2.9]:25: Connection refused)"


def at(minute: int) -> float:
    return datetime(2026, 11, 22, 12, minute, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ((SENT.format("05"), LOST.format("20")), ["/etc/postfix/transport (12:10), the package postfix (12:12)"]),
        ((SENT.format("15"), LOST.format("20")), []),  # mail passed afterwards
        ((SENT.format("05"), LOST.format("08")), []),  # it failed before
        ((SENT.format("05"), LOST.format("20"), SENT.format("25")), []),  # and passes now
        ((LOST.format("20"),), []),
    ],
)
def test_only_what_was_changed_in_between_is_told(log: tuple[str, ...], told: list[str]) -> None:
    names = ("transport", "transport.db", "main.cf.bak", "main.cf")
    stats = {f"/etc/postfix/{name}": StatReply(exists=True, kind="file", mtime=at(10)) for name in names[:3]}
    stats["/etc/postfix/main.cf"] = StatReply(exists=True, kind="file", mtime=at(1))
    packages = (
        "2026-11-22 12:01:00 status installed bash:amd64 5.2\n2026-11-22 12:12:00 status installed postfix:amd64 3.7\n"
    )
    more: dict[Any, Any] = {
        Glob("/etc/postfix/*"): GlobReply(paths=tuple(f"/etc/postfix/{name}" for name in names)),
        Read("/var/log/dpkg.log", tail=True): ReadReply(text=packages),
    }
    seen = of(run(changes, machine(log=log, stats=stats, more=more)), "host.changed")
    assert [o.summary.rpartition("): ")[2] for o in seen] == told

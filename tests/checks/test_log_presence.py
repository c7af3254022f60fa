"""The check that a mail log is kept."""

import pytest

from checks.mail.log_presence import log_presence
from diagnose.check import MailLog
from diagnose.host.query import LogReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import NOW, machine, run

NONE = {MailLog(86_400.0): LogReply(problem="no mail log found")}


@pytest.mark.parametrize(
    ("settings", "stats", "root", "status"),
    [
        ({}, {}, True, Status.FAILED),
        ({}, {"/dev/log": StatReply(exists=True, kind="socket")}, True, Status.WARNING),
        ({"maillog_file": "/dev/stdout"}, {}, True, Status.UNKNOWN),
        ({}, {}, False, Status.FAILED),
        ({}, {"/dev/log": StatReply(exists=True, kind="socket")}, False, Status.UNKNOWN),
        ({}, {"/var/log/mail.log": StatReply(problem="permission denied")}, False, Status.UNKNOWN),
        # Postfix started an hour and more after the last line; a file's time is for everybody to see.
        ({}, {"/var/log/mail.log": StatReply(exists=True, kind="file", mtime=NOW - 90_000)}, False, Status.FAILED),
        ({}, {"/var/log/mail.log": StatReply(exists=True, kind="file", mtime=NOW - 60)}, False, Status.UNKNOWN),
    ],
)
def test_none_found(settings: dict[str, str], stats: dict[str, StatReply], root: bool, status: Status) -> None:
    found = run(log_presence, machine(settings, stats=stats, root=root, more=NONE))
    assert [o.status for o in found] == [status]


def test_kept_and_quiet() -> None:
    assert [o.status for o in run(log_presence, machine())] == [Status.OK]
    assert [o.status for o in run(log_presence, machine(log=("Nov 22 12:00:00 a postfix/qmgr[1]: x",)))] == [Status.OK]

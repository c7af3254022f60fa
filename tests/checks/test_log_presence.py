"""The check that a mail log is kept."""

import pytest

from checks.log_presence import log_presence
from diagnose.check import MailLog
from diagnose.host.query import LogReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import machine, run

NONE = {MailLog(86_400.0): LogReply(problem="no mail log found")}


@pytest.mark.parametrize(
    ("settings", "stats", "root", "status"),
    [
        ({}, {}, True, Status.FAILED),
        ({}, {"/dev/log": StatReply(exists=True, kind="socket")}, True, Status.WARNING),
        ({"maillog_file": "/dev/stdout"}, {}, True, Status.UNKNOWN),
        ({}, {}, False, Status.UNKNOWN),
    ],
)
def test_none_found(settings: dict[str, str], stats: dict[str, StatReply], root: bool, status: Status) -> None:
    found = run(log_presence, machine(settings, stats=stats, root=root, more=NONE))
    assert [o.status for o in found] == [status]


def test_kept_and_quiet() -> None:
    assert [o.status for o in run(log_presence, machine())] == [Status.OK]
    assert [o.status for o in run(log_presence, machine(log=("Nov 22 12:00:00 a postfix/qmgr[1]: x",)))] == [Status.OK]

"""The check of the clock."""

from typing import Any

from checks.host.clock import clock
from diagnose.check import Dial, Exec, Now, Stat
from diagnose.host.query import DialReply, ExecReply, NowReply, StatReply, TlsInfo
from diagnose.model import Status
from tests.checks.pretended_postfix import NOW, failed, machine, run

DAY = 86_400.0
COMPLAINT = (
    "Nov 22 12:00:00 app postfix/smtp[2]: 1A: to=<u@example.org>, relay=none, status=deferred (Server certificate not verified)",
)


def witness(begins: float, ends: float) -> dict[type, Any]:
    tls = TlsInfo(version="TLSv1.3", not_before=NOW + begins * DAY, not_after=NOW + ends * DAY)
    return {Dial: lambda q: DialReply(address="192.0.2.1", tls=tls)}


def test_nothing_tells_against_it() -> None:
    found = run(clock, machine())
    assert [(o.status, o.data["sure"]) for o in found] == [(Status.OK, False)]


def test_long_past() -> None:
    assert failed(run(clock, machine(more={Now(): NowReply(epoch=5_000.0, root=True)}))) == ["host.clock"]


def test_files_from_the_future_and_a_single_odd_one() -> None:
    late = StatReply(exists=True, mtime=NOW + 40 * DAY)
    assert failed(run(clock, machine(by_kind={Stat: lambda q: late}))) == ["host.clock"]
    assert failed(run(clock, machine(stats={"/etc/resolv.conf": late}))) == []


def test_certificates_of_all_operators_out_of_date_convict_the_clock() -> None:
    for begins, ends, sign in ((-400, -30, 1), (100, 400, -1)):
        found = run(clock, machine(log=COMPLAINT, by_kind=witness(begins, ends)))
        assert failed(found) == ["host.clock"]
        assert int(str(found[0].data["skew"])) * sign > 0


def test_one_valid_certificate_clears_it() -> None:
    found = run(clock, machine(log=COMPLAINT, by_kind=witness(-10, 80)))
    assert [(o.status, o.data["sure"]) for o in found] == [(Status.OK, True)]


def test_without_a_complaint_nobody_is_dialled() -> None:
    def never(query: Any) -> Any:
        raise AssertionError(query)

    assert failed(run(clock, machine(by_kind={Dial: never}))) == []


def test_time_service_says_how_far() -> None:
    told = "Reference ID : 0\nSystem time     : 7200.5 seconds slow of NTP time\nLeap status     : Normal\n"
    host = machine(more={Exec(("chronyc", "-n", "tracking"), timeout=2.0): ExecReply(code=0, out=told)})
    assert failed(run(clock, host)) == ["host.clock"]

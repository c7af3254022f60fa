"""The check of Postfix' processes."""

from dataclasses import replace

import pytest

from checks.postfix.listeners import listeners
from checks.postfix.processes import processes
from diagnose.check import Dial, Exec, Listeners, Lock, Processes, Stat
from diagnose.host.memo import FakeHost
from diagnose.host.query import DialReply, ExecReply, ListenersReply, LockReply, Process, ProcessesReply, StatReply
from diagnose.model import RIGHTS, Status
from tests.checks.pretended_postfix import RUNNING, failed, machine, of, run

PID = Lock("/var/spool/postfix/pid/master.pid")


def test_running_master_is_fine() -> None:
    assert failed(run(processes, machine())) == []


def test_lock_that_nobody_holds_means_down_even_with_a_foreign_master() -> None:
    container = Process(pid=500, parent=1, name="master", command=("/usr/lib/postfix/sbin/master",), here=False)
    host = machine(more={PID: LockReply(held=False, text="10"), Processes(): ProcessesReply(processes=(container,))})
    found = run(processes, host)
    assert failed(found) == ["postfix.master"]
    assert found[-1].data["kind"] == "down" or found[1].data["kind"] == "down"


def test_zombie_master_serves_nothing() -> None:
    host = machine(more={Processes(): ProcessesReply(processes=(replace(RUNNING[0], command=(), state="zombie"),))})
    found = run(processes, host)
    assert of(found, "postfix.master")[0].data["kind"] == "zombie"


@pytest.mark.parametrize(("names", "halted"), [(("qmgr",), "77"), (("tlsmgr",), "77"), (("smtpd", "smtpd"), "77 78")])
def test_daemons_that_were_stopped_all(names: tuple[str, ...], halted: str) -> None:
    found = [
        Process(pid=77 + n, parent=RUNNING[0].pid, name=name, command=(name, "-l"), state="stopped")
        for n, name in enumerate(names)
    ]
    (seen, *_) = of(
        run(processes, machine(more={Processes(): ProcessesReply(processes=(RUNNING[0], *found))})), "postfix.master"
    )
    assert (seen.data["kind"], seen.data["halted"]) == ("stopped", halted)
    works = replace(found[0], pid=99, state="sleeping")
    host = machine(more={Processes(): ProcessesReply(processes=(RUNNING[0], works, *found))})
    assert of(run(processes, host), "postfix.master")[0].status is Status.OK


def test_ordinary_user_without_the_right_to_ask_for_the_lock_sees_the_process() -> None:
    host = machine(root=False, more={PID: LockReply(problem="permission denied")})
    assert failed(run(processes, host)) == []


def test_ordinary_user_sees_no_master_at_all() -> None:
    other = Process(pid=1, parent=0, name="init", user="root")
    host = machine(
        root=False, more={PID: LockReply(problem="permission denied"), Processes(): ProcessesReply(processes=(other,))}
    )
    assert of(run(processes, host), "postfix.master")[0].data["kind"] == "unseen"


def test_no_postfix_says_whether_something_is_left() -> None:
    gone = {Exec(("postconf",)): ExecReply(problem="not found: postconf")}
    nothing = FakeHost(*gone.items())
    assert of(run(processes, nothing), "postfix.installed")[0].data["left"] is False
    left = FakeHost(*gone.items(), (Stat("/etc/postfix"), StatReply(exists=True, kind="dir")))
    assert of(run(processes, left), "postfix.installed")[0].data["left"] is True


def test_postfix_in_a_container_alone_is_neither_absent_nor_all_clear() -> None:
    """What an ordinary user of the host sees: a master that no file of the host belongs to."""
    master = Process(pid=500, parent=1, name="master", command=("/usr/lib/postfix/sbin/master", "-w"), here=False)
    host = FakeHost(
        (Exec(("postconf",)), ExecReply(problem="not found: postconf")),
        (Processes(), ProcessesReply(processes=(master,))),
        (Listeners(), ListenersReply()),
    )
    (seen,) = of(run(processes, host), "postfix.installed")
    assert seen.status is Status.UNKNOWN
    assert "--inside 500" in seen.summary
    assert not RIGHTS.search(seen.summary), "whose absence would be excused by the user's rights"
    assert [o.status for o in run(listeners, host)] == [Status.UNKNOWN]


def test_recording_without_postconf_is_unknown_not_absent() -> None:
    assert all(o.status is Status.UNKNOWN for o in run(processes, FakeHost()))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (DialReply(error="ECONNREFUSED"), Status.FAILED),
        (DialReply(error="timed out"), Status.UNKNOWN),
        (DialReply(address="127.0.0.1", banner="220 app ESMTP Postfix"), Status.OK),
        (DialReply(address="127.0.0.1", banner="220 app ESMTP Exim 4.96"), Status.UNKNOWN),
    ],
)
def test_without_proc_port_25_tells(reply: DialReply, expected: Status) -> None:
    unseen = {PID: LockReply(problem="no /proc/locks tells who holds it"), Processes(): ProcessesReply(problem="/proc")}
    host = machine(more=unseen, by_kind={Dial: lambda query: reply})
    assert of(run(processes, host), "postfix.master")[0].status is expected

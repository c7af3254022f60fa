"""The check of sandboxes around senders."""

from checks.sandbox import sandbox
from diagnose.check import Processes
from diagnose.host.query import Process, ProcessesReply
from diagnose.model import Status
from tests.checks.pretended_postfix import RUNNING, failed, machine, of, run


def running(*more: Process) -> dict:
    return {Processes(): ProcessesReply(processes=(*RUNNING, *more))}


POSTDROP = Process(pid=70, parent=69, name="postdrop", user="www-data")
PHP = Process(pid=80, parent=1, name="php-fpm8.2", user="www-data")


def test_nothing_stuck() -> None:
    assert failed(run(sandbox, machine(more=running()))) == []


def test_postdrop_under_no_new_privileges() -> None:
    files = {
        "/proc/70/status": "Name:\tpostdrop\nNoNewPrivs:\t1\n",
        "/proc/70/cgroup": "0::/system.slice/portal.service\n",
    }
    found = run(sandbox, machine(more=running(POSTDROP), files=files))
    assert (failed(found), found[0].data["unit"]) == (["host.sandbox"], "portal.service")


def test_postdrop_with_a_read_only_queue() -> None:
    files = {
        "/proc/70/status": "NoNewPrivs:\t0\n",
        "/proc/70/mounts": "/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /var/spool/postfix ext4 ro,relatime 0 0\n",
    }
    assert failed(run(sandbox, machine(more=running(POSTDROP), files=files))) == ["host.sandbox"]


def test_waiting_postdrop_without_sandbox_is_no_proof() -> None:
    files = {"/proc/70/status": "NoNewPrivs:\t0\n", "/proc/70/mounts": "/dev/sda1 / ext4 rw 0 0\n"}
    assert failed(run(sandbox, machine(more=running(POSTDROP), files=files))) == []


def test_sandboxed_service_alone_is_a_note() -> None:
    found = of(
        run(sandbox, machine(more=running(PHP), files={"/proc/80/status": "NoNewPrivs:\t1\n"})),
        "host.sandboxed-service",
    )
    assert [o.status for o in found] == [Status.WARNING]

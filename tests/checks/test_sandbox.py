"""The check of sandboxes around senders."""

from typing import Any

import pytest

from checks.postfix.sandbox import sandbox
from diagnose.check import Disk, Exec, Glob, Processes, Stat
from diagnose.host.query import DiskReply, ExecReply, GlobReply, Process, ProcessesReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import RUNNING, failed, machine, of, run


def running(*more: Process) -> dict[Any, Any]:
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
    everybody: dict[Any, Any] = {**running(POSTDROP), Disk("/var/spool/postfix"): DiskReply(read_only=True)}
    assert failed(run(sandbox, machine(more=everybody, files=files))) == []  # a broken disk, no sandbox


@pytest.mark.parametrize("mounts", ["/dev/sda1 / ext4 rw 0 0\n", "a / ext4 ro 0 0\nb /var ext4 rw 0 0\n"])
def test_waiting_postdrop_that_may_write_the_spool_is_no_proof(mounts: str) -> None:
    files = {"/proc/70/status": "NoNewPrivs:\t0\n", "/proc/70/mounts": mounts}
    assert failed(run(sandbox, machine(more=running(POSTDROP), files=files))) == []


def test_sandboxed_service_alone_is_a_note() -> None:
    found = of(
        run(sandbox, machine(more=running(PHP), files={"/proc/80/status": "NoNewPrivs:\t1\n"})),
        "host.sandboxed-service",
    )
    assert [o.status for o in found] == [Status.WARNING]


def test_unit_written_here_is_a_note_and_a_package_link_is_not() -> None:
    path = "/etc/systemd/system/portal.service"
    units = {Glob("/etc/systemd/system/*.service"): GlobReply(paths=(path,))}
    files = {path: "[Service]\nNoNewPrivileges=yes\n"}
    for real, count in ((path, 1), ("/lib/systemd/system/x.service", 0)):
        stats = {path: StatReply(exists=True, kind="file", real=real)}
        found = run(sandbox, machine(more={**running(), **units}, files=files, stats=stats))
        assert len(of(found, "host.sandboxed-service")) == count


def test_the_watch_s_own_service_is_no_sender() -> None:
    unit = "/etc/systemd/system/mail-diagnose.service"
    own = Process(pid=90, parent=1, name="python3", user="mail-diagnose")
    more: dict[Any, Any] = {
        **running(own),
        Glob("/etc/systemd/system/*.service"): GlobReply(paths=(unit,)),
        Stat(unit): StatReply(exists=True, kind="file", real=unit),
    }
    files = {
        "/proc/90/status": "NoNewPrivs:\t1\n",
        "/proc/90/cgroup": "0::/system.slice/mail-diagnose.service\n",
        unit: "[Service]\nNoNewPrivileges=yes\nProtectSystem=strict\n",
    }
    assert of(run(sandbox, machine(more=more, files=files)), "host.sandboxed-service") == []


def test_postfix_without_a_network() -> None:
    """Only where this host has one: its master then runs in a sandbox, whatever unit put it there."""
    lo = "Inter-| Receive\n face |bytes\n    lo: 0 0\n"
    devices = {"/proc/10/net/dev": lo, "/proc/self/net/dev": lo + "  eth0: 1 1\n"}
    found = [o for o in run(sandbox, machine(more=running(), files=devices)) if o.status is Status.FAILED]
    assert [o.data["kind"] for o in found] == ["network"]
    for same in (lo, lo + "  eth0: 1 1\n"):
        files = {"/proc/10/net/dev": same, "/proc/self/net/dev": same}
        assert failed(run(sandbox, machine(more=running(), files=files))) == []


@pytest.mark.parametrize(
    ("status", "families", "kind"),
    [
        ("CapBnd:\t0000000000040403\nSeccomp:\t0\n", "", "capabilities"),
        ("CapBnd:\t00000000000004c3\nSeccomp:\t0\n", "", "capabilities"),  # of chroot(2)
        ("CapBnd:\t00000000000404c3\nSeccomp:\t2\n", "AF_UNIX AF_NETLINK AF_INET6\n", "families"),
        ("CapBnd:\t00000000000404c3\nSeccomp:\t2\n", "AF_UNIX AF_INET\n", ""),
        ("CapBnd:\t00000000000404c3\nSeccomp:\t2\n", "~AF_PACKET\n", ""),
        ("CapBnd:\t00000000000404c3\nSeccomp:\t0\n", "AF_UNIX\n", ""),  # of a drop-in that was not taken up yet
    ],
)
def test_what_postfix_s_own_unit_takes_from_its_daemons(status: str, families: str, kind: str) -> None:
    files = {"/proc/10/status": status, "/proc/10/cgroup": "0::/system.slice/postfix@-.service\n"}
    show = Exec(
        ("systemctl", "show", "--property=RestrictAddressFamilies", "--value", "postfix@-.service"), timeout=1.5
    )
    found = run(sandbox, machine(more={**running(), show: ExecReply(out=families)}, files=files))
    assert [o.text("kind") for o in found if o.status is Status.FAILED] == ([kind] if kind else [])

"""The check of process limits."""

from checks.postfix.limits import limits
from diagnose.model import Status
from tests.checks.pretended_network import DROP, World, network
from tests.checks.pretended_postfix import failed, machine, of, run

TEXT = """\
Limit                     Soft Limit           Hard Limit           Units
Max address space         unlimited            unlimited            bytes
Max processes             31000                31000                processes
Max open files            {files}                 4096                 files
"""


def test_ordinary_limits() -> None:
    assert failed(run(limits, machine(files={"/proc/10/limits": TEXT.format(files=1024)}))) == []


def test_too_few_files() -> None:
    found = run(limits, machine(files={"/proc/10/limits": TEXT.format(files=9)}))
    assert (failed(found), found[0].data["limit"]) == (["host.limits"], "Max open files")


def test_tasks_used_up_and_memory_kills() -> None:
    place = "/sys/fs/cgroup/system.slice/postfix.service"
    files = {
        "/proc/10/limits": TEXT.format(files=1024),
        "/proc/10/cgroup": "0::/system.slice/postfix.service\n",
        f"{place}/pids.max": "20\n",
        f"{place}/pids.current": "20\n",
        f"{place}/memory.events": "oom 1\noom_kill 3\n",
    }
    found = of(run(limits, machine(files=files)), "host.limits")
    assert [o.status for o in found] == [Status.FAILED, Status.WARNING]


def test_unreadable_limits_are_unknown() -> None:
    assert [o.status for o in run(limits, machine())] == [Status.UNKNOWN]


def test_no_local_port_is_left() -> None:
    """The kernel says so of an address to begin from; with smtp_bind_address it speaks of that one."""
    none = ("EADDRNOTAVAIL", "", "")
    relay = {"relayhost": "[smtp.example.net]:587"}
    host = network(World(lambda a, p: none if ":" not in a else DROP), relay)
    assert [o.data["limit"] for o in run(limits, host) if o.status is Status.FAILED] == ["net.ipv4.ip_local_port_range"]
    assert failed(run(limits, network(World(lambda a, p: DROP), relay))) == []

"""The check of free room."""

import pytest

from checks.host.disk import disk
from diagnose.check import Disk
from diagnose.host.memo import FakeHost
from diagnose.host.query import DiskReply
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, of, run

ROOMY = DiskReply(free=10**10, total=10**11, inodes_free=10**6, inodes_total=10**7)


def host(queue: DiskReply, settings: dict[str, str] | None = None, log: DiskReply = ROOMY) -> FakeHost:
    return machine(settings, by_kind={Disk: lambda q: queue if q.path.startswith("/var/spool/postfix") else log})


def test_room_enough() -> None:
    assert failed(run(disk, host(ROOMY))) == []


@pytest.mark.parametrize(("free", "kind"), [(0, "full"), (12_000_000, "low")])
def test_too_little_for_one_and_a_half_messages(free: int, kind: str) -> None:
    found = of(run(disk, host(DiskReply(free=free, total=10**9, inodes_free=99, inodes_total=999))), "disk.space")
    assert (found[0].status, found[0].data["kind"]) == (Status.FAILED, kind)


def test_small_disk_with_a_small_limit_is_fine() -> None:
    small = DiskReply(free=12_000_000, total=10**9, inodes_free=999, inodes_total=9999)
    assert failed(run(disk, host(small, {"message_size_limit": "1000000"}))) == []
    assert failed(run(disk, host(small, {"message_size_limit": "0"}))) == []


def test_queue_minfree_counts() -> None:
    assert failed(run(disk, host(ROOMY, {"queue_minfree": str(10**12)}))) == ["disk.space"]


def test_inodes_and_file_systems_that_have_none() -> None:
    assert failed(run(disk, host(DiskReply(free=10**10, total=10**11, inodes_free=0, inodes_total=1000)))) == [
        "disk.inodes"
    ]
    assert failed(run(disk, host(DiskReply(free=10**10, total=10**11)))) == []


def test_read_only() -> None:
    assert "disk.read-only" in failed(run(disk, host(DiskReply(free=10**10, total=10**11, read_only=True))))


def test_a_full_log_hides_what_fails() -> None:
    assert failed(run(disk, host(ROOMY, log=DiskReply(free=0, total=10**9)))) == ["disk.log"]
    assert failed(run(disk, host(ROOMY, log=DiskReply(free=900_000, total=10**9)))) == []


def test_a_queue_with_a_file_system_of_its_own() -> None:
    def part(free: int = 10**9, inodes: int = 999, read_only: bool = False) -> FakeHost:
        own = DiskReply(free=free, total=10**10, inodes_free=inodes, inodes_total=9999, read_only=read_only)
        return machine(by_kind={Disk: lambda q: own if q.path.endswith("/deferred") else ROOMY})

    assert failed(run(disk, part())) == []
    assert failed(run(disk, part(read_only=True))) == ["disk.read-only"]
    assert failed(run(disk, part(inodes=0))) == ["disk.inodes"]
    (found,) = [o for o in run(disk, part(free=0)) if o.status is Status.FAILED]
    assert (found.sign, found.data["path"]) == ("disk.space", "/var/spool/postfix/deferred")

"""Postfix, or an application, in a container, asked from the host: plain namespaces with a file system of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.commands import inside
from diagnose.errors import UsageError
from diagnose.host.live import namespaces

from .fault import Fault
from .faults import every
from .machine import CHECKOUT, Machine
from .roots import ROOTS
from .steps import run, shell, write
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
_WITHOUT_POSTFIX = shell(
    "rm -rf /usr/sbin/post* /usr/sbin/sendmail /usr/lib/sendmail /etc/postfix /var/spool/postfix /usr/lib/postfix "
    "/var/log/mail.log /run/systemd; touch /.dockerenv"
)
_APPLICATION = "spring.mail.host=smtp.sendgrid.net\nspring.mail.port=587\nspring.mail.username=apikey\nspring.mail.password=Zq81nnb0-Pw\n"


def pod(name: str, network: str) -> Fault:
    """A container with an application alone, in the network of that case."""
    case = every()[network]
    setup = tuple(step for step in case.setup if network != "healthy-idle")
    values = {"setup": (*setup, _WITHOUT_POSTFIX), "start": False, "then": (), "shows": "", "proof": ()}
    return replace(case, id=name, **values)  # type: ignore[arg-type]


def master(machine: Machine) -> int:
    """As the host counts."""
    return next(each.pid for each in namespaces.with_postfix() if _same(each.pid, machine.pid))


def _same(one: int, other: int) -> bool:
    return os.readlink(f"/proc/{one}/ns/mnt") == os.readlink(f"/proc/{other}/ns/mnt")


def asked(pid: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The tool on the host."""
    argv = [sys.executable, "-m", "diagnose", *arguments, "--inside", str(pid)]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize(
    ("case", "root"), [("isp-drops-25", None), ("gmail-bad-password", "alpine"), ("sasl-key-no-port", "no-proc")]
)
def test_postfix_in_a_container(case: str, root: str | None) -> None:
    with Machine(every()[case], ROOTS[root] if root else None) as machine:
        machine.prepare()
        pid = master(machine)
        done = asked(pid, "run", "--json")
        report = json.loads(done.stdout)
        assert report["diagnoses"][0]["cause"] in every()[case].accept, done.stderr
        assert done.returncode == 2
        assert report["host"]["name"].startswith("app")
        assert any(f"nsenter -t {pid} -a" in note for note in report["notes"])
        assert "mail-diagnose fix" not in done.stdout


def test_its_log_on_standard_output_is_read() -> None:
    """Where that is a file; the lines prove what nothing else would tell."""
    case = every()["container-wrong-password"]
    with Machine(case) as machine:
        machine.prepare()
        report = json.loads(asked(master(machine), "run", "--json", "--no-auth", "--no-network").stdout)
        assert report["diagnoses"][0]["cause"] in case.accept
        (log,) = [run for run in report["runs"] if run["check"] == "log"]
        assert any(each["status"] == "failed" for each in log["observations"])


def test_a_recording_of_a_container(tmp_path: Path) -> None:
    with Machine(every()["isp-drops-25"]) as machine:
        machine.prepare()
        done = asked(master(machine), "record", "-o", str(tmp_path / "c.json.gz"))
        assert done.returncode == 0, done.stderr
    argv = [sys.executable, "-m", "diagnose", "run", "-q", "--snapshot", str(tmp_path / "c.json.gz")]
    told = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert told.stdout.startswith("Outgoing port 25 is blocked.")


def test_what_goes_in_can_do_no_more_than_the_container() -> None:
    """Its capabilities, no file or terminal of the host, nothing loaded from the container's own Python."""
    weak = ("setpriv", "--bounding-set", "-sys_admin,-sys_ptrace,-net_admin", "sleep", "60")
    with Machine(replace(every()["healthy-idle"], start=False, then=(), shows="")) as machine:
        machine.prepare()
        inner = machine._spawn(*machine.command(weak))
        pid = _named(machine, "sleep")

        def work() -> bytes:
            with open("/proc/self/status", encoding="ascii") as status:
                text = status.read()
            try:
                import this  # noqa: F401

                loaded = "loaded"
            except ImportError:
                loaded = "nothing"
            opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) < 3]
            return json.dumps([text, loaded, sorted(set(opened)), os.listdir("/proc/self/fd")]).encode()

        text, loaded, opened, handles = json.loads(namespaces.inside(pid, work, 20))
        theirs = Path(f"/proc/{pid}/status").read_text()
        bound = re.compile(r"CapBnd:\s*(\w+)")
        assert bound.findall(text) == bound.findall(theirs)
        effective = int(re.findall(r"CapEff:\s*(\w+)", text)[0], 16)
        assert effective & ~int(bound.findall(theirs)[0], 16) == 0
        assert loaded == "nothing"
        assert opened == ["/dev/null"]
        assert len(handles) <= 6  # these, what is written to, and the directory that is listed
        assert inner.poll() is None


@pytest.mark.parametrize(("folder", "seen"), [("bin", "container"), ("dev", "jail")])
def test_its_root_is_what_a_container_was_changed_to_but_no_jail_of_a_service(folder: str, seen: str) -> None:
    script = f"import os, time; os.mkdir('/mnt/{folder}'); os.chroot('/mnt'); os.mkdir('/{seen}'); time.sleep(60)"
    with Machine(replace(every()["healthy-idle"], start=False, then=(), shows="")) as machine:
        machine.prepare()
        machine._spawn(*machine.command(("unshare", "-m", "/usr/bin/python3", "-c", script)))
        pid = next(pid for pid in _others(machine) if machine.path(f"/mnt/{seen}").exists())
        found = set(json.loads(namespaces.inside(pid, lambda: json.dumps(os.listdir("/")).encode(), 20)))
        assert ({"etc", "mnt"} <= found) == (seen == "jail"), found


def _others(machine: Machine) -> Iterator[int]:
    """The processes below it that sleep in mounts of their own, once they do."""
    for _ in range(100):
        time.sleep(0.1)
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"os.chroot" in line and line.startswith(b"/usr/bin/python3"):
                    yield pid


def _named(machine: Machine, name: str) -> int:
    for _ in range(100):
        for entry in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if Path(f"/proc/{entry}/comm").read_text().strip() == name and _same(int(entry), machine.pid):
                    return int(entry)
            except OSError:
                continue
    raise AssertionError(name)


def test_an_error_inside_is_told() -> None:
    with Machine(replace(every()["healthy-idle"], start=False, then=(), shows="")) as machine:
        machine.prepare()
        with pytest.raises(UsageError, match="no such thing"):
            namespaces.inside(machine.pid, lambda: (_ for _ in ()).throw(OSError(2, "no such thing")), 20)
    with pytest.raises(UsageError, match="is not there"):
        namespaces.inside(4_000_000, bytes, 20)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("healthy-idle", "its network lets out: 25, 465, 587"),
        ("cloud-blocks-all-submission", "its network does not let out: 25, 465, 587"),
    ],
)
def test_a_container_without_postfix_is_not_told_to_install_it(network: str, said: str) -> None:
    with Machine(pod(f"pod-{network}", network)) as machine:
        machine.prepare()
        for user in (None, "nobody"):
            done = machine.diagnose("run", user=user)
            assert "apt-get" not in done.stdout
            assert said in " ".join(done.stdout.split())
            assert done.returncode == 3


def test_its_application_is_asked_from_the_host() -> None:
    case = pod("pod-587", "isp-blocks-587")
    case = replace(case, setup=(*case.setup, write("/srv/app/application.properties", _APPLICATION), run("true")))
    with Machine(case) as machine:
        machine.prepare()
        done = asked(machine.pid, "run", "--json", "--app-config", "/srv/app/application.properties")
        report = json.loads(done.stdout)
        assert {"egress-submission-blocked", "app-smtp-unreachable"} & {d["cause"] for d in report["diagnoses"][:1]}, (
            done.stderr
        )
        words = json.dumps([report["diagnoses"][0]["remedy"], report["advice"]])
        assert not re.search(r"postconf|postmap|sasl_passwd|postqueue|apt-get", words)


def test_an_application_that_was_named_is_not_asked_for_again() -> None:
    case = pod("pod-named", "healthy-idle")
    case = replace(case, setup=(*case.setup, write("/srv/app/application.properties", _APPLICATION)))
    with Machine(case) as machine:
        machine.prepare()
        said = machine.diagnose("run", "--app-config", "/srv/app/application.properties").stdout
        assert "Name its application" not in said
        assert "Name its application" in machine.diagnose("run").stdout


def test_from_inside_with_a_read_only_root() -> None:
    """No systemd, the log on standard output, nothing to be written anywhere."""
    case = replace(every()["container-wrong-password"], id="read-only")
    with Machine(case) as machine:
        machine.prepare()
        machine.run("mount", "-o", "remount,ro", "/")
        done = machine.diagnose("run", "--json")
        assert json.loads(done.stdout)["diagnoses"][0]["cause"] in case.accept, done.stderr


@pytest.mark.parametrize(("hop", "named"), [("127.0.0.1", True), ("192.0.2.1", False)])
def test_packets_that_vanish_at_the_host_of_the_container_are_its_own_matter(hop: str, named: bool) -> None:
    data = {"where": "gateway", "hop": 1, "last_hop": hop}
    plain = {"runs": [{"observations": [{"gauge": "hops", "status": "failed", "data": data}]}]}
    assert (f"{hop}, where packets vanish, is this host" in inside.dropped_here(plain)) == named

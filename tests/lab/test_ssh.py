"""`run --ssh`: real ssh, real sshd in lab machines, and nothing stays there."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.report import material

from . import sshd, terminal
from .faults import every
from .machine import SECRET, Machine
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
ADMIN = {"free": "admin ALL=(ALL) NOPASSWD: ALL", "asks": "admin ALL=(ALL) ALL", "none": ""}


@dataclass(frozen=True, slots=True)
class Fleet:
    folder: Path
    machines: dict[str, Machine]
    keys: dict[str, str]


@pytest.fixture(scope="module")
def fleet(able: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three machines whose provider blocks port 25; admin may use sudo freely, by password, or not."""
    material.needed("sshd", "ssh", "sudo")
    folder = tmp_path_factory.mktemp("ssh")
    public = sshd.key(folder)
    with contextlib.ExitStack() as stack:
        machines, keys = {}, {}
        for name, sudo in ADMIN.items():
            machines[name] = m = stack.enter_context(Machine(every()["isp-drops-25"]))
            m.prepare()
            keys[name] = sshd.serve(m, public, sudo)
        yield Fleet(folder, machines, keys)


def reach(fleet: Fleet, unknown: str = "") -> None:
    known = {name: "" if name == unknown else key for name, key in fleet.keys.items()}
    sshd.reach(fleet.folder, {name: (m, known[name]) for name, m in fleet.machines.items()})


def left(fleet: Fleet) -> list[str]:
    return [
        path
        for m in fleet.machines.values()
        for path in m.run("find", "/tmp", "-maxdepth", "1", "-name", "mail-diagnose.*").stdout.split()
    ]


def test_several_hosts_are_told_in_a_line_each(fleet: Fleet, tmp_path: Path) -> None:
    reach(fleet)
    done = sshd.call(
        fleet.folder, ["run", "--ssh", "free", "admin@asks", "admin@none", "-o", str(tmp_path / "reports")]
    )
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert (done.returncode, done.stderr, sorted(lines)) == (2, "", ["admin@asks", "admin@none", "free"])
    assert all(line.startswith("Outgoing port 25 is blocked. (") for line in lines.values())
    assert lines["admin@none"].endswith("As admin, not as root.")
    assert not lines["free"].endswith("As admin, not as root.")
    reports = {path.name: json.loads(path.read_text()) for path in (tmp_path / "reports").iterdir()}
    assert sorted(reports) == ["admin@asks.json", "admin@none.json", "free.json"]
    assert SECRET not in str(reports) + done.stdout
    here = json.loads(fleet.machines["free"].diagnose("run", "--json").stdout)
    assert {report["host"]["config"] for report in reports.values()} == {here["host"]["config"]} != {""}
    assert left(fleet) == []
    told = sshd.call(fleet.folder, ["fleet", str(tmp_path / "reports")])
    assert told.stdout.startswith("Outgoing port 25 is blocked: 3 hosts; nothing in common beyond chance.")


def test_of_one_host_the_whole_report_with_sudo_that_asks_for_nothing(fleet: Fleet) -> None:
    reach(fleet)
    done = sshd.call(fleet.folder, ["run", "--ssh", "admin@free", "--json"])
    report = json.loads(done.stdout)
    assert (done.returncode, report["diagnoses"][0]["cause"]) == (2, "egress-port-25-blocked")
    assert report["host"]["privileged"] is True
    assert left(fleet) == []


def test_sudo_asks_on_the_terminal_itself(fleet: Fleet, tmp_path: Path) -> None:
    reach(fleet)
    out = tmp_path / "report.json"
    argv = sshd.command(fleet.folder, "run", "--ssh", "admin@asks", "--json", "-o", str(out))
    code, shown = terminal.conversation(argv, [("password for admin", f"{sshd.PASSWORD}\n")])
    assert code == 2, shown
    assert json.loads(out.read_text())["host"]["privileged"] is True
    assert sshd.PASSWORD not in shown + out.read_text()
    assert left(fleet) == []


def test_a_host_whose_key_is_not_known_is_not_looked_at(fleet: Fleet) -> None:
    reach(fleet, unknown="none")
    done = sshd.call(fleet.folder, ["run", "--ssh", "none"])
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"mail-diagnose: none: .*[Hh]ost key.*\n", done.stderr), done.stderr


def test_a_host_without_python_is_a_line(fleet: Fleet) -> None:
    reach(fleet)
    m = fleet.machines["none"]
    os.rename(m.path("/usr/bin/python3"), m.path("/usr/bin/python3.away"))
    try:
        done = sshd.call(fleet.folder, ["run", "--ssh", "admin@none"])
    finally:
        os.rename(m.path("/usr/bin/python3.away"), m.path("/usr/bin/python3"))
    assert done.returncode == 3
    assert done.stderr == "mail-diagnose: admin@none: no python3 there: recording needs Python 3.10 or newer\n"
    assert left(fleet) == []

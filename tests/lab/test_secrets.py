"""No secret of a whole machine leaves by any way out: what is printed, kept, told, recorded, or given to a child."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.hostile.planted import forms, leaked

from .faults import every
from .machine import Machine
from .planted import Planted, plant
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
_HOOK = "#!/bin/sh\n{ env; cat; } >>/tmp/told\n"
APPLICATION = ("email-connection.properties", ".env", "config.php", "application.yml", "compose.yml")
_FORMATS = ("text", "json", "jsonl", "nagios", "checkmk", "prometheus", "markdown", "html", "junit")


@pytest.fixture(scope="module")
def machine(able: None) -> Iterator[tuple[Machine, Planted]]:
    if not shutil.which("strace"):
        pytest.skip("LAB NOT RUN: it lacks strace")
    with Machine(every()["sasl-key-no-port"]) as m:
        m.prepare()
        planted = plant(m)
        m.write("/usr/local/bin/hook", _HOOK, 0o755)
        yield m, planted


def outlets(m: Machine) -> Iterator[tuple[str, str]]:
    """(command, all that it said)."""
    app = tuple(word for name in APPLICATION for word in ("--app-config", f"/srv/app/{name}"))
    log = m.read("/var/log/mail.log")
    tries: list[tuple[tuple[str, ...], str]] = [
        (("run",), ""),
        (("run", "-vv", *app), ""),
        (("run", "--format", "json", *app), ""),
        (("record", "-o", "/tmp/recording.json", *app), ""),
        (("record", "-o", "-"), ""),
        (("run", "--snapshot", "/tmp/recording.json", "-vv"), ""),
        (("watch", "--attempts", "1", "--state-dir", "/var/lib/md", "--notify", "exec:/usr/local/bin/hook"), ""),
        *((("report", "--state-dir", "/var/lib/md", "--format", name), "") for name in _FORMATS),
        (("history", "--state-dir", "/var/lib/md"), ""),
        (("explain", "-", "-vv"), log),
        (("explain", "-", "--format", "json"), log),
        (("trace", "a@b.example.com", "-v"), ""),
        (("trace", "a@b.example.com", "--format", "json"), ""),
        (("queue", "-v"), ""),
        (("queue", "--format", "json"), ""),
        (("send", "maria@northwind-trading.com", "--timeout", "5"), ""),
        (("relay", "suggest"), ""),
        (("run", "--debug", "--only", "nothing"), ""),
        (("run", "--debug", "--snapshot", "/etc/postfix/sasl_passwd"), ""),
        (("watch", "--debug", "--config", "/srv/app/.env", "--state-dir", "/var/lib/md2"), ""),
    ]
    for arguments, text in tries:
        done = m.diagnose(*arguments, stdin=text)
        yield " ".join(arguments), done.stdout + done.stderr
    for path in ("/tmp/recording.json", "/tmp/told"):
        yield path, m.read(path)
    for kept in sorted(m.path("/var/lib/md").rglob("*")):
        if kept.is_file():
            yield f"kept: {kept.name}", kept.read_bytes().decode("utf-8", "replace")


def test_nothing_shows_one(machine: tuple[Machine, Planted]) -> None:
    m, planted = machine
    found, tried = [], 0
    for name, said in outlets(m):
        assert said or name.startswith(("watch", "report", "kept", "/tmp")), name
        for value, place in planted.places.items():
            tried += 1
            if form := leaked(said, value):
                at = said.find(form)
                found.append((name, place, form, said[max(0, at - 80) : at + 60]))
    print(f"\nsecrets of a machine: {len(planted.places)} planted, leaked {len(found)} of {tried} (by all outlets)")
    for each in found:
        print(each)
    assert len(planted.places) >= 250
    assert not found


def test_no_child_is_given_one(machine: tuple[Machine, Planted]) -> None:
    """Arguments and environment of every program that the commands start."""
    m, planted = machine
    app = ("--app-config", "/srv/app/email-connection.properties")
    for arguments in (("run", *app), ("record", "-o", "/tmp/r.json"), ("queue",), ("trace", "a@b.example.com")):
        done = m.traced(*arguments)
        assert done.count("execve(") > 3
        shown = [(arguments, form) for value in planted.places for form in forms(value) if form in done]
        assert not shown

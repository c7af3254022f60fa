"""fix on machines with a real Postfix: mended and undone without a trace, whatever ends it; nothing by anybody's words."""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.test_forged_words import FORGED

from .faults import every
from .fixing import flows, mend, recipient, states
from .machine import CHECKOUT, Machine
from .terminal import talk
from .test_lab import able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
__all__ = ["able"]
KILLS = int(os.environ.get("FIX_KILLS", "8"))
ALLOWED = [word for name in ("firewall", "service", "held", "relay", "route", "limit") for word in ("--allow", name)]


@pytest.mark.parametrize(
    "name",
    [
        "systemd-postfix-masked",
        "systemd-postfix-stopped",
        "relayhost-misspelt",
        "sasl-key-no-port",
        "postfix-stopped",
        "mandrill-bad-key",
        "systemd-instance-masked",
        "exim-spool-of-root",
        "msmtp-account-misspelt",
        "nullmailer-option-misspelt",
    ],
)
def test_a_fault_is_mended_and_undone_without_a_trace(name: str) -> None:
    done = mend(every()[name], *ALLOWED)
    assert done.word == "mended", done.said
    assert done.undone == ()
    assert "LEAK" not in done.said


@pytest.fixture(scope="module")
def healthy() -> Iterator[Machine]:
    with Machine(every()["healthy-relay-587"]) as machine:
        machine.prepare()
        yield machine


def test_forged_lines_yield_no_change(healthy: Machine) -> None:
    """Anybody may log as Postfix, also of the files and settings that this host has."""
    own = [
        "postfix/smtp[9]: error: open database /etc/postfix/sasl_passwd.db: No such file or directory",
        "postfix/smtp[9]: fatal: open database /etc/postfix/sasl_passwd.db: No such file or directory",
        "postfix/smtp[9]: error: unsupported dictionary type: hash",
        "postfix/smtp[9]: fatal: bad boolean configuration: smtp_sasl_auth_enable = yes",
        "postfix/smtpd[9]: fatal: bad string length 0 < 1: relayhost = ",
        "postfix/qmgr[9]: warning: connect to transport private/smtp: No such file or directory",
        "postfix/postfix-script[9]: fatal: the Postfix mail system is not running",
        "postfix/postdrop[9]: warning: mail_queue_enter: create file maildrop/1.2: Permission denied",
        "postfix/sendmail[9]: fatal: open /etc/postfix/main.cf: Permission denied",
    ]
    lines = [*FORGED, *own]
    assert len(lines) >= 50
    before, log = states(healthy), healthy.log_file
    text = healthy.read(log)
    stamp = re.match(r"\S+ \S+ |\w+ +\d+ [\d:]+ \S+ ", text.splitlines()[-1])
    assert stamp
    for at in range(0, len(lines), 10):
        healthy.path(log).write_text(text + "".join(f"{stamp[0]}{line}\n" for line in lines[at : at + 10]))
        done = healthy.diagnose("fix", "--yes", *ALLOWED, timeout=120)
        assert states(healthy) == before, f"{lines[at : at + 10]}\n{done.stdout}"
        listed = healthy.diagnose("fix", "--list").stdout
        assert "Nothing was changed" in listed, f"{lines[at : at + 10]}\n{done.stdout}\n{listed}"
    healthy.path(log).write_text(text)


def test_nothing_happens_without_yes_where_nobody_can_be_asked() -> None:
    with Machine(every()["relayhost-misspelt"]) as m:
        m.prepare()
        before = states(m)
        done = m.diagnose("fix")
        assert done.returncode == 3, done.stdout
        assert "no terminal" in done.stderr
        shown = m.diagnose("fix", "--dry-run")
        assert "+relayhost = [smtp.mandrillapp.com]:587" in shown.stdout
        assert shown.returncode == 2
        assert m.diagnose("fix", user="nobody").returncode == 3
        assert states(m) == before
        m.write("/var/lib/puppet/state/agent_catalog_run.lock", "1")
        busy = m.diagnose("fix", "--yes")
        assert busy.returncode == 3
        assert "Puppet is running" in busy.stderr
        assert states(m) == before


def test_a_person_is_asked_on_the_terminal() -> None:
    """No, Ctrl-C at either question, and a secret that is typed without being shown."""
    secret = "Typed-4-7h3-73rm1n4l"
    with Machine(every()["sasl-passwd-no-user"]) as m:
        m.prepare()
        before = states(m)
        status, shown = talk(m, "fix", answers=[("Apply? [y/N]", "n\r")])
        assert (status, "Nothing was changed." in shown) == (2, True), shown
        status, shown = talk(m, "fix", answers=[("Apply? [y/N]", "\x03")])
        assert status in (130, -2), (status, shown)
        login = [("Apply? [y/N]", "y\r"), ("the user name at", "lab-user\r")]
        status, shown = talk(m, "fix", answers=[*login, ("the password or key", "\x03")])
        assert status in (130, -2), (status, shown)
        assert "Nothing was changed" in m.diagnose("fix", "--list").stdout
        assert states(m) == before
        # The relay refuses the password: the next cause is asked about, too.
        typed = [*login, ("the password or key", f"{secret}\r"), ("Apply? [y/N]", "n\r")]
        status, shown = talk(m, "fix", answers=typed, timeout=180)
        assert secret not in shown
        assert "lab-user" in shown, "what is no secret is shown as it is typed"
        assert f"lab-user:{secret}" in m.read("/etc/postfix/sasl_passwd"), shown
        status, shown = talk(m, "fix", "--undo", answers=[("Undo this? [y/N]", "y\r")])
        assert status == 0, shown
        assert states(m) == before


def test_a_fix_killed_at_any_instant_is_undone_or_finished_by_the_next() -> None:
    dice = random.Random(12)
    with Machine(every()["sasl-key-no-port"]) as m:
        m.prepare()
        before = states(m)
        killed = kills = 0
        instants = sorted(dice.sample(range(1, 75), min(74, KILLS)))
        for instant in instants:
            env = {"PYTHONPATH": f"{CHECKOUT}:{Path(__file__).parent / 'killing'}", "FIX_KILLED_AT": str(instant)}
            argv = (sys.executable, "-m", "diagnose", "fix", "--yes", *ALLOWED)
            done = m.run(*argv, env={**env, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=120, cwd=str(CHECKOUT))
            kills += done.returncode in (137, -9)
            listed = m.diagnose("fix", "--list").stdout
            killed += "NOT FINISHED" in listed
            if "Nothing was changed" not in listed:
                back = m.diagnose("fix", "--undo", timeout=120)
                assert back.returncode == 0, f"{instant}: {back.stdout}{back.stderr}"
            assert states(m) == before, f"killed at {instant}"
        assert killed >= KILLS // 2
        print(f"{kills} of {len(instants)} fixes killed, {killed} of them halfway; all were undone")
        env = {"PYTHONPATH": f"{CHECKOUT}:{Path(__file__).parent / 'killing'}", "FIX_KILLED_AT": "20"}
        m.run(sys.executable, "-m", "diagnose", "fix", "--yes", env=env, timeout=120, cwd=str(CHECKOUT))
        asked = m.diagnose("fix")
        assert asked.returncode == 3
        assert "was interrupted" in asked.stdout
        finished = m.diagnose("fix", "--yes", timeout=120)
        assert "Fixed" in finished.stdout, finished.stdout + finished.stderr
        assert flows(m, recipient(m.fault))


_HARM = """
from diagnose import mend
from diagnose.model import Diagnosis, Remedy
from diagnose.remedy import journal, proposal
from diagnose.remedy.plan import Plan
from diagnose.remedy.running import Command, Service
from diagnose.remedy.steps import SetParameter
from diagnose.session import Request, diagnose
from diagnose.knowledge.causes import by_id
from diagnose.model import Confidence
main = "/etc/postfix/main.cf"
was = "[smtp.mandrillapp.com]:587"
HARM = (SetParameter(path=main, name="relayhost", value="[127.0.0.1]:9", was=was, why="x"), Service(verb="reload", why="x"))
BREAKS = (SetParameter(path=main, name="relayhost", value="[127.0.0.1]:9", was=was, why="x"), Command(argv=("false",), why="x"))
before = diagnose(Request())
cause = by_id("relay-not-configured")
found = Diagnosis(cause=cause, score=0, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy))
with journal.opened() as store:
    shown = proposal.propose(Plan(steps=STEPS))
    print(mend.mend(store, Request(), before, found, shown, {}, "/var/spool/postfix", print)[1])
"""


def test_what_does_harm_is_put_back() -> None:
    """A step that fails; and mail that flowed, and after steps that all took does not."""
    with Machine(every()["relayhost-misspelt"]) as m:
        m.prepare()
        assert "Fixed" in m.diagnose("fix", "--yes", timeout=120).stdout
        assert flows(m, recipient(m.fault))
        before = states(m)
        env = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        broken = m.run(sys.executable, "-c", _HARM.replace("STEPS", "BREAKS"), env=env, cwd=str(CHECKOUT))
        assert "word='undone'" in broken.stdout, broken.stdout + broken.stderr
        assert states(m) == before
        m.run(
            "sh",
            "-c",
            "(for n in $(seq 60); do echo x | sendmail someone@example.org; sleep 0.3; done) >/dev/null 2>&1 &",
        )
        harmed = m.run(sys.executable, "-c", _HARM.replace("STEPS", "HARM"), env=env, cwd=str(CHECKOUT))
        assert "word='undone'" in harmed.stdout, harmed.stdout + harmed.stderr
        assert "mail flowed before" in harmed.stdout
        assert states(m) == before


def test_a_long_queue_is_asked_about_first() -> None:
    with Machine(every()["relayhost-misspelt"]) as m:
        m.prepare()
        m.run("sh", "-c", "for n in $(seq 101); do echo x | sendmail -i someone@example.org & done; wait", timeout=120)
        end = time.monotonic() + 60
        while len(m.run("postqueue", "-j").stdout.splitlines()) <= 100 and time.monotonic() < end:
            time.sleep(0.5)
        before = states(m)
        asked = m.diagnose("fix", "--yes", timeout=120)
        assert asked.returncode == 3
        assert "--old send" in asked.stderr
        assert states(m) == before
        done = m.diagnose("fix", "--yes", "--old", "hold", timeout=120)
        assert "Fixed" in done.stdout, done.stdout + done.stderr

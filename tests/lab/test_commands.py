"""trace, queue and send on machines with a real Postfix: what they say must be what happened."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tool import validate

from .faults import every
from .machine import Machine
from .roots import MAILERS
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
HELD = "held@example.org"
ELSEWHERE = "someone@example.org"


@pytest.fixture(scope="module")
def healthy() -> Iterator[Machine]:
    with Machine(every()["healthy-idle"]) as machine:
        machine.prepare()
        yield machine


@pytest.fixture(scope="module")
def blocked() -> Iterator[Machine]:
    with Machine(every()["isp-drops-25"]) as machine:
        machine.prepare()
        yield machine


def told(machine: Machine, *arguments: str, user: str | None = None) -> tuple[int, dict[str, Any]]:
    done = machine.diagnose(*arguments, "--format", "json", user=user)
    assert done.stdout, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, data


@pytest.mark.parametrize("way", [(), ("--smtp", "localhost:25")], ids=["sendmail", "smtp"])
def test_send_is_followed_to_the_remote_server(healthy: Machine, way: tuple[str, ...]) -> None:
    """Taken by the exchanger: status 0, the server and its reply are named, trace tells the same."""
    code, data = told(healthy, "send", ELSEWHERE, "--timeout", "20", *way)
    assert code == 0
    assert data["send"]["accepted"]
    (message,) = data["trace"]["messages"]
    assert message["outcome"] == "delivered"
    assert "look there" in data["send"]["verdict"]
    code, again = told(healthy, "trace", data["send"]["message_id"])
    assert code == 0
    assert again["messages"][0]["queue_id"] == message["queue_id"]
    del data["send"], data["trace"]
    validate(data)


def test_send_goes_to_nobody_else(healthy: Machine) -> None:
    """One message, one recipient, as the log counts it; a bounce's notification goes to the sender that was named."""
    before = len(healthy.log().splitlines())
    code, data = told(healthy, "send", "nosuch@app.brightwater-labs.com", "--from", "me@app.brightwater-labs.com")
    assert code == 2
    assert data["trace"]["messages"][0]["outcome"] == "bounced"
    assert data["diagnoses"][0]["cause"] in ("recipient-unknown", "recipient-domain-local")
    fresh = "\n".join(healthy.log().splitlines()[before:])
    assert "nrcpt=2" not in fresh


def test_refused_ports_and_wrong_addresses(healthy: Machine) -> None:
    """No server there: status 2 and why. No address: status 3, and nothing is sent."""
    code, data = told(healthy, "send", ELSEWHERE, "--smtp", "localhost:26", "--timeout", "5")
    assert (code, data["send"]["accepted"]) == (2, False)
    assert "refused" in data["send"]["verdict"]
    before = healthy.log()
    for words in (("a,b@example.org",), ("x",), (ELSEWHERE, "--smtp", "a:b:c"), (ELSEWHERE, "--timeout", "0")):
        done = healthy.diagnose("send", *words)
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert healthy.log() == before


def test_an_empty_queue_and_a_stranger(healthy: Machine) -> None:
    """Nothing waits: status 0. An address that no line names was never handed over."""
    code, data = told(healthy, "queue")
    assert (code, data["queue"]["total"]) == (0, 0)
    code, data = told(healthy, "trace", "stranger@example.org")
    assert code == 1
    assert data["verdict"].startswith("never handed to Postfix")


def test_a_blocked_port_in_queue_trace_and_send(blocked: Machine) -> None:
    """Three commands, one cause; the next attempt is known from the queue's file."""
    code, sent = told(blocked, "send", ELSEWHERE, "--timeout", "20")
    assert code == 2
    assert sent["diagnoses"][0]["cause"] == "egress-port-25-blocked"
    (message,) = sent["trace"]["messages"]
    assert message["outcome"] == "deferred"
    assert message["queue"]["next_attempt"]
    code, queue = told(blocked, "queue")
    assert code == 2
    assert queue["diagnoses"][0]["cause"] == "egress-port-25-blocked"
    assert queue["queue"]["total"] == 2
    code, traced = told(blocked, "trace", ELSEWHERE)
    assert code == 2
    assert traced["messages"][0]["cause"] == "egress-port-25-blocked"


def test_held_mail_is_where_trace_says(blocked: Machine) -> None:
    """postsuper -h: on hold, and how to release it."""
    blocked.submit(HELD)
    blocked.wait_for(f"to=<{HELD}>")
    name = told(blocked, "trace", HELD)[1]["messages"][-1]["queue_id"]
    blocked.run("postsuper", "-h", name)
    try:
        code, data = told(blocked, "trace", name)
        assert code == 2
        assert data["messages"][0]["outcome"] == "held"
        assert f"postsuper -H {name}" in data["verdict"]
        assert told(blocked, "queue")[1]["queue"]["hold"] == 1
    finally:
        blocked.run("postsuper", "-H", name)


def test_without_rights_nothing_is_claimed(blocked: Machine) -> None:
    """Who may not read the log is told so, and not that mail was never handed over."""
    code, data = told(blocked, "trace", "stranger@example.org", user="nobody")
    assert code == 3
    assert "could not be read" in data["verdict"]
    assert "permission denied" in data["problems"][0]


@contextlib.contextmanager
def mailed(name: str) -> Iterator[Machine]:
    """A machine of the lab whose MTA is another mailer."""
    fault = every()[name]
    try:
        MAILERS[fault.mailer].folder()
    except subprocess.CalledProcessError:
        pytest.skip(f"NOT TESTED: apt cannot install {fault.mailer}")
    with Machine(fault, MAILERS[fault.mailer]) as machine:
        machine.prepare()
        yield machine


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("exim-healthy-smarthost", 0),
        ("msmtp-wrong-password", 2),
        ("nullmailer-healthy", 0),
        ("nullmailer-wrong-password", 2),
    ],
)
def test_other_mailers_messages_are_followed(name: str, code: int) -> None:
    with mailed(name) as machine:
        traced, sent = machine.diagnose("trace", "maria@northwind-trading.com"), machine.diagnose("send", ELSEWHERE)
        received = machine.received(ELSEWHERE)
    assert (traced.returncode, sent.returncode, received) == (code, code, int(not code)), traced.stdout + sent.stdout
    assert "1 message" in traced.stdout
    assert not code or "relay-credentials-rejected" in traced.stdout
    assert "Postfix" not in traced.stdout + sent.stdout


def test_the_queue_of_exim() -> None:
    """Listed by its own command, with the reason out of its own log; nothing of it is Postfix'."""
    with mailed("exim-isp-blocks-587") as machine:
        done = machine.diagnose("queue")
    assert done.returncode == 1, done.stderr
    assert "1 message: 1 deferred" in done.stdout
    assert re.search(r"no answer to the connec\S* +relay-unreachable", done.stdout)
    assert "Postfix" not in done.stdout

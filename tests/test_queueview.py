"""What waits, why and where to: against a real postqueue in a private queue directory."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from diagnose.mail import lookback, queueview
from diagnose.parse.postfix.queue import summarise
from tests.bench import queuegen, sandbox
from tests.tool import validate

WHY_NOT = sandbox.reason_not()
real = pytest.mark.skipif(bool(WHY_NOT), reason=f"NOT TESTED: {WHY_NOT}")
# postqueue wants an interface; the loopback one of a name space is down.
UP = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
TIMED_OUT = "connect to mx.{d}[192.0.2.{n}]:25: Connection timed out"


STOPPED = "postfix-not-running"


def store(root: Path, domain: str, reason: str, queue: str = "deferred", age: float = 4000.0, number: int = 0) -> str:
    """One message in a queue directory, with its defer log."""
    recipients = [f"user@{domain}"]
    data = queuegen.envelope(time.time() - age, "noreply@app.example", recipients, b"Subject: x\n\nx")
    name: str = queuegen._store(root / "spool", queue, data, number)
    if reason:
        queuegen._put(root / "spool" / "defer" / name[0] / name, queuegen.defer_log(recipients, reason), 0o600)
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    queuegen.make(tmp_path / "spool", 0)
    return tmp_path


def ask(root: Path, *arguments: str, state: str = "state") -> tuple[int, str, str]:
    if (root / "etc").exists():
        for path in (root / "spool").rglob("*"):
            shutil.chown(path, "postfix")
    else:
        sandbox.prepare(root)
    argv = [*UP, sys.executable, "-m", "diagnose", "queue", "--state-dir", str(root / state), *arguments]
    done = sandbox.run(root, argv)
    return done.returncode, done.stdout, done.stderr


def asked(root: Path, *arguments: str) -> dict[str, Any]:
    code, out, err = ask(root, "--format", "json", *arguments)
    assert not err
    data: dict[str, Any] = json.loads(out)
    assert code == {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}[data["status"]]
    return data


def causes(data: dict[str, Any]) -> list[str]:
    """What is found beside the sandbox's own fault, that no master runs."""
    return [each["cause"] for each in data["diagnoses"] if STOPPED not in (each["cause"], each["explained_by"])]


@real
def test_an_empty_queue_of_a_stopped_postfix(root: Path) -> None:
    """Nothing waits, and nothing would move: the sandbox has no master."""
    code, out, _ = ask(root)
    assert code == 2
    assert "The mail queue is empty." in out
    assert asked(root)["diagnoses"][0]["cause"] == STOPPED


@real
def test_reasons_destinations_and_the_cause(root: Path) -> None:
    """Time-outs at many domains are the blocked port; the sums agree with what was put there."""
    for number in range(12):
        domain = f"d{number % 4}.example"
        store(root, domain, TIMED_OUT.format(d=domain, n=number), age=60.0 * 2**number, number=number)
    store(
        root, "d1.example", "host mx.d1.example[192.0.2.1] said: 452 4.2.2 Mailbox full (in reply to RCPT TO command)"
    )
    data = asked(root)
    assert causes(data)[0] == "egress-port-25-blocked"
    assert data["status"] == "failed"
    queue = data["queue"]
    assert (queue["total"], queue["read"], queue["complete"], queue["recipients"]) == (13, 13, True, 13)
    assert queue["reasons"][0]["label"] == "connect-timeout"
    assert (queue["reasons"][0]["count"], queue["reasons"][0]["domains"]) == (12, 4)
    assert sum(row["count"] for row in queue["domains"]) == 13
    assert queue["domains"][0]["domain"] == "d1.example"
    for row in queue["domains"]:
        assert sum(row["ages"]) == row["count"]
    del data["queue"]
    validate(data)


@real
def test_text_shows_tables_and_the_fix(root: Path) -> None:
    """The head, two tables and the diagnosis; --top cuts and says so."""
    for number in range(6):
        domain = f"d{number}.example"
        store(root, domain, TIMED_OUT.format(d=domain, n=number), number=number)
    code, out, _ = ask(root, "--top", "2")
    assert code == 2
    assert "6 messages: 6 deferred" in out
    assert "(4 more domains)" in out
    assert "egress-port-25-blocked" in out
    assert [line for line in out.splitlines() if len(line) > 80] == []


@real
def test_held_mail_is_named(root: Path) -> None:
    """Nobody else would tell that mail is on hold."""
    store(root, "a.example", "", queue="hold")
    data = asked(root)
    assert causes(data)[0] == "mail-on-hold"
    assert data["queue"]["hold"] == 1


@real
def test_growth_since_the_last_look(root: Path) -> None:
    """The second look compares with the first."""
    store(root, "a.example", "", number=1)
    assert asked(root)["queue"]["growth"] is None
    store(root, "b.example", "", number=2)
    store(root, "c.example", "", number=3)
    assert asked(root)["queue"]["growth"]["messages"] == 2
    assert "since the last count" in ask(root)[1]


@real
def test_a_budget_gives_a_sample(root: Path) -> None:
    """What is not read in time is told by a sample, and of how many."""
    queuegen.make(root / "spool", 30_000)
    for seconds in ("0.7", "1", "1.5"):
        queue = asked(root, "--timeout", seconds)["queue"]
        if queue is not None and 0 < queue["read"] < queue["total"]:
            assert queue["complete"] is False
            assert abs(queue["total"] - 30_000) < 3000
            break
        # A busy machine may read nothing in so little time, and then says that.
        assert queue is None or queue["read"] in (0, 30_000)


def test_state_that_cannot_be_kept_hurts_nobody(tmp_path: Path) -> None:
    """No directory to write to, damaged state, foreign state: no growth, no error."""
    (tmp_path / "file").write_text("x")
    assert lookback.keep(tmp_path / "file" / "below", {"total": 1}) is False
    assert lookback.last(tmp_path / "file") == {}
    for text in ("", "[1]", "{", "\0" * 100):
        (tmp_path / lookback.NAME).write_text(text)
        assert lookback.last(tmp_path) == {}
    assert lookback.keep(tmp_path, {"total": 7})
    assert lookback.last(tmp_path) == {"total": 7}
    assert sorted(os.listdir(tmp_path)) == ["file", lookback.NAME]


def test_a_failed_listing_is_not_an_empty_queue() -> None:
    """Postfix is stopped and its showq fails as well: what waits is not known."""
    err = "postqueue: warning: Mail system is down -- accessing queue directly\npostqueue: fatal: malformed response"
    assert "malformed" in queueview._problem(summarise([], 0.0), "", err, 69)
    assert not queueview._problem(summarise([], 0.0), "", err.partition("\n")[0], 0)

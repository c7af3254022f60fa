"""The canary: a marked message, no oftener than asked for, and its refusal seen."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import time
from pathlib import Path

from diagnose.watch.canary import Canary, due

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from diagnose.host.live import system
from diagnose.watch.canary import Canary
from tests.watch import world
system.PATH = f"{sys.argv[3]}:{system.PATH}"  # root looks for commands nowhere else
bird = Canary(recipient="ping@hc.example.com", sender="root@example.com", every=float(sys.argv[2]))
done = world.one(Path(sys.argv[1]), world.OK, canary=bird)
print(done.status, done.warnings)
"""


def _pass(place: Path, every: float, mailer: str) -> str:
    """A pass on a host whose sendmail is that script."""
    tools = place / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "sendmail").write_text(f"#!/bin/sh\n{mailer}\n")
    (tools / "sendmail").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(place / "s"), str(every), str(tools)],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_canary_is_marked_and_flies_no_oftener_than_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "mail"
    mailer = f'echo "$@" >> {tmp_path}/argv; cat > {out}'
    assert _pass(tmp_path, 3600, mailer) == "0 []"
    message = email.message_from_bytes(out.read_bytes())
    assert message["To"] == "ping@hc.example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Mail-Diagnose-Canary"] in message["Subject"]
    assert _pass(tmp_path, 3600, mailer) == "0 []"
    assert (tmp_path / "argv").read_text() == "-i -f root@example.com -- ping@hc.example.com\n"
    assert _pass(tmp_path, 0.001, mailer) == "0 []"
    assert (tmp_path / "argv").read_text().count("\n") == 2


def test_a_canary_that_the_mailer_refuses_is_seen(tmp_path: Path) -> None:
    said = _pass(tmp_path, 3600, "cat > /dev/null; echo 'sendmail: fatal: mail system is down' >&2; exit 75")
    assert said.startswith("1 ")
    assert "canary not accepted by the mailer: sendmail: fatal: mail system is down" in said
    assert json.loads((tmp_path / "s" / "state.json").read_text())["canary"] <= time.time()


def test_a_clock_set_back_does_not_silence_the_canary() -> None:
    canary = Canary(recipient="a@example.com", every=3600)
    assert due(canary, None, 1e9)
    assert due(canary, 1e9, 1e9 + 3600)
    assert not due(canary, 1e9, 1e9 + 3599)
    assert due(canary, 1e9, 1e9 - 5)
    assert due(canary, "x", 1e9)

"""A real cron runs the recipe's line: quiet, with no mail to anybody, whatever the pass finds; and a dead man's switch hears of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.report import material, states

DEMOS = material.ROOT / "diagnose/data/demos"
README = (material.ROOT / "README.md").read_text("utf-8")
# In name spaces of its own: /etc/cron.d with our line alone, an account for it, and in place of sendmail a trap.
SCRIPT = """
set -e
ip link set lo up
mount --make-rprivate /
mount --bind "$1/cron.d" /etc/cron.d
mount --bind "$1/crontab" /etc/crontab
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mount -t tmpfs none /var/spool/cron 2>/dev/null || true
mount -t tmpfs none /run
if [ -e /usr/sbin/sendmail ]; then mount --bind "$1/sendmail" /usr/sbin/sendmail; fi
[ -z "$3" ] || "$3" "$1/switch.py" "$1" &
exec timeout 100 "$2" -f -L 15
"""
SWITCH = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        open(sys.argv[1] + "/pings", "a").write(self.path + chr(10))
        self.send_response(200); self.end_headers()
    do_GET = do_HEAD = do_POST
http.server.HTTPServer(("127.0.0.1", 8086), Handler).serve_forever()
"""


def _cron(root: Path, tables: dict[str, str], account: str) -> Path:
    """Runs a cron with those tables until each has made its pass; gives the mails that it sent, as a file."""
    cron = material.needed("cron", "ip")
    if os.geteuid():
        pytest.skip("NOT TESTED: a cron of its own wants root")
    for name, text, mode in (
        *((f"cron.d/{name}", table, 0o644) for name, table in tables.items()),
        ("crontab", "", 0o644), ("switch.py", SWITCH, 0o644), ("sendmail", f"#!/bin/sh\ncat >>{root}/mails\n", 0o755),
        ("passwd", Path("/etc/passwd").read_text() + f"{account}:x:0:0::/:/bin/sh\n", 0o644),
        ("shadow", Path("/etc/shadow").read_text() + f"{account}:*:19000:0:99999:7:::\n", 0o600),
    ):  # fmt: skip
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(mode)
    command = ("unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-c", SCRIPT, "sh")
    states = [root / name / "state.json" for name in tables]
    with (
        (root / "log").open("w") as log,
        subprocess.Popen([*command, str(root), cron, sys.executable], stdout=log, stderr=log) as process,
    ):
        for _ in range(95):
            time.sleep(1)
            if all(state.exists() for state in states) or process.poll() is not None:
                time.sleep(6)  # what cron would mail it mails when the job has ended
                break
        process.kill()
        process.wait(20)
    assert all(state.exists() for state in states), (root / "log").read_text()
    return root / "mails"


def _each_minute(table: str, name: str, root: Path) -> str:
    """That table, each minute and of a recorded machine."""
    table = re.sub(r"^\S+( \* \* \* \* .*watch).*$", r"*\1", table, flags=re.M)
    options = f" --state-dir {root}/{name} --snapshot {DEMOS}/wrong-key.json.gz --config {root}/mail-diagnose.toml --attempts 1"
    return re.sub(r"(?m)(watch)$", rf"\1{options}", table)


def test_cron_runs_the_lines_mails_nobody_and_the_switch_hears_of_it(tmp_path: Path) -> None:
    share = material.recipes(tmp_path / "prefix", str(states.program(tmp_path)))
    readme = re.search(r"```\n(MAILTO=.*?)```", README, re.S)
    assert readme
    tables = {
        "recipe": (share / "cron.d/mail-diagnose").read_text(),
        "readme": readme[1].replace("/opt/mail-diagnose/bin/mail-diagnose", str(tmp_path / "mail-diagnose")),
    }
    text = (share / "mail-diagnose.toml").read_text().replace("#heartbeat = ", "heartbeat = ")
    (tmp_path / "mail-diagnose.toml").write_text(text.replace("https://hc-ping.com/", "http://127.0.0.1:8086/"))
    (tmp_path / "mail-diagnose.toml").chmod(0o600)
    lines = {name: _each_minute(table, name, tmp_path) for name, table in tables.items()}
    mails = _cron(tmp_path, lines, "mail-diagnose")
    for name in tables:
        assert json.loads((tmp_path / name / "state.json").read_text())["report"]["status"] == "failed"
    assert not mails.exists(), mails.read_text()
    pings = [ping.partition("?")[0] for ping in (tmp_path / "pings").read_text().split()]
    own = "/00000000-0000-0000-0000-000000000000"
    assert pings.count(f"{own}/start") == 2
    assert len(pings) == 4, "one at the start, one at the end"
    assert all(ping.startswith(own) for ping in pings)

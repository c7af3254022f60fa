"""The commands as a timer, a monitoring system and an administrator call them; off the network."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diagnose.watch import files, state
from tests.tool import ROOT, isolated, validate
from tests.watch import world

DEMOS = ROOT / "diagnose" / "data" / "demos"


def cli(*arguments: str | Path, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*isolated(), sys.executable, *python, "-m", "diagnose", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)


def _watch(directory: Path, demo: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return cli("watch", "--state-dir", directory, "--snapshot", DEMOS / f"{demo}.json.gz", *arguments)


def test_passes_tell_changes_and_nothing_else(tmp_path: Path) -> None:
    first, second = (_watch(tmp_path, "blocked-isp") for _ in range(2))
    assert (first.returncode, first.stdout, first.stderr) == (2, "", ""), "a problem seen once is soft"
    assert second.returncode == 2
    assert second.stdout.startswith("app: FAILED: Outgoing port 25 is blocked\n")
    third = _watch(tmp_path, "healthy")
    assert third.returncode == 0
    assert re.fullmatch(
        r"app: OK again after \d+ s; it was: Outgoing port 25 is blocked\n\d\d:\d\d; no mail waits\n", third.stdout
    )
    done = cli("history", "--state-dir", tmp_path, "--format", "json")
    (outage,) = json.loads(done.stdout)
    assert outage["causes"] == ["egress-port-25-blocked"]
    told = cli("history", "--state-dir", tmp_path, "--since", "1d").stdout
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d, \d+ s, failed: Outgoing port 25 is blocked\n +\(egress-port-25-blocked\)\n", told
    )


def test_the_last_report_keeps_to_its_schema_and_the_exit_status(tmp_path: Path) -> None:
    _watch(tmp_path, "blocked-isp", "--attempts", "1")
    done = cli("report", "--last", "--state-dir", tmp_path, "--format", "json")
    assert done.returncode == 2
    plain = json.loads(done.stdout)
    validate(plain)
    assert plain["watch"]["state"] == "hard"
    done = cli("report", "--state-dir", tmp_path, "--max-age", "1s", "--format", "json")
    time.sleep(1.1)
    done = cli("report", "--state-dir", tmp_path, "--max-age", "1s", "--format", "json")
    assert done.returncode == 3
    validate(json.loads(done.stdout))
    none = cli("report", "--state-dir", tmp_path / "none", "--format", "json")
    assert none.returncode == 3
    validate(json.loads(none.stdout))


def test_one_result_feeds_many_files(tmp_path: Path) -> None:
    world.one(tmp_path / "s", world.OK)
    out = tmp_path / "mail.json"
    out.write_text("old")
    out.chmod(0o600)
    done = cli("report", "--state-dir", tmp_path / "s", "--format", f"json:{out}", "--format", "text")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing wrong found.\n")
    assert json.loads(out.read_text())["status"] == "ok"
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    done = cli("report", "--state-dir", tmp_path / "s", "--format", f"json:{tmp_path}/missing/x")
    assert done.returncode == 3
    assert "No such file or directory" in done.stderr


def test_the_last_report_loads_nothing_heavy(tmp_path: Path) -> None:
    """A monitoring system calls it every minute: the modules that cost most are named here, time is not."""
    world.one(tmp_path, world.FAILED)
    done = cli("report", "--last", "--state-dir", tmp_path, "--format", "nagios", python=("-X", "importtime"))
    assert done.returncode == 2
    assert done.stdout.startswith("MAIL CRITICAL")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in loaded
    heavy = {"dns", "rich", "asyncio", "ssl", "pydantic", "psutil", "sqlite3", "tabulate", "socket", "tomllib", "email"}
    assert loaded & heavy == set()
    parts = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert parts & {"diagnose.session", "diagnose.runner", "diagnose.host.live", "importlib.metadata"} == set()


def test_a_history_that_nobody_keeps_is_not_an_empty_one(tmp_path: Path) -> None:
    done = cli("history", "--state-dir", tmp_path / "misspelt")
    assert (done.returncode, done.stdout) == (3, "")
    assert "run `mail-diagnose watch` first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "--format", "yaml"), "--format 'yaml' is not known; choose from text, json, "),
        (("report", "--format", "json:"), "the file after the colon is missing"),
        (("report", "--max-age", "soon"), "--max-age takes a span of time such as 90s, 15m or 7d, not 'soon'"),
        (("report", "--max-age", "-5"), "--max-age takes a span"),
        (("report", "--max-age", "0"), "--max-age takes a span"),
        (("report", "--max-age", "9" * 5000), "--max-age takes a span"),
        (("watch", "--attempts", "0"), "--attempts takes 1 to 1000"),
        (("watch", "--renotify", "often"), "--renotify takes a span"),
        (("watch", "--timeout", "1"), "--timeout takes 5 to 3600"),
        (("watch", "--timeout", "nan"), "--timeout takes 5 to 3600"),
        (("watch", "--flap-high", "10"), "--flap-low and --flap-high"),
        (("watch", "--notify", "pigeon:coop"), "--notify: unknown kind of target"),
        (("watch", "--heartbeat", "hc"), "--heartbeat: the address begins with neither"),
        (("watch", "--only", "nonsense"), "no check and no tag is called 'nonsense'"),
        (("watch", "--to", "nobody"), "--to"),
        (("history", "--since", "x"), "--since takes a span"),
        (("history", "--format", "xml"), "--format 'xml' is not known"),
        (("ignore", "add", "egress.port-2", "--why", "x"), "is 'egress.port-25' meant?"),
        (("ignore", "add", "egress.port-25:", "--why", "x"), "is not of the form SIGN[:SUBJECT]"),
        (("ignore", "add", "egress.port-25", "--why", " "), "--why: say why"),
        (("ignore", "add", "egress.port-25", "--why", "x", "--until", "2001-01-01"), "that has passed already"),
        (("ignore", "add", "egress.port-25", "--why", "x", "--until", "later"), "--until takes a day"),
        (("ignore", "remove", "egress.port-25"), "is not acknowledged"),
    ],
)
def test_wrong_usage_is_one_line_and_status_3(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = cli(*arguments, "--state-dir", tmp_path)
    assert done.returncode == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_acknowledged_finding_weighs_nothing_and_is_counted(tmp_path: Path) -> None:
    before = _watch(tmp_path, "blocked-isp", "--attempts", "1")
    assert before.returncode == 2
    kept = state.last(tmp_path)
    weighed = {s["sign"] for d in kept["diagnoses"] for s in d["support"]}
    for sign in sorted(weighed):
        assert (
            cli("ignore", "add", sign, "--why", "ticket 4711", "--until", "7d", "--state-dir", tmp_path).returncode == 0
        )
    assert cli("ignore", "list", "--state-dir", tmp_path).stdout.count("ticket 4711") == len(weighed)
    after = _watch(tmp_path, "blocked-isp", "--attempts", "1")
    kept = state.last(tmp_path)
    assert weighed & {s["sign"] for d in kept["diagnoses"] for s in d["support"]} == set()
    ignored = kept["watch"]["ignored"]
    assert ignored
    assert {item["why"] for item in ignored} == {"ticket 4711"}
    assert len(kept["runs"]) > 20, "what was observed stays in the report"
    assert after.returncode == 0
    assert kept["watch"]["state"] == "acknowledged"
    for sign in weighed:
        assert cli("ignore", "remove", sign, "--state-dir", tmp_path).returncode == 0
    assert _watch(tmp_path, "blocked-isp", "--attempts", "1").returncode == 2


def test_an_acknowledgement_ends_on_its_day(tmp_path: Path) -> None:
    rule = {
        "sign": "egress.port-25",
        "subject": "TCP 25",
        "until": "2001-01-01T00:00:00+00:00",
        "why": "x",
        "since": "",
    }
    (tmp_path / "ignored.json").write_text(json.dumps({"schema": 1, "ignored": [rule]}))
    world.one(tmp_path, world.FAILED)
    assert state.last(tmp_path)["watch"]["ignored"] == []
    assert "(over)" in cli("ignore", "list", "--state-dir", tmp_path).stdout
    rule["until"] = "2999-01-01T00:00:00+00:00"
    (tmp_path / "ignored.json").write_text(json.dumps({"schema": 1, "ignored": [rule]}))
    world.one(tmp_path, world.FAILED)
    assert [item["subject"] for item in state.last(tmp_path)["watch"]["ignored"]] == ["TCP 25"]


def test_a_damaged_list_of_acknowledgements_is_a_line_and_stops_no_watch(tmp_path: Path) -> None:
    (tmp_path / "ignored.json").write_text("{}")
    done = _watch(tmp_path, "healthy")
    assert done.returncode == 0
    assert "no finding counts as acknowledged" in done.stderr
    assert "ignored.json is damaged" in done.stderr
    assert (tmp_path / "ignored.json").read_text() == "{}"
    assert cli("ignore", "add", "queue.age", "--why", "known", "--state-dir", tmp_path).returncode == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("attempts = 2\nnotfy = []\n", "line 2: 'notfy' is not an option; is 'notify' meant?"),
        ("# x\n\n[watch]\nattempts = 2\n", "line 3: 'watch' is not an option"),
        ("attempts = true\n", "line 1: 'attempts' takes a whole number"),
        ('\nnotify = "syslog"\n', "line 2: 'notify' takes a list of texts"),
        ("attempts = = 2\n", "not valid TOML at line 1"),
        ('notify = ["https://hooks.example.com/S3CR3T"]\nattempts\n', "not valid TOML at line 2"),
        ('renotify = "never"\n', "--renotify takes a span"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mail-diagnose.toml"
    path.write_text(text)
    done = cli("watch", "--config", path, "--state-dir", tmp_path / "s")
    assert done.returncode == 3
    assert said in done.stderr
    assert "S3CR3T" not in done.stderr
    assert not (tmp_path / "s").exists()


def test_the_configuration_speaks_where_the_command_line_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "mail-diagnose.toml"
    path.write_text(f'state-dir = "{tmp_path}/s"\nattempts = 1\nformat = ["json"]\nmax-age = "1d"\n')
    demo = DEMOS / "blocked-isp.json.gz"
    assert cli("watch", "--config", path, "--snapshot", demo, "--attempts", "3").stdout == "", "flags win"
    assert "FAILED" in cli("watch", "--config", path, "--snapshot", demo).stdout
    assert json.loads(cli("report", "--config", path).stdout)["watch"]["state"] == "hard"
    assert cli("report", "--config", path, "--format", "text").stdout.startswith("Outgoing port 25 is blocked")
    done = cli("report", "--config", tmp_path / "missing.toml")
    assert (done.returncode, "no such file" in done.stderr) == (3, True)


def test_no_secret_of_a_webhook_is_printed(tmp_path: Path) -> None:
    """Off the network every target fails, and says so without its address' secrets, even with --debug."""
    secret = world.SECRET
    done = _watch(
        tmp_path, "blocked-isp", "--attempts", "1", "--debug", "--heartbeat", f"http://192.0.2.1/{secret}",
        "--notify", f"https://u:{secret}@192.0.2.1/{secret}?t={secret}", "--notify", f"slack:http://192.0.2.1/{secret}",
        "--notify", f"exec:/nowhere/program {secret}", "--notify", f"ntfy:https://hooks.example.com/{secret}",
    )  # fmt: skip
    assert done.returncode == 2
    kept = "".join(p.read_text("utf-8", "replace") for p in tmp_path.rglob("*") if p.is_file())
    assert done.stderr.count("not delivered to") == 4
    assert secret not in done.stdout + done.stderr + kept
    shown = "".join(
        cli("report", "--state-dir", tmp_path, "--format", name).stdout
        for name in ("text", "json", "nagios", "markdown")
    )
    assert "not delivered" in shown
    assert secret not in shown


def test_two_passes_at_once_end_well(tmp_path: Path) -> None:
    command = [*isolated(), sys.executable, "-m", "diagnose", "watch", "--state-dir", str(tmp_path / "s")]
    command += ["--snapshot", str(DEMOS / "healthy.json.gz")]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
    assert ended == [("", 0)] * 2
    assert state.last(tmp_path / "s")["status"] == "ok"


def test_a_pass_says_what_it_saw_to_who_asks(tmp_path: Path) -> None:
    done = _watch(tmp_path, "blocked-isp", "-v")
    assert done.returncode == 2
    assert done.stdout.startswith("Outgoing port 25 is blocked [egress-port-25-blocked, certain] ")
    assert f"(state soft, attempt 1; {tmp_path})" in done.stdout
    assert done.stdout.endswith("\nalarms go to: nobody\n")
    with files.locked(tmp_path):
        done = _watch(tmp_path, "healthy", "-v")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("another pass is under way")


def test_a_command_killed_at_any_moment_leaves_a_state_that_can_be_read(tmp_path: Path) -> None:
    command = [*isolated(), sys.executable, "-m", "diagnose", "watch", "--state-dir", str(tmp_path)]
    command += ["--snapshot", str(DEMOS / "healthy.json.gz")]
    began = time.monotonic()
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    length = time.monotonic() - began
    for number in range(4):
        process = subprocess.Popen(command, cwd=ROOT)
        time.sleep(length * (number + 1) / 5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert state.last(tmp_path)["status"] == "ok"
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0

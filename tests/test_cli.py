"""The command line on a machine without network: its answers, its exit status, and its bad cases."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tool import ROOT, isolated, validate

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def cli() -> Cli:
    prefix = isolated()

    def run(*arguments: str, timeout: float = 40, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, sys.executable, "-m", "diagnose", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            env={**os.environ, **env},
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def recorded(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "host.json.gz"
    done = cli("record", "-o", str(path), "--to", "user@example.com")
    assert done.returncode == 0, done.stderr
    return path


def test_a_run_without_network_says_so_in_json_that_keeps_to_its_schema(cli: Cli) -> None:
    done = cli("run", "--format", "json")
    report = json.loads(done.stdout)
    validate(report)
    assert done.returncode in (2, 3)
    assert done.stderr == ""
    assert "no-internet" in [d["cause"] for d in report["diagnoses"]]


@pytest.mark.parametrize("group", [(), ("relay",), ("ignore",)])
def test_no_command_is_wrong_usage_and_shows_which_there_are(cli: Cli, group: tuple[str, ...]) -> None:
    done = cli(*group)
    assert (done.returncode, done.stdout) == (3, "")
    assert "\nCommands:\n" in done.stderr
    assert "..." not in done.stderr.partition("Commands:")[2]  # no summary is cut


def test_no_network_probes_nothing(cli: Cli) -> None:
    report = json.loads(cli("run", "--no-network", "--format", "json").stdout)
    skipped = {run["check"]: run["reason"] for run in report["runs"] if run["outcome"] == "skipped"}
    assert "switched off" in skipped["egress"]
    assert "no-internet" not in [d["cause"] for d in report["diagnoses"]]


def test_the_time_out_is_kept(cli: Cli) -> None:
    # The best of three: a stalled machine is not the tool's doing.
    runs = (json.loads(cli("run", "--timeout", "2", "--format", "json").stdout) for _ in range(3))
    assert any(report["seconds"] <= 2.5 for report in runs)


def test_only_and_skip_choose_checks(cli: Cli) -> None:
    report = json.loads(cli("run", "--only", "disk", "--only", "clock", "--skip", "clock", "--format", "json").stdout)
    assert [run["check"] for run in report["runs"]] == ["disk"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--to", "nobody"], "not an email address"),
        (["run", "--to", "a@b c"], "not an email address"),
        (["run", "--to", "a@b\x1b[31m"], "not an email address"),
        (["run", "--only", "egres"], "did you mean 'egress'"),
        (["run", "--skip", "nonsense"], "no check and no tag"),
        (["run", "--format", "yaml"], "choose one of"),
        (["run", "--color", "pink"], "auto, always or never"),
        (["run", "--timeout", "0"], "1 to 3600"),
        (["run", "--timeout", "soon"], "soon"),
        (["run", "--nonsense"], "--nonsense"),
        (["run", "--app-config", "/nonexistent"], "no such file"),
        (["run", "--snapshot", "/nonexistent"], "cannot read"),
        (["run", "--snapshot", "/etc/passwd"], "not JSON"),
        (["run", "--only", "disk", "-o", "/nonexistent/x"], "cannot write"),
        (["cause", "egress-port-25-blockd"], "did you mean 'egress-port-25-blocked'"),
        (["demo", "nonsense"], "no demo is called"),
        (["relay", "suggest", "--provider", "nonsense"], "no relay is called"),
        (["frobnicate"], "frobnicate"),
        (["record"], "output"),
        (["app", "test", "/nonexistent"], "no such file"),
        (["app", "test", "smtp://u:Qz81-geheim-pw@h.example.com:587"], "--secret-file"),
        (["app", "test", "smtp://u@h.example.com:99999"], "smtp://user@host:587"),
        (["app", "test", "smtp://"], "names no server"),
        (["app", "test", "/etc/hosts", "--secret-file", "-"], "goes with a URL"),
        (["app", "test", "/etc/hosts", "--send-to", "nobody"], "not an email address"),
    ],
)
def test_bad_input_gets_one_clear_line_and_status_3(cli: Cli, arguments: list[str], message: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 3
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "geheim" not in done.stderr


def test_debug_shows_the_traceback(cli: Cli) -> None:
    assert "Traceback" in cli("run", "--snapshot", "/nonexistent", "--debug").stderr


def test_a_recording_is_diagnosed_alike_each_time(cli: Cli, recorded: Path) -> None:
    first, second = (json.loads(cli("run", "--snapshot", str(recorded), "--format", "json").stdout) for _ in range(2))
    assert first["diagnoses"] == second["diagnoses"]
    assert json.dumps(first["diagnoses"]) == json.dumps(second["diagnoses"])
    assert first["target"]["recipient"] == "user@example.com"
    assert first["diagnoses"]


def test_a_recording_of_another_version_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"schema": 99, "version": "9.9", "asked": []}))
    done = cli("run", "--snapshot", str(path))
    assert done.returncode == 3
    assert "schema 99" in done.stderr


def test_two_runs_at_once_do_not_disturb_each_other(recorded: Path) -> None:
    command = [sys.executable, "-m", "diagnose", "run", "--snapshot", str(recorded), "--format", "json"]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    one, two = (json.loads(process.communicate(timeout=40)[0]) for process in pair)
    assert one["diagnoses"] == two["diagnoses"]


def test_ctrl_c_prints_what_is_known() -> None:
    process = subprocess.Popen(
        [*isolated(), sys.executable, "-m", "diagnose", "run", "--format", "json", "--timeout", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    until = time.monotonic() + 20
    while len(list(Path(f"/proc/{process.pid}/task").iterdir())) < 12 and time.monotonic() < until:
        time.sleep(0.05)  # until its checks have begun: python itself answers a signal while it loads modules
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    if out:  # it had got as far as its checks
        validate(json.loads(out))
    else:
        assert "interrupted" in err
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["cause", "egress"], 3, "did you mean 'egress-port-25-blocked' or 'egress-submission-blocked'?"),
        (["demo", "blocked"], 3, "did you mean 'blocked-isp' or 'blocked-firewall'?"),
        (["demo", "healhty"], 3, "did you mean 'healthy'?"),
        (["relay", "suggest", "--provider", "sendgird"], 3, "did you mean 'sendgrid'?"),
        (["run", "--only", "egres"], 3, "did you mean 'egress'?"),
        (["run", "--format", "jsn"], 3, "did you mean 'json'"),
        (["run", "--fromat", "json"], 3, "(see `mail-diagnose run --help`)"),
        (["relay", "suggest", "--nothing"], 3, "(see `mail-diagnose relay suggest --help`)"),
        (["run", "--app-config", "/etc"], 3, "--app-config /etc: is a directory"),
        (["trace", "a@b.example", "--log", "/etc"], 3, "--log /etc: is a directory"),
        (["explain", "/etc"], 3, "/etc is a directory"),
        (["run", "--snapshot", "/etc"], 3, "is a directory"),
        (["help", "run"], 0, "--app-config"),
        (["help", "relay", "suggest"], 0, "--provider"),
        (["help"], 0, "Examples:"),
        (["demo", "healthy", "--json"], 0, '"status": "ok"'),
        (["demo", "healthy", "--format", "JSON"], 0, '"status": "ok"'),
        (["demo", "healthy", "-q"], 0, "Nothing wrong found.\n"),
        (["demo", "blocked-isp", "-q"], 2, "Outgoing port 25 is blocked."),
    ],
)
def test_the_command_line_keeps_to_its_conventions(cli: Cli, arguments: list[str], status: int, said: str) -> None:
    done = cli(*arguments)
    assert said in done.stdout + done.stderr
    assert done.returncode == status
    assert "-q" not in arguments or done.stdout.count("\n") == 1


def test_commands_name_the_program_as_it_was_started(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "mail-diagnose"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom diagnose.cli import entry\nentry()\n")
    program.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [str(program), "demo", "blocked-isp"]
    out = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False).stdout
    assert f"{program} relay suggest" in " ".join(out.replace("\\\n", "").split())
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    out = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False).stdout
    assert "  mail-diagnose relay suggest" in out
    code = (
        "import sys; sys.argv[0] = '/opt/x/mail-diagnose.pyz'; from diagnose.selfname import here, spelled; "
        "print(spelled('sudo mail-diagnose run; see `mail-diagnose --help`', here()))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    ).stdout
    assert (
        out
        == f"sudo {sys.executable} /opt/x/mail-diagnose.pyz run; see `{sys.executable} /opt/x/mail-diagnose.pyz --help`\n"
    )


def test_no_colour_gets_into_a_pipe(cli: Cli) -> None:
    assert "\x1b" not in cli("run", "--only", "disk", FORCE_COLOR="1").stdout
    assert "\x1b[" in cli("run", "--only", "disk", "--color", "always").stdout


def test_help_begins_with_examples(cli: Cli) -> None:
    out = cli("--help").stdout
    assert out.index("Examples:") < out.index("Commands:")
    assert "mail-diagnose run" in out


@pytest.mark.parametrize("command", ["run", "record", "demo", "cause", "list"])
def test_every_command_has_help(cli: Cli, command: str) -> None:
    done = cli(command, "--help", COLUMNS="80")
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_start_up_imports_nothing_heavy() -> None:
    code = (
        "import sys, diagnose.cli; heavy = {'dns', 'ssl', 'asyncio', 'psutil', 'rich', 'tabulate', 'pydantic', "
        "'socket'};"
        "print(sorted(heavy & {m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_catalogue_lists_checks_causes_and_relays(cli: Cli) -> None:
    out = cli("list").stdout
    assert "egress-port-25-blocked" in out
    assert "firewall" in out
    page = cli("cause", "egress-port-25-blocked").stdout
    assert "What rules it out" in page
    assert "The fix" in page
    assert "sendgrid" in cli("relay", "list").stdout


def test_demos_need_nothing(cli: Cli) -> None:
    names = [line.split()[2] for line in cli("demo").stdout.splitlines()]
    assert "blocked-isp" in names
    report = json.loads(cli("demo", "blocked-isp", "--format", "json").stdout)
    validate(report)
    assert report["diagnoses"][0]["cause"] == "egress-port-25-blocked"
    assert report["advice"][0]["verified"] is True

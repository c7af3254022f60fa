"""The formats from the command line: `run` and `demo` take each of them, commands with fewer formats refuse the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from diagnose.report import PLAIN_FORMATS
from tests.tool import isolated

ROOT = Path(__file__).parents[2]
# Loading these costs more than a monitoring system's call may take.
HEAVY = ("dns", "rich", "asyncio", "ssl", "pydantic", "tabulate", "diagnose.model", "diagnose.check", "checks")


def _tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*isolated(), sys.executable, "-m", "diagnose", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


@pytest.mark.parametrize("format", PLAIN_FORMATS)
def test_a_run_prints_each_format_into_a_file(format: str, tmp_path: Path) -> None:
    target = tmp_path / "report"
    done = _tool("demo", "wrong-key", "--format", format, "-o", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    said = "The password map has no entry for this relay"
    assert ("sasl-key-mismatch" if format == "prometheus" else said) in target.read_text()


@pytest.mark.parametrize("command", [("explain", "x"), ("relay", "suggest"), ("history",)])
def test_commands_that_print_something_else_refuse_report_formats(command: tuple[str, ...]) -> None:
    done = _tool(*command, "--format", "html")
    assert done.returncode == 3
    assert re.search("'html' is not known; choose one of text, json", done.stderr)


@pytest.mark.parametrize(
    "format", ["nagios", "checkmk", "checkmk-all", "zabbix", "prometheus", "jsonl", "junit", "markdown"]
)
def test_rendering_loads_neither_the_engine_nor_the_networks_libraries(format: str) -> None:
    code = (
        "import sys\nfrom diagnose.report import PLAIN_FORMATS\nfrom diagnose.watch import state\nfrom pathlib import Path\n"
        "PLAIN_FORMATS[sys.argv[1]](state.last(Path('/nonexistent')))\n"
        "print([m for m in sys.argv[2:] if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, format, *HEAVY], capture_output=True, text=True, timeout=30, check=False, cwd=ROOT
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_the_last_report_tells_the_fix_as_the_run_did(verbose: tuple[str, ...], tmp_path: Path) -> None:
    """Every alarm sends people there: the relay's configuration must not be missing, nor a command with a hole in it."""
    demo = ("--snapshot", "diagnose/data/demos/wrong-key.json.gz")
    run = _tool("run", *demo, *verbose).stdout
    for _ in range(2):
        _tool("watch", *demo, "--state-dir", str(tmp_path))
    last = _tool("report", "--last", "--state-dir", str(tmp_path), *verbose).stdout
    fix = re.compile(r"(?s)\nFIX  .*?\n\n")
    shown, kept = fix.search(run), fix.search(last)
    assert shown
    assert kept
    assert kept[0] == shown[0]
    assert not re.search(r"<[A-Z]+>", last)
    if verbose:
        assert "decibans" in last or " dB " in last


def test_the_last_report_has_the_relay_that_the_run_advises(tmp_path: Path) -> None:
    demo = ("--snapshot", "diagnose/data/demos/blocked-isp.json.gz")
    _tool("watch", *demo, "--state-dir", str(tmp_path))
    for verbose in ((), ("-v",)):
        run = _tool("run", *demo, *verbose).stdout
        last = _tool("report", "--state-dir", str(tmp_path), *verbose).stdout
        for line in ("mail-diagnose relay suggest --relay ses", *(("A relay to use: ses",) if verbose else ())):
            assert line in run
            assert line in last

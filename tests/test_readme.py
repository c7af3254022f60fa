"""The README's commands, word for word, and its sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tool import isolated

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]
COMMANDS = [line for line in LINES if "mail-diagnose" in line and ".venv" not in line]
INSTALLS = [line for line in LINES if line not in COMMANDS]


def test_the_sample_is_what_the_demo_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "diagnose", "demo", "blocked-isp"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    sample = re.search(r"```\n(Outgoing.*?)```", README, re.S)
    assert sample
    ages = re.compile(r"for \d+ s")  # of the recording
    assert ages.sub("", done.stdout).startswith(ages.sub("", sample[1]))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command: str, tmp_path: Path) -> None:
    """In a shell, with nothing but the program in the search path; no network, and a state directory of its own."""
    program = tmp_path / "bin" / "mail-diagnose"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom diagnose.cli import entry\nentry()\n")
    program.chmod(0o755)
    (tmp_path / "error.txt").write_text("535 5.7.8 Error: authentication failed\n")
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [*isolated(), "sh", "-c", command], capture_output=True, text=True, timeout=90, cwd=tmp_path, env=environment,
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 2, 3)
    assert "Traceback" not in done.stderr
    wrong = re.search(r"No such (option|command)|Usage|not known|unexpected|is called", done.stderr)
    assert not wrong, done.stderr
    # Nothing to show on this machine is said in words.
    assert done.stdout or re.search(r"no state|no result|is empty", done.stderr), done.stderr


def test_every_block_of_commands_is_run() -> None:
    assert len(COMMANDS) >= 15
    assert all(
        line.lstrip("sudo ").startswith((".venv/bin/", "python3 -m venv", "python3 .ci/zipapp.py")) for line in INSTALLS
    )


def test_the_install_lines_name_what_the_package_makes() -> None:
    """They need the package index; that the names in them are right is seen here."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'mail-diagnose = "diagnose.cli:entry"' in project
    assert ".venv/bin/pip install -q ." in INSTALLS

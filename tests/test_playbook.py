"""The playbook that install-units prints: valid YAML, modules of ansible.builtin, commands that this program has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from diagnose.commands import COMMANDS

ROOT = Path(__file__).parent.parent
KEYWORDS = {
    "name", "register", "when", "changed_when", "failed_when", "delegate_to", "become", "run_once",
}  # fmt: skip


def printed() -> str:
    argv = [sys.executable, "-m", "diagnose", "install-units", "--ansible"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT).stdout


PLAYS: list[dict[str, Any]] = yaml.safe_load(printed())
TASKS = [task for play in PLAYS for task in play["tasks"]]


def module(task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (name,) = task.keys() - KEYWORDS
    return name, task[name]


def calls() -> Iterator[list[str]]:
    """What is run of this program."""
    for name, options in map(module, TASKS):
        argv = options["argv"] if name == "ansible.builtin.command" else []
        words = (
            argv if isinstance(argv, list) else argv.partition("[")[2].partition("]")[0].replace("'", "").split(", ")
        )
        at = next((n for n, word in enumerate(words) if word.endswith(".pyz") or "mail_diagnose_file" in word), None)
        if at is not None:
            yield words[at + 1 :]


def test_two_plays_install_run_fetch_and_compare() -> None:
    assert [play["hosts"] for play in PLAYS] == ["{{ mail_diagnose_hosts | default('all') }}", "localhost"]
    assert [play["become"] for play in PLAYS] == [True, False]
    assert [words[0] for words in calls()] == ["install-units", "run", "fleet"]
    assert "ansible.builtin.fetch" in {module(task)[0] for task in TASKS}


def test_only_modules_that_come_with_ansible() -> None:
    assert all(module(task)[0].startswith("ansible.builtin.") for task in TASKS)
    assert all(task["name"] for task in TASKS)


def test_the_commands_and_options_are_known() -> None:
    for words in calls():
        assert words[0] in COMMANDS
        argv = [sys.executable, "-m", "diagnose", words[0], "--help"]
        text = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT).stdout
        options = [word.partition("=")[0] for word in words[1:] if word.startswith("--")]
        assert [option for option in options if option not in text and option != "--json"] == []


def test_each_command_says_what_is_a_change_and_what_a_failure() -> None:
    for task in TASKS:
        if module(task)[0] == "ansible.builtin.command":
            assert "changed_when" in task
            assert "failed_when" in task or "systemd-sysusers" in str(task)


def test_files_of_the_hosts_are_root_s_and_reports_private() -> None:
    files = [options for name, options in map(module, TASKS) if "mode" in options]
    assert {options.get("path", options.get("dest")): options["mode"] for options in files} == {
        "/opt/mail-diagnose": "0755",
        "/opt/mail-diagnose/mail-diagnose.pyz": "0755",
        "{{ mail_diagnose_reports }}": "0700",
    }


def test_ansible_takes_it(tmp_path: Path) -> None:
    playbook = shutil.which("ansible-playbook")
    if playbook is None:
        pytest.skip("NOT TESTED: no ansible here")
    (tmp_path / "mail-diagnose.yml").write_text(printed(), "utf-8")
    environment = {**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    argv = [playbook, "--syntax-check", "mail-diagnose.yml"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr

"""What install-units writes is taken by systemd, Icinga, Zabbix' format, Prometheus, man and the shells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from diagnose.commands import application, documents
from diagnose.report import PLAIN_FORMATS
from tests.report import material

ROOT = Path(__file__).parent.parent
COMMAND = "/usr/bin/env"  # stands for the installed program: systemd looks whether it is there
Tool = Callable[..., "subprocess.CompletedProcess[str]"]


def _tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*material.isolated(), sys.executable, "-m", "diagnose", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out")
    done = _tool("install-units", "--prefix", str(path), "--command", COMMAND)
    assert (done.returncode, done.stderr) == (0, "")
    return path


@pytest.fixture(scope="module")
def pages() -> list[documents.Page]:
    return documents.pages(get_command(application()))


def _check(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_systemd_verifies_the_units_without_a_word(out: Path) -> None:
    units = [str(out / f"etc/systemd/system/mail-diagnose.{kind}") for kind in ("service", "timer")]
    done = _check(material.needed("systemd-analyze"), "verify", *units)
    # Other units of the machine that runs the tests may be faulty: only ours matter.
    assert "mail-diagnose" not in done.stdout + done.stderr


def test_the_service_is_hardened_and_keeps_what_it_needs_to_see(out: Path) -> None:
    service = out / "etc/systemd/system/mail-diagnose.service"
    done = _check(material.needed("systemd-analyze"), "security", "--offline=true", "--threshold=25", str(service))
    assert "OK" in done.stdout
    settings = dict(line.split("=", 1) for line in service.read_text().splitlines() if re.match("[A-Z]\\w+=", line))
    assert settings["NoNewPrivileges"] == "yes"
    assert "postdrop" in settings["SupplementaryGroups"].split()
    assert not settings.keys() & {"PrivateUsers", "ProtectProc", "PrivateNetwork", "IPAddressDeny"}
    assert settings["ExecStart"] == f"{COMMAND} watch"


def test_the_account_is_made_by_sysusers(out: Path, tmp_path: Path) -> None:
    tool = material.needed("systemd-sysusers")
    (tmp_path / "etc").mkdir()
    if os.geteuid():
        pytest.skip("NOT TESTED: systemd-sysusers wants root for another root directory")
    _check(tool, f"--root={tmp_path}", str(out / "etc/sysusers.d/mail-diagnose.conf"))
    assert "mail-diagnose:x:" in (tmp_path / "etc/passwd").read_text()


def test_icinga_accepts_the_command_and_its_service(out: Path, tmp_path: Path) -> None:
    icinga = material.needed("icinga2")
    host = 'object Host "mx" { check_command = "mail-diagnose", vars.mail_diagnose = true, vars.mail_diagnose_warning = "queue=100" }\n'
    config = tmp_path / "icinga2.conf"
    config.write_text((out / "usr/local/share/mail-diagnose/icinga2/mail-diagnose.conf").read_text() + host)
    for name in ("data", "run", "log", "cache"):
        (tmp_path / name).mkdir()
    tmp_path.chmod(0o777)
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    done = _check(
        icinga, "daemon", "-C", "-c", str(config), f"-DRunAsUser={user}", f"-DRunAsGroup={user}", f"-DDataDir={tmp_path}/data",
        f"-DInitRunDir={tmp_path}/run", f"-DLogDir={tmp_path}/log", f"-DCacheDir={tmp_path}/cache", f"-DVarsPath={tmp_path}/vars",
    )  # fmt: skip
    assert "1 CheckCommand" in done.stdout
    assert "1 Service" in done.stdout
    assert "warning" not in done.stdout


def test_icinga_passes_only_options_that_report_has(out: Path, pages: list[documents.Page]) -> None:
    text = (out / "usr/local/share/mail-diagnose/icinga2/mail-diagnose.conf").read_text()
    passed = set(re.findall(r'"(--[a-z-]+)"', text))
    report = next(page for page in pages if page.path == ("report",))
    assert passed <= {name for option in report.options for name in option.names}


def test_every_command_line_in_the_recipes_is_one_that_the_tool_takes(out: Path, pages: list[documents.Page]) -> None:
    known = {page.path: {n for o in page.options for n in o.names} for page in pages}
    found = 0
    for path in out.rglob("*"):
        if not path.is_file() or "share/man" in str(path) or "complet" in str(path) or "site-functions" in str(path):
            continue
        for line in path.read_text().splitlines():
            for command, rest in re.findall(rf"{COMMAND} (watch|report)\b(.*)", line):
                found += 1
                assert set(re.findall(r" (--[a-z-]+)", rest)) <= known[command,]
    assert found >= 5


@pytest.fixture(scope="module")
def zabbix(out: Path) -> dict[str, Any]:
    text = (out / "usr/local/share/mail-diagnose/zabbix/mail-diagnose.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["zabbix_export"]
    return found


def test_the_zabbix_template_is_one_master_item_and_its_dependents(zabbix: dict[str, Any]) -> None:
    (template,) = zabbix["templates"]
    master, *rest = template["items"]
    assert master["key"] == "maildiag.report"
    assert all(item["type"] == "DEPENDENT" and item["master_item"] == {"key": master["key"]} for item in rest)
    for item in rest:
        (step,) = item["preprocessing"]
        assert (step["type"], bool(re.fullmatch(r"\$\.[a-z_]+", step["parameters"][0]))) == ("JSONPATH", True)
        # What cannot be read is UNKNOWN, and no value of a kind that a graph would show.
        assert step["error_handler"] == (
            "CUSTOM_VALUE" if item["key"] in ("maildiag.status", "maildiag.problem") else "DISCARD_VALUE"
        )
    ids = re.findall(r"'uuid': '([^']*)'", str(zabbix))
    assert len(ids) == len(set(ids))
    # Zabbix takes identifiers of version 4 only.
    assert all(re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", id) for id in ids)
    keys = {item["key"] for item in template["items"]}
    for item in rest:
        for trigger in item.get("triggers", ()):
            assert set(re.findall(r"/mail-diagnose/([\w.]+)", trigger["expression"])) <= keys


def test_what_somebody_changed_is_kept_unless_forced(tmp_path: Path) -> None:
    def write(*more: str) -> subprocess.CompletedProcess[str]:
        return _tool("install-units", "--only", "systemd", "--prefix", str(tmp_path), "--command", COMMAND, *more)

    timer = tmp_path / "etc/systemd/system/mail-diagnose.timer"
    assert write().returncode == 0
    assert write().stdout.count("unchanged") == 3
    timer.write_text("mine")
    done = write()
    assert (done.returncode, timer.read_text()) == (1, "mine")
    assert "kept" in done.stdout
    assert write("--force").returncode == 0
    assert timer.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--only", "windows"), "choose from systemd, cron"),
        (("--command", "mail-diagnose"), "absolute path"),
        (("--command", "/opt/a b;c"), "characters"),
        (("--prefix", "/proc/nowhere", "--command", COMMAND), "cannot write"),
    ],
)
def test_bad_input_is_one_line_and_status_3(arguments: tuple[str, ...], expected: str) -> None:
    done = _tool("install-units", *arguments)
    assert done.returncode == 3
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_printing_writes_nothing_and_names_each_place() -> None:
    done = _tool("install-units", "--print", "--only", "systemd", "--command", COMMAND)
    assert done.stdout.count("# /etc/") == 3
    assert "[Timer]" in done.stdout


def test_the_man_page_is_clean_and_tells_every_option(out: Path, pages: list[documents.Page]) -> None:
    man = material.needed("man")
    page = out / "usr/local/share/man/man1/mail-diagnose.1"
    done = subprocess.run(
        [man, "--warnings", "-E", "UTF-8", "-l", str(page)], capture_output=True, text=True, check=False,
        env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for found in pages:
        assert " ".join(("mail-diagnose", *found.path)) in done.stdout
        for option in found.options:
            assert ", ".join(option.names) in done.stdout


@pytest.mark.parametrize(
    ("shell", "path"),
    [
        ("bash", "bash-completion/completions/mail-diagnose"),
        ("zsh", "zsh/site-functions/_mail-diagnose"),
        ("fish", "fish/vendor_completions.d/mail-diagnose.fish"),
    ],
)
def test_the_shells_can_read_their_completion(out: Path, shell: str, path: str) -> None:
    _check(material.needed(shell), "-n", str(out / "usr/local/share" / path))


def _completed(out: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = (
        'source "$1"; shift; COMP_WORDS=(mail-diagnose "$@"); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); '
        '_mail_diagnose_completion mail-diagnose; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = out / "usr/local/share/bash-completion/completions/mail-diagnose"
    return _check(
        "bash", "-c", script, "bash", str(path), *words,
        cwd="/", env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    ).stdout.split()  # fmt: skip


@pytest.mark.parametrize("path", [("run",), ("relay", "suggest")])
def test_a_shell_completes_commands_options_and_values(
    out: Path, pages: list[documents.Page], path: tuple[str, ...]
) -> None:
    page = next(page for page in pages if page.path == path)
    names = {name for option in page.options for name in option.names if name.startswith("--")}
    assert set(_completed(out, *path, "--")) >= names
    assert "report" in _completed(out, "re")
    assert set(_completed(out, "report", "--format", "")) == set(PLAIN_FORMATS)
    assert _completed(out, "run", "--color", "al") == ["always"]


def test_the_documents_are_made_at_build_time(tmp_path: Path) -> None:
    done = _tool("install-units", "--only", "documents", "--prefix", str(tmp_path), "--command", COMMAND)
    assert done.returncode == 0, done.stderr
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 4
    assert next(tmp_path.rglob("mail-diagnose.1")).read_text().startswith(".TH")

"""The consumers themselves take every state by the recipes that `install-units` writes: Icinga 2, both Zabbix agents, Checkmk's
grammar, the node exporter, cron."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.report import material, states
from tests.tool import isolated

every = pytest.mark.parametrize("name", states.STATUS)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("consumers")


@pytest.fixture(scope="module")
def kept(root: Path) -> dict[str, Path]:
    return states.make(root / "states")


@pytest.fixture(scope="module")
def share(root: Path) -> Path:
    return material.recipes(root / "prefix", str(states.program(root)))


def _recipe(share: Path, name: str, directory: Path) -> str:
    """The recipe's text, with the state that it is to read."""
    return (share / name).read_text().replace("/var/lib/mail-diagnose", str(directory))


def _run(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*isolated(), *argv], capture_output=True, text=True, timeout=120, check=False, **more)


# Zabbix ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def items(share: Path) -> list[dict[str, Any]]:
    found = yaml.safe_load((share / "zabbix/mail-diagnose.yaml").read_text())["zabbix_export"]["templates"]
    return list(found[0]["items"])


@every
@pytest.mark.parametrize("agent", ["zabbix_agentd", "zabbix_agent2"])
def test_both_zabbix_agents_read_the_item_and_the_template_its_values(
    agent: str, name: str, share: Path, kept: dict[str, Path], items: list[dict[str, Any]], tmp_path: Path
) -> None:
    program = material.needed(agent)
    config = tmp_path / "agent.conf"
    own = f"LogFile={tmp_path}/log\nHostname=mx\nServer=127.0.0.1\nTimeout=30\n"
    config.write_text(own + _recipe(share, "zabbix/mail-diagnose.conf", kept[name]))
    done = _run(program, "-c", str(config), "-t", "maildiag.report")
    found = re.search(r"\[[st]\|(.*)\]\s*$", done.stdout, re.S)
    assert found, done.stdout + done.stderr
    assert "NOTSUPPORTED" not in done.stdout
    assert len(found[1]) < 16_000
    told = json.loads(found[1])
    assert told["status"] == states.STATUS[name]
    values = {item["key"]: told.get(item["preprocessing"][0]["parameters"][0][2:]) for item in items[1:]}
    assert values["maildiag.status"] == states.STATUS[name]
    assert values["maildiag.problem"]
    assert (values["maildiag.queue"], values["maildiag.held"]) == {
        "healthy": (0, 0), "elsewhere": (0, 0), "blocked": (1, 0), "held": (300, 300), "deferred": (20_000, 0),
        "soft": (1, 0),
        "password": (values["maildiag.queue"], 0),
    }.get(name, (None, None))  # fmt: skip
    if states.STATUS[name] == 2:
        assert values["maildiag.cause"] not in (None, "none")
        assert values["maildiag.do"]


def test_a_text_that_is_no_report_counts_as_unknown(items: list[dict[str, Any]]) -> None:
    """As the shell's, where the program is not there any more."""
    status = next(item for item in items if item["key"] == "maildiag.status")
    (step,) = status["preprocessing"]
    assert (step["error_handler"], step["error_handler_params"]) == ("CUSTOM_VALUE", "3")
    expressions = {trigger["name"]: trigger["expression"] for trigger in status["triggers"]}
    assert expressions["It is not known whether mail leaves {HOST.NAME}"] == (
        "min(/mail-diagnose/maildiag.status,30m)=3 or nodata(/mail-diagnose/maildiag.report,30m)=1"
    )


# Checkmk -----------------------------------------------------------------------------------------------------------


@every
def test_checkmks_local_check_tells_three_services(name: str, share: Path, kept: dict[str, Path], root: Path) -> None:
    script = root / f"checkmk-{name}"
    script.write_text(_recipe(share, "checkmk/mail-diagnose", kept[name]))
    script.chmod(0o755)
    done = _run(str(script))
    found = [re.fullmatch(r'([0-3]) "([^"]+)" (-|\S+) (\S.*)', line) for line in done.stdout.splitlines()]
    assert [m and m[2] for m in found] == ["Mail delivery", "Mail queue", "Mail watch"], done.stdout + done.stderr
    statuses = [m[1] for m in found if m]
    assert statuses[0] == ("0" if name == "elsewhere" else str(states.STATUS[name]))  # mail is well, the watch is not
    assert statuses.count("2") <= 1
    if states.STATUS[name] == 3:
        assert statuses == ["3", "3", "3"]
    else:
        assert statuses[2] == ("1" if name == "elsewhere" else "0")


# Icinga ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def icinga(share: Path, kept: dict[str, Path], root: Path) -> dict[str, dict[str, Any]]:
    """The services' attributes by state, after a real daemon has run the checks."""
    program = material.needed("icinga2")
    if os.geteuid():
        pytest.skip("NOT TESTED: the daemon wants root, to become the user that it is told")
    home = root / "icinga"
    for name in ("data", "run", "log", "cache", "spool"):
        (home / name).mkdir(parents=True)
    hosts = "".join(
        f'object Host "{name}" {{ check_command = "dummy", vars.mail_diagnose = true\n vars.mail_diagnose_state_dir = "{path}"\n'
        '  vars.mail_diagnose_warning = "age=3600" }\n'
        for name, path in kept.items()
    )
    # The first check comes within an interval, the second one never.
    text = (
        (share / "icinga2/mail-diagnose.conf").read_text().replace("check_interval = 5m\n", "check_interval = 5s\n", 1)
    )
    (home / "icinga2.conf").write_text(
        'include <itl>\nobject Endpoint "mx" {}\nobject Zone "mx" { endpoints = [ "mx" ] }\nconst NodeName = "mx"\n'
        'const ZoneName = "mx"\nobject CheckerComponent "checker" {}\n' + text + hosts
    )
    log = home / "out"
    argv = [
        *isolated(), "setpriv", "--pdeathsig", "KILL", program, "daemon", "-c", str(home / "icinga2.conf"), "-x", "debug", "-DRunAsUser=root",
        "-DRunAsGroup=root", f"-DDataDir={home}/data", f"-DInitRunDir={home}/run", f"-DLogDir={home}/log",
        f"-DCacheDir={home}/cache", f"-DVarsPath={home}/vars", f"-DSpoolDir={home}/spool", f"-DPidPath={home}/run/pid",
    ]  # fmt: skip
    with log.open("w") as out, subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True) as daemon:
        try:
            found = {}
            for _ in range(90):
                time.sleep(1)
                if daemon.poll() is not None or len(
                    set(re.findall(r"Executing check for object '(\w+)!", log.read_text()))
                ) == len(kept):
                    time.sleep(8)
                    break
        finally:
            daemon.terminate()  # the umbrella process stops its worker; signal both, and it may start another
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:  # else leaving the block would wait without end
                os.killpg(daemon.pid, signal.SIGKILL)
    path = home / "data/icinga2.state"
    assert path.exists(), log.read_text()[-3000:]
    for _, text in _netstrings(path.read_text()):
        entry = json.loads(text)
        if entry["type"] == "Service":
            found[entry["name"].partition("!")[0]] = entry["update"]
    return found


def _netstrings(text: str) -> Iterator[tuple[int, str]]:
    while text:
        size, _, rest = text.partition(":")
        yield int(size), rest[: int(size)]
        text = rest[int(size) + 1 :]


@every
def test_an_icinga_daemon_runs_the_check_and_keeps_its_state_and_values(
    name: str, icinga: dict[str, dict[str, Any]]
) -> None:
    result = icinga[name]["last_check_result"]
    expected = states.STATUS[name]
    assert result["exit_status"] == expected, result
    assert icinga[name]["state_raw"] == expected
    assert result["output"].startswith(f"MAIL {WORDS[expected]} - ")
    # watch has counted: what it gives is hard, and what it saw but once is OK.
    assert icinga[name]["state_type"] == 1
    values = [str(each).partition("=")[0] for each in result["performance_data"]]
    assert ("queue" in values) is (expected != 3)


# Node exporter -----------------------------------------------------------------------------------------------------


def test_the_node_exporter_serves_every_state_without_a_scrape_error(
    kept: dict[str, Path], root: Path, tmp_path: Path
) -> None:
    exporter = material.needed("prometheus-node-exporter", "ip", "curl")
    up = "ip link set lo up && \"$0\" \"$@\" >/dev/null 2>&1 & sleep 1; for n in 1 2 3 4 5 6 7 8 9; do " \
        "curl -sf http://127.0.0.1:9100/metrics && break; sleep 1; done; kill %1 2>/dev/null; kill $!"  # fmt: skip
    tmp_path.chmod(0o755)
    for name, directory in kept.items():
        path = tmp_path / "mail.prom"
        done = _run(str(root / "mail-diagnose"), "report", "--last", "--max-age", "30m", "--state-dir", str(directory),
                    "--format", f"prometheus:{path}")  # fmt: skip
        status = 2 if name == "soft" else states.STATUS[name]
        assert done.returncode == status, done.stderr
        done = _run("sh", "-c", up, exporter, "--collector.disable-defaults", "--collector.textfile",
                    f"--collector.textfile.directory={tmp_path}", "--web.listen-address=127.0.0.1:9100")  # fmt: skip
        assert "node_textfile_scrape_error 0" in done.stdout, done.stdout[-500:] + done.stderr
        assert f"maildiag_status {status}" in done.stdout
        assert ("maildiag_queue_messages" in done.stdout) is (status != 3)

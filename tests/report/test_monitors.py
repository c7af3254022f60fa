"""Nagios, Checkmk and Prometheus take what is made for them, whatever hosts and servers said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nagiosplugin
import pytest

from diagnose import files
from diagnose.report import PLAIN_FORMATS
from tests.report import material
from tests.tool import isolated

Plain = dict[str, Any]
CASES: dict[str, Callable[[], Plain]] = {
    **{name: (lambda name=name: material.report(name)) for name in material.NAMES},  # type: ignore[misc]
    "watched": lambda: material.watched(material.report()),
    "elsewhere": lambda: material.watched(
        material.report("healthy"), elsewhere="cannot write in /var/lib/mail-diagnose"
    ),
    "stale": lambda: material.stale(material.report()),
    "poisoned": lambda: material.poisoned(material.watched(material.report())),
    "held": material.held,
    "deferred": material.deferred,
    "empty": lambda: {**material.stale(material.report()), "runs": [], "diagnoses": [], "advice": []},
}
every = pytest.mark.parametrize("name", CASES)
# label=value[unit];[warn];[crit];[min];[max], as the guidelines have it
PERFORMANCE = re.compile(r"([a-z_]+)=(-?\d+(?:\.\d+)?)(s|c|B|%|)((?:;[^; ]*){0,4})")


@every
def test_nagios_reads_one_line_then_more_within_a_packet(name: str) -> None:
    plain = CASES[name]()
    text = PLAIN_FORMATS["nagios"](plain, warning="queue=100,age=3600", critical="queue=@1000:5000")
    assert len(text.encode()) <= 1000
    assert re.fullmatch(r"[\x20-\x7e\n]*", text)
    first, *more = text.rstrip("\n").split("\n")
    assert re.match(r"MAIL (OK|WARNING|CRITICAL|UNKNOWN) - \S", first)
    said, _, data = first.partition("|")
    assert len(said) <= 200
    assert not re.search(r"[|$`<>&'\"\\;]", said + "".join(more))
    for item in data.split():
        found = PERFORMANCE.fullmatch(item)
        assert found, item
        for spec in found[4].split(";")[1:3]:
            nagiosplugin.Range(spec)


def test_nagios_no_long_evidence_pushes_out_lost_alarms_and_where_to_read_on() -> None:
    lines = PLAIN_FORMATS["nagios"](material.watched(material.report())).splitlines()
    assert lines[-2:] == ["alarms not delivered: 1", "full report: mail-diagnose report --last"]
    assert any(line.startswith("do: ") for line in lines)


def test_nagios_word_is_the_exit_status_word() -> None:
    words = {name: PLAIN_FORMATS["nagios"](CASES[name]()).split()[1] for name in CASES}
    assert (words["healthy"], words["blocked-isp"], words["stale"], words["empty"]) == (
        "OK", "CRITICAL", "UNKNOWN", "UNKNOWN",
    )  # fmt: skip


def test_nagios_names_the_cause_the_queue_and_the_level_that_is_crossed() -> None:
    plain = material.report()
    waits = next(o["data"] for r in plain["runs"] for o in r["observations"] if o["sign"] == "queue.waiting")
    first = PLAIN_FORMATS["nagios"](plain).split("\n")[0]
    assert "egress-port-25-blocked" in first
    assert waits["count"] > 0
    assert f"queue={waits['count']};" in first
    assert f"age={waits['oldest']}s;" in first
    crossed = PLAIN_FORMATS["nagios"](material.report("healthy"), warning="queue=5:").split("\n")[0]
    assert crossed.startswith("MAIL WARNING - 0 messages in the queue: outside 5:")
    assert "queue=0;5:;;0;" in crossed


@every
def test_checkmk_reads_each_line(name: str) -> None:
    """The grammar of a local check: status, service in quotes, metrics or a dash, text; one blank between them."""
    text = PLAIN_FORMATS["checkmk"](CASES[name](), warning="queue=100")
    services = []
    assert "\\" not in text.replace("\\n", "")
    for line in text.rstrip("\n").split("\n"):
        found = re.fullmatch(r'([0-3]) "([^"|\\]+)" (-|\S+) (\S.*)', line)
        assert found, line[:200]
        services.append(found[2])
        for metric in [] if found[3] == "-" else found[3].split("|"):
            assert re.fullmatch(r"[a-z_]+=\d+(\.\d+)?(;[\d.]*){0,4}", metric), metric
    assert services == ["Mail delivery", "Mail queue", "Mail watch"]


def _services(plain: Plain, format: str = "checkmk", **levels: str) -> dict[str, tuple[str, str]]:
    lines = PLAIN_FORMATS[format](plain, **levels).splitlines()
    return {m[2]: (m[1], m[3]) for line in lines if (m := re.match(r'(\d) "([^"]+)" (.*)', line))}


def test_checkmk_one_cause_makes_one_service_critical() -> None:
    found = _services(material.watched(material.report(), notifications=[]))
    assert {name: status for name, (status, _) in found.items()} == {
        "Mail delivery": "2", "Mail queue": "0", "Mail watch": "0",
    }  # fmt: skip
    assert r"\nDo: Send through a relay" in found["Mail delivery"][1]
    crossed = _services(material.report("healthy"), critical="queue=5:")
    assert [status for status, _ in crossed.values()] == ["0", "2", "0"]


@pytest.mark.parametrize("format", ["text", "nagios"])
def test_alarms_that_do_not_arrive_are_said_where_nothing_else_is_wrong(format: str) -> None:
    plain = {**material.watched(material.report("healthy")), "status": "warning", "trend": []}
    assert "Nothing wrong found, but alarms were not delivered: 1" in PLAIN_FORMATS[format](plain)
    assert _services(plain)["Mail delivery"][0] == "0"
    assert _services(plain)["Mail watch"][0] == "1"


def test_checkmk_lost_alarms_and_old_results_are_the_watchs_own() -> None:
    assert _services(material.watched(material.report("healthy")))["Mail watch"][0] == "1"
    old = _services(material.stale(material.held()))
    assert {status for status, _ in old.values()} == {"3"}
    assert all("is the timer running" in text for _, text in old.values())
    assert "300" not in "".join(text for _, text in old.values())


def test_checkmk_all_has_a_service_for_each_check_also_when_it_is_old() -> None:
    new = _services(material.watched(material.report("healthy")), "checkmk-all")
    old = _services(material.stale(material.report("healthy")), "checkmk-all")
    assert new.keys() == old.keys() == _services(material.report(), "checkmk-all").keys()
    assert len(new) > 20
    assert {status for status, _ in old.values()} == {"3"}


@every
def test_zabbix_is_small_json_without_what_is_not_known(name: str) -> None:
    text = PLAIN_FORMATS["zabbix"](CASES[name](), warning="queue=100,age=3600")
    assert len(text) < 16_000
    found = json.loads(text)
    assert found["status"] in range(4)
    assert None not in found.values()
    assert ("queue" in found) is (name not in ("stale", "empty"))
    assert found["problem"]


@pytest.mark.parametrize("name", ["nagios", "checkmk", "checkmk-all", "prometheus", "zabbix", "jsonl"])
def test_a_stale_result_sends_no_old_values_to_graphs(name: str) -> None:
    text = PLAIN_FORMATS[name](material.stale(material.deferred()))
    # Behind the first line nagios and jsonl tell what was found then, which no graph is drawn of.
    told = text.split("\n")[0] if name in ("nagios", "jsonl") else text
    assert not re.search(r"20000|8100", told)


def test_levels_stand_on_the_value_that_they_are_held_against() -> None:
    first = PLAIN_FORMATS["nagios"](material.held(), warning="age=3600", critical="queue=500").split("\n")[0]
    assert first.startswith("MAIL CRITICAL - Messages are on hold")
    assert re.search(r" age=\d+s;3600;;0;", first)
    assert "queue=300;;500;0;" in first


def test_prometheus_tells_the_queue_by_state_and_reason() -> None:
    text = PLAIN_FORMATS["prometheus"](material.deferred())
    assert 'maildiag_queue_state_messages{state="deferred"} 20000\n' in text
    assert 'maildiag_queue_reason_recipients{reason="connect-timeout"} 20000\n' in text


def test_a_port_that_no_mail_takes_is_no_alarm() -> None:
    """What supports no diagnosis does not page anybody."""
    plain = {**material.report(), "diagnoses": [], "status": "ok"}
    lines = PLAIN_FORMATS["checkmk-all"](plain).splitlines()
    assert all(line.startswith("0 ") for line in lines)
    assert any("noted: TCP 25" in line for line in lines)


@every
def test_prometheus_promtool_accepts(name: str) -> None:
    promtool = material.needed("promtool")
    text = PLAIN_FORMATS["prometheus"](CASES[name]())
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@every
def test_prometheus_is_classic_text_without_timestamps(name: str) -> None:
    text = PLAIN_FORMATS["prometheus"](CASES[name]())
    seen = set()
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("# "):
            continue
        found = re.fullmatch(r'(maildiag_[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) -?\d+(\.\d+)?', line)
        assert found, line[:200]
        assert found[1] not in seen
        seen.add(found[1])
    assert ("maildiag_queue_messages" in text) is (name not in ("stale", "empty"))


def test_prometheus_the_node_exporter_collects_it(tmp_path: Path) -> None:
    """Written by rename with mode 0644 and served, hostile text and all, without a scrape error."""
    exporter = material.needed("prometheus-node-exporter", "setpriv", "ip")
    files.write(tmp_path / "mail.prom", PLAIN_FORMATS["prometheus"](CASES["poisoned"]()).encode(), 0o644)
    tmp_path.chmod(0o755)
    assert (tmp_path / "mail.prom").stat().st_mode & 0o777 == 0o644
    path = tmp_path / "page"
    script = (
        "import subprocess, sys, time, urllib.request\n"
        "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        "child = subprocess.Popen(sys.argv[2:])\n"
        "try:\n"
        "    for _ in range(100):\n"
        "        try:\n"
        "            page = urllib.request.urlopen('http://127.0.0.1:9100/metrics', timeout=5).read()\n"
        "            break\n"
        "        except OSError:\n"
        "            time.sleep(0.1)\n"
        "    open(sys.argv[1], 'wb').write(page)\n"
        "finally:\n"
        "    child.terminate(); child.wait(10)\n"
    )
    done = subprocess.run(
        [*isolated(), sys.executable, "-c", script, str(path), exporter, "--collector.disable-defaults",
         "--collector.textfile", f"--collector.textfile.directory={tmp_path}", "--web.listen-address=127.0.0.1:9100"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = path.read_text()
    assert "node_textfile_scrape_error 0" in page
    assert "maildiag_status 2" in page
    assert re.search(r'maildiag_check_status\{check="egress"\} 2', page)
    assert 'node_textfile_mtime_seconds{file="' in page

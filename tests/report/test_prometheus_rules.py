"""The alert rules fire when they should and say why, by promtool; the Grafana dashboard asks for metrics that are made."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from diagnose.report import PLAIN_FORMATS
from tests.report import material

CAUSE = 'maildiag_cause_score_decibans{cause="%s",impact="outage",confidence="%s",instance="mx"}'
RULES = "prometheus/mail-diagnose.rules.yml"


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.recipes(tmp_path_factory.mktemp("recipes"))


def _promtool(*arguments: str | Path) -> None:
    promtool = material.needed("promtool")
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _test(share: Path, path: Path, series: dict[str, str], expected: list[dict[str, Any]]) -> None:
    """series: values by the series' name, a minute each; expected: alert rule tests."""
    rows = [{"series": name if "{" in name else f'{name}{{instance="mx"}}', "values": v} for name, v in series.items()]
    tests = [{"interval": "1m", "input_series": rows, "alert_rule_test": expected}]
    (path / "test.yml").write_text(yaml.safe_dump({"rule_files": [str(share / RULES)], "tests": tests}))
    _promtool("test", "rules", path / "test.yml")


def _at(time: str, name: str, severity: str = "", summary: str = "", description: str = "") -> dict[str, Any]:
    """Fires at that time with these words; without words it does not fire."""
    told = {"summary": summary} | ({"description": description} if description else {})
    alert = {"exp_labels": {"severity": severity, "instance": "mx"}, "exp_annotations": told}
    return {"eval_time": time, "alertname": name, "exp_alerts": [alert] if summary else []}


def test_the_rules_are_rules(share: Path) -> None:
    _promtool("check", "rules", share / RULES)


def test_mail_that_does_not_leave_is_told_with_its_causes_the_surest_first(share: Path, tmp_path: Path) -> None:
    series = {
        "maildiag_status": "2+0x30", "maildiag_last_run_timestamp_seconds": "0+60x30", "maildiag_queue_messages": "41+0x30",
        CAUSE % ("queue-congested", "likely"): "12+0x30", CAUSE % ("egress-port-25-blocked", "certain"): "30+0x30",
        'maildiag_cause_score_decibans{cause="other",confidence="certain",instance="my"}': "50+0x30",
    }  # fmt: skip
    said = "egress-port-25-blocked (certain), queue-congested (likely), 41 messages in the queue. On the host: mail-diagnose report --last"
    _test(share, tmp_path, series, [
        _at("10m", "MailDoesNotLeave"),
        _at("20m", "MailDoesNotLeave", "critical", "Mail is not leaving mx", said),
        _at("20m", "MailIsNotWatched"), _at("20m", "MailMetricsAreGone"),
    ])  # fmt: skip


def test_without_a_cause_or_a_queue_the_description_still_reads(share: Path, tmp_path: Path) -> None:
    said = "On the host: mail-diagnose report --last"
    _test(share, tmp_path, {"maildiag_status": "2+0x30"}, [
        _at("20m", "MailDoesNotLeave", "critical", "Mail is not leaving mx", said),
    ])  # fmt: skip


def test_metrics_that_vanish_are_told_also_where_the_host_is_still_scraped(share: Path, tmp_path: Path) -> None:
    gone = "mx has reported nothing about its mail for half an hour"
    why = (
        "Its file for the textfile collector is gone or cannot be read (see node_textfile_scrape_error), or the host is not "
        "scraped. On the host: systemctl status mail-diagnose.timer mail-diagnose.service"
    )
    for series in ({"maildiag_status": "0+0x10 stale"}, {"maildiag_status": "2+0x10 stale", "up": "1+0x300"}):
        _test(share, tmp_path, series, [
            _at("30m", "MailMetricsAreGone"),
            _at("2h", "MailMetricsAreGone", "warning", gone, why),
            _at("20h", "MailMetricsAreGone", "warning", gone, why),
            _at("2h", "MailDoesNotLeave"),
        ])  # fmt: skip


def test_somebody_elses_broken_file_is_not_ours(share: Path, tmp_path: Path) -> None:
    series = {"maildiag_status": "0+0x200", "node_textfile_scrape_error": "1+0x200"}
    _test(share, tmp_path, series, [_at("2h", "MailMetricsAreGone"), _at("2h", "MailIsNotWatched")])


@pytest.mark.parametrize(
    ("status", "run"), [("0+0x200", "0+0x200"), ("3+0x200", "0+60x200")], ids=["dead timer", "unknown"]
)
def test_a_dead_timer_and_an_unknown_state_are_told(share: Path, tmp_path: Path, status: str, run: str) -> None:
    said = "On the host: systemctl status mail-diagnose.timer mail-diagnose.service"
    _test(share, tmp_path, {"maildiag_status": status, "maildiag_last_run_timestamp_seconds": run}, [
        _at("20m", "MailIsNotWatched"),
        _at("100m", "MailIsNotWatched", "warning", "It is not known whether mail leaves mx", said),
    ])  # fmt: skip


def test_what_waits_is_told_with_its_reasons(share: Path, tmp_path: Path) -> None:
    reason = 'maildiag_queue_reason_recipients{reason="connect-timeout",instance="mx"}'
    _test(share, tmp_path, {"maildiag_queue_oldest_message_age_seconds": "7200+0x30", reason: "9+0x30"}, [
        _at("20m", "MailWaitsTooLong", "warning", "A message has been waiting for 2h 0m 0s on mx",
            "9 recipients for connect-timeout, on the host: mail-diagnose queue"),
    ])  # fmt: skip


def test_a_destination_that_defers_more_than_before_is_told(share: Path, tmp_path: Path) -> None:
    series = {}
    for domain, ratio, rising in (("gmail.com", "0.61", 1), ("grey.example", "0.9", 0)):
        labels = f'{{domain="{domain}",instance="mx"}}'
        series[f"maildiag_destination_deferred_ratio{labels}"] = f"{ratio}+0x30"
        series[f"maildiag_destination_deferred_rising{labels}"] = f"{rising}+0x30"
    said = _at("20m", "MailIsDeferredMore", "warning", "gmail.com defers 61% of the mail from mx, far more than before",
               "On the host: mail-diagnose report --last; mail-diagnose queue")  # fmt: skip
    said["exp_alerts"][0]["exp_labels"]["domain"] = "gmail.com"
    _test(share, tmp_path, series, [said])


def _made() -> set[str]:
    text = PLAIN_FORMATS["prometheus"](material.watched(material.report()))
    return set(re.findall(r"# TYPE (\w+) gauge", text))


def test_the_rules_name_metrics_that_are_made(share: Path) -> None:
    assert set(re.findall(r"maildiag_\w+", (share / RULES).read_text())) <= _made()


def _panels(share: Path) -> Iterator[tuple[dict[str, Any], str]]:
    for panel in json.loads((share / "grafana/mail-diagnose.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel, target["expr"]


def test_the_dashboard_shows_state_outages_and_the_queue_of_metrics_that_are_made(share: Path, tmp_path: Path) -> None:
    found = json.loads((share / "grafana/mail-diagnose.json").read_text())
    titles = {panel["title"]: panel for panel in found["panels"]}
    assert {"State", "Outages", "Causes", "Queue by state", "Queue by reason", "Oldest message"} <= titles.keys()
    assert {name for _, expr in _panels(share) for name in re.findall(r"maildiag_\w+", expr)} <= _made()
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    rows = sorted((p["gridPos"]["y"], p["gridPos"]["x"], p["gridPos"]["w"]) for p in found["panels"])
    assert all(x + w <= 24 for _, x, w in rows)
    assert len({(y, x) for y, x, _ in rows}) == len(rows)
    assert all(p["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for p in found["panels"])
    kinds = {"stat", "timeseries", "state-timeline", "table"}
    assert {p["type"] for p in found["panels"]} <= kinds
    for panel in (titles["State"], titles["Outages"]):
        (values, _) = panel["fieldConfig"]["defaults"]["mappings"]
        assert [values["options"][str(n)]["text"] for n in range(4)] == ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
    assert {v["name"] for v in found["templating"]["list"]} == {"datasource", "instance"}


def test_the_dashboards_queries_are_queries(share: Path, tmp_path: Path) -> None:
    exprs = [expr.replace("$instance", ".*") for _, expr in _panels(share)]
    rules = [{"record": f"q:{n}", "expr": expr} for n, expr in enumerate(exprs)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    _promtool("check", "rules", tmp_path / "rules.yml")

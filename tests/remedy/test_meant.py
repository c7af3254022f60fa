"""What was meant: a value, a line of master.cf; and what a plan shows of an application's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.remedy import values
from diagnose.remedy.plan import Plan
from diagnose.remedy.properties import SetProperty
from diagnose.remedy.proposal import propose
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_own_settings import planned

MASTER = "/etc/postfix/master.cf"


@pytest.mark.parametrize(
    ("written", "meant"), [("ture", "yes"), ("yse", "yes"), ("flase", "no"), ("on", "yes"), ("maybe", None)]
)
def test_a_misspelt_boolean(written: str, meant: str | None) -> None:
    assert values.value("smtp_sasl_auth_enable", written, "boolean", {"smtp_sasl_auth_enable": "no"}) == meant


@pytest.mark.parametrize(
    ("line", "put"),
    [
        ("smtp unix - - y - l0 smtp -o x=y", "smtp unix - - y - - smtp -o x=y"),
        ("slow unxi - - Y - - smtp", "slow unix - - - - - smtp"),
        ("-o syslog_name=postfix/slow", "  -o syslog_name=postfix/slow"),
    ],
)
def test_a_line_of_master_cf_keeps_all_that_is_right_in_it(line: str, put: str) -> None:
    files = {MASTER: f"{pretended.MASTER}tail unix - - y - - smtp\n{line}\n"}
    number = files[MASTER].count("\n")
    on = pretended.machine({}, files=files)
    plan = planned("postfix-config-error", "config.syntax", on, path=MASTER, line=number, kind="bad-number")
    assert [(getattr(step, "find", ""), getattr(step, "put", "")) for step in plan.steps[:1]] == [(line, put)]


def test_no_login_of_an_application_is_shown_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    path.write_text("SMTP_LOGIN=someone\nSMTP_PASSWORD=hunter2-secret\nSMTP_PORT=465\n")
    shown = propose(Plan(steps=(SetProperty(path=str(path), key="SMTP_PORT", value="587", why="x"),))).diff
    assert "+SMTP_PORT=587" in shown
    assert "hunter2" not in shown

"""The report's own verdict, and how it reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from diagnose.model import (
    Cause,
    Confidence,
    Diagnosis,
    HostInfo,
    Impact,
    Observation,
    Outcome,
    Remedy,
    Report,
    Run,
    Sign,
    SignSpec,
    Stage,
    Status,
    Support,
    Target,
)
from diagnose.report import digest
from diagnose.report.json_ import as_plain
from diagnose.report.page import Terminal, broken
from diagnose.report.text import render as render_plain
from diagnose.sentence import joined
from tests.report import material


def render(report: Report, verbose: int = 0, **terminal: Any) -> str:
    return render_plain(as_plain(report), Terminal(**terminal), verbose)


def diagnosis(confidence: Confidence, impact: Impact, support: tuple[Support, ...] = ()) -> Diagnosis:
    cause = Cause(
        id="some-cause",
        title="Some cause",
        impact=impact,
        explanation="It is so.",
        remedy="Mend it.",
        signs=(Sign("x.y", 20),),
    )
    return Diagnosis(cause=cause, score=20, confidence=confidence, support=support, remedy=Remedy(text=cause.remedy))


SIGNS = (
    SignSpec("x.log", decisive=True),
    SignSpec("x.mta", decisive=True),
    SignSpec("x.flow", gauge="flow"),
    SignSpec("x.way", gauge="bypass"),
    SignSpec("x.queue", gauge="queue", proves=Stage.QUEUE),
)


def report(*found: Diagnosis, seen: tuple[Observation, ...] = (), network: bool = True, ran: bool = True) -> Report:
    outcome = Outcome.COMPLETED if ran else Outcome.SKIPPED
    return Report(
        version="0",
        host=HostInfo(name="app.example.com", network=network),
        target=Target(),
        started=datetime(2026, 1, 2, tzinfo=timezone.utc),
        seconds=1.0,
        runs=(Run(check="egress", outcome=outcome, observations=seen, signs=SIGNS, probes=True, decisive=True),),
        diagnoses=found,
    )


def see(sign: str, status: Status) -> Observation:
    return Observation(sign=sign, status=status, subject="s", summary="because")


@pytest.mark.parametrize(
    ("confidence", "impact", "status"),
    [
        (Confidence.CERTAIN, Impact.OUTAGE, Status.FAILED),
        (Confidence.LIKELY, Impact.PARTIAL, Status.FAILED),
        (Confidence.POSSIBLE, Impact.OUTAGE, Status.WARNING),
        (Confidence.CERTAIN, Impact.LATENT, Status.WARNING),
        (Confidence.CERTAIN, Impact.NONE, Status.WARNING),
    ],
)
def test_sure_causes_of_failure_fail_and_others_warn(confidence: Confidence, impact: Impact, status: Status) -> None:
    assert report(diagnosis(confidence, impact)).status is status


def test_nothing_found_is_no_all_clear_where_nothing_could_be_seen() -> None:
    unread = see("x.log", Status.UNKNOWN)
    assert report().status is Status.OK
    assert report(ran=False).status is Status.UNKNOWN
    assert report(seen=(unread,)).status is Status.UNKNOWN
    assert report(seen=(replace(unread, summary="permission denied: x.log"),)).status is Status.OK
    assert report(seen=(see("x.mta", Status.UNKNOWN),)).status is Status.UNKNOWN
    assert report(network=False).status is Status.OK
    assert report(seen=(unread, see("x.flow", Status.OK)), network=False).status is Status.OK
    fine = report()
    late = Run(check="tables", outcome=Outcome.TIMED_OUT)
    assert replace(fine, runs=(*(replace(fine.runs[0], check=f"c{n}") for n in range(4)), late)).status is Status.OK
    assert replace(fine, runs=(*fine.runs, late)).status is Status.UNKNOWN
    assert replace(fine, runs=(*fine.runs * 9, replace(late, check="log", decisive=True))).status is Status.UNKNOWN
    assert replace(fine, runs=(*fine.runs * 9, replace(late, outcome=Outcome.CRASHED))).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("oldest", "ago", "status"),
    [
        (9, None, Status.OK),  # just submitted
        (40, None, Status.UNKNOWN),  # as where the server never ends its reply
        (40, 90, Status.WARNING),
        (40, 20, Status.OK),  # a slow one among others that pass
        (400, 20, Status.WARNING),
    ],
)
def test_mail_that_waits_untried_is_on_its_way_for_seconds_or_while_other_mail_passes(
    oldest: int, ago: int | None, status: Status
) -> None:
    waits = replace(see("x.queue", Status.FAILED), data={"oldest": oldest, "failed": False})
    then = report().started - timedelta(seconds=ago or 0)
    flow = () if ago is None else (replace(see("x.flow", Status.OK), data={"last": then.isoformat()}),)
    assert report(seen=(waits, *flow)).status is status


def test_what_the_rights_hid_is_neither_passed_nor_free_of_faults() -> None:
    signs = (SignSpec("x.login", proves=Stage.LOGIN), SignSpec("x.flow", gauge="flow", proves=Stage.DELIVERY))
    closed = replace(see("x.login", Status.UNKNOWN), summary="permission denied: sasl_passwd")
    flow = see("x.flow", Status.UNKNOWN)

    def told(*seen: Observation) -> tuple[Status, str]:
        one = report(seen=seen)
        one = replace(one, runs=(replace(one.runs[0], signs=signs),))
        return one.status, digest.verdict(as_plain(one))

    assert told(closed, flow)[0] is Status.UNKNOWN
    assert told(closed, flow)[1].startswith("Could not tell; not checked: ")
    assert told(replace(closed, summary="not tried, as asked for"), flow)[0] is Status.OK
    assert told(closed, replace(flow, status=Status.OK))[0] is Status.OK
    hidden = replace(flow, summary="permission denied: /var/log/mail.log")
    assert told(hidden)[0] is Status.UNKNOWN  # there is no login, and what becomes of mail cannot be seen
    assert told(see("x.login", Status.OK), hidden)[0] is Status.OK
    lately = {"last": "2026-01-01T23:50:00+00:00"}
    stopped = replace(flow, status=Status.FAILED, summary="no mail got through", data=lately)
    assert told(stopped)[0] is Status.UNKNOWN
    assert told(stopped)[1].startswith("Could not tell: mail was not seen to pass the delivery; not checked: ")


def test_evidence_names_its_subject_once() -> None:
    named = Support(sign="x.y", weight=20, subject="/etc/x", summary="/etc/x is missing")
    other = Support(sign="x.z", weight=6, subject="/etc/y", summary="is missing")
    text = render(report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE, (named, other))))
    assert "✗ /etc/x is missing" in text
    assert "✗ /etc/y is missing" in text


@pytest.mark.parametrize(
    ("subject", "summary", "said"),
    [
        ("port 25", "belongs to Exim", "port 25 belongs to Exim"),
        ("port 25", "nothing listens", "port 25: nothing listens"),
        ("vm", "could not be looked up", "vm could not be looked up"),
        ("mail log", "Could not count who sends: no log", "Could not count who sends: no log"),
        ("TCP 25", "port 25 is open", "port 25 is open"),
        ("smtp", "is a service (to smtp.example.com)", "smtp is a service (to smtp.example.com)"),
        ("example.com", "connect to mx1.example.com: timed out", "connect to mx1.example.com: timed out"),
        ("example.com", "cannot load CA data", "example.com: cannot load CA data"),  # words of a log
    ],
)
def test_a_subject_and_what_is_said_of_it_are_one_sentence(subject: str, summary: str, said: str) -> None:
    assert joined(subject, summary) == said


def test_verbose_prints_the_arithmetic() -> None:
    support = Support(sign="x.y", weight=20, subject="s", summary="so it is")
    text = render(report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE, (support,))), verbose=1)
    assert "+20  x.y [s]" in text


def test_colour_only_on_demand() -> None:
    one = report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE))
    assert "\x1b" not in render(one)
    assert "\x1b[" in render(one, color=True)


def test_an_ordinary_user_is_told_what_root_would_see() -> None:
    denied = Observation(
        sign="mail.flow", status=Status.UNKNOWN, subject="log", summary="permission denied: /var/log/mail.log"
    )
    one = report(diagnosis(Confidence.LIKELY, Impact.OUTAGE), seen=(denied, see("dns.resolver", Status.UNKNOWN)))
    text = render(one)
    assert "Not checked, for lack of permission as an ordinary user: egress. Run: sudo mail-diagnose run" in " ".join(
        text.split()
    )
    root = replace(one, host=replace(one.host, privileged=True))
    assert "sudo" not in render(root)


@pytest.mark.parametrize("name", material.NAMES)
@pytest.mark.parametrize("ascii", [False, True])
def test_a_demo_fits_a_console(name: str, ascii: bool) -> None:
    """80 by 25: the verdict in line 1, a command before line 16, the verdict and the next command again at the end."""
    plain = material.report(name)
    lines = render_plain(plain, Terminal(ascii=ascii)).splitlines()
    assert len(lines) <= 25
    # A word of a command cannot be parted.
    assert [line for line in lines if len(line) > 80 and " " in line.strip().removesuffix(" \\")] == []
    first = next(iter(plain["diagnoses"]), None)
    if first is None:
        assert lines[0] == "Nothing wrong found."
        return
    assert lines[0].startswith(first["title"])
    commands = digest.commands(plain, first)
    assert any(line.startswith("FIX  ") for line in lines[:14])
    assert not commands or any(commands[0].split(" ")[0] in line for line in lines[:15])
    assert f"({first['cause']})" in " ".join(lines[-3:])
    assert not commands or "Next:" in " ".join(lines[-2:])
    assert not ascii or "".join(lines).isascii()


@pytest.mark.parametrize("width", [20, 40, 61, 80, 120, 200])
def test_no_line_of_prose_is_wider_than_the_terminal(width: int) -> None:
    for name in material.NAMES:
        plain = material.report(name)
        commands = [c for d in plain["diagnoses"] for c in digest.commands(plain, d)]
        longest = (
            max((len(word) for c in commands for word in re.findall(r"""(?:'[^']*'|"[^"]*"|\S)+""", c)), default=0) + 6
        )
        lines = render_plain(plain, Terminal(width=width)).splitlines()
        assert max(map(len, lines)) <= max(width, longest)


@pytest.mark.parametrize(
    "command",
    [
        "printf '%s' 'a  b' \"c d\" e\\ f | sed 's/a  b/x y z/' | tr x y",
        "printf '%s|' " + " ".join(f"word{n}" for n in range(40)),
        "printf %s 'one two three four five six seven eight nine ten eleven twelve' | tr a b",
    ],
)
def test_a_command_in_several_lines_is_the_same_command(command: str) -> None:
    text = "\n".join(broken(command, 40, "  "))
    for shell in ("sh", "bash"):
        if shutil.which(shell):
            want, got = (
                subprocess.run([shell, "-c", each], capture_output=True, text=True, check=True).stdout
                for each in (command, text)
            )
            assert got == want

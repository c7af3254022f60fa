"""The report's own verdict, and how it reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

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
    Status,
    Support,
    Target,
)
from diagnose.report.text import render


def diagnosis(confidence: Confidence, impact: Impact, support: tuple[Support, ...] = ()) -> Diagnosis:
    cause = Cause(
        id="some-cause",
        title="Some cause",
        impact=impact,
        explanation="It is so.",
        remedy=Remedy(text="Mend it."),
        signs=(Sign("x.y", 20),),
    )
    return Diagnosis(cause=cause, score=20, confidence=confidence, support=support, remedy=cause.remedy)


SIGNS = (
    SignSpec("x.log", decisive=True),
    SignSpec("x.mta", decisive=True),
    SignSpec("x.flow", gauge="flow"),
    SignSpec("x.way", gauge="bypass"),
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


def test_evidence_names_its_subject_once() -> None:
    named = Support(sign="x.y", weight=20, subject="/etc/x", summary="/etc/x is missing")
    other = Support(sign="x.z", weight=5, subject="/etc/y", summary="is missing")
    text = render(report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE, (named, other))))
    assert "+ /etc/x is missing" in text
    assert "+ /etc/y: is missing" in text


def test_verbose_prints_the_arithmetic() -> None:
    support = Support(sign="x.y", weight=20, subject="s", summary="so it is")
    text = render(report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE, (support,))), verbose=1)
    assert "+20  x.y [s]" in text


def test_colour_only_on_demand() -> None:
    one = report(diagnosis(Confidence.CERTAIN, Impact.OUTAGE))
    assert "\x1b" not in render(one)
    assert "\x1b[" in render(one, color=True)


def test_an_ordinary_user_is_told_first_what_root_would_see() -> None:
    """Before anything is read into a report, what its author was not allowed to look at."""
    denied = Observation(
        sign="mail.flow", status=Status.UNKNOWN, subject="log", summary="permission denied: /var/log/mail.log"
    )
    one = report(diagnosis(Confidence.LIKELY, Impact.OUTAGE), seen=(denied, see("dns.resolver", Status.UNKNOWN)))
    text = render(one)
    assert text.index("Not checked, since an ordinary user may not look there: egress.") < text.index("Some cause")
    assert "sudo mail-diagnose run" in text
    root = replace(one, host=replace(one.host, privileged=True))
    assert "sudo" not in render(root)

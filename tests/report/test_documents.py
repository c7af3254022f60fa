"""What people and CI read: JSON lines, a ticket's Markdown, JUnit's XML."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from diagnose.errors import UsageError
from diagnose.knowledge.causes import by_id
from diagnose.model import (
    Confidence,
    Diagnosis,
    HostInfo,
    Observation,
    Outcome,
    Remedy,
    Report,
    Run,
    SignSpec,
    Status,
    Support,
    Target,
)
from diagnose.report import PLAIN_FORMATS, digest
from diagnose.report.json_ import as_plain
from tests.report import material
from tests.report.test_monitors import CASES
from tests.tool import validate

every = pytest.mark.parametrize("name", CASES)


@every
def test_jsonl_is_one_object_a_line_each_standing_alone(name: str) -> None:
    plain = CASES[name]()
    text = PLAIN_FORMATS["jsonl"](plain)
    assert text.isascii()
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["type"] == "report"
    assert lines[0]["status"] == plain["status"]
    for line in lines:
        assert (line["schema"], line["started"]) == (1, plain["started"])
        assert line["type"] in ("report", "diagnosis", "advice", "observation", "check")
    assert Counter(line["type"] for line in lines)["diagnosis"] == len(plain["diagnoses"])


def _tokens(text: str) -> list[Token]:
    top = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [*top, *(child for token in top for child in token.children or ())]


@every
def test_markdown_holds_no_html_link_image_or_table_that_somebody_smuggled_in(name: str) -> None:
    text = PLAIN_FORMATS["markdown"](CASES[name]())
    tokens = _tokens(text)
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "table_open", "s_open", "em_open", "hr"}
    headings = [token for token in tokens if token.type == "heading_open"]
    assert {token.tag for token in headings} <= {"h3", "h4"}
    assert not re.search(r"(?<![\u2060])@(?=\w)", re.sub(r"(?s)(`{3,}).*?\1", "", text).replace("@\u2060", ""))
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_markdown_fences_cannot_be_ended_from_inside() -> None:
    plain = material.poisoned(material.report())
    blocks = [token for token in _tokens(PLAIN_FORMATS["markdown"](plain)) if token.type == "fence"]
    records = sum(bool(o["record"]) for d in plain["diagnoses"] for o in d["remedy"]["others"])
    main = [d for d in plain["diagnoses"] if not d["explained_by"] and digest.commands(plain, d)]
    assert len(blocks) == len(main) + sum(bool(each["commands"]) for each in plain["advice"]) + records
    assert all("```" in block.content for block in blocks)


def test_markdown_is_a_ticket_without_anybodys_address() -> None:
    text = PLAIN_FORMATS["markdown"](material.report())
    assert text.startswith("### Mail on app: CRITICAL\n\nOutgoing port 25 is blocked")
    assert "maria" not in text
    assert "noreply" not in text
    assert "northwind-trading.com" in text
    assert re.search(r"relayhost = \\\[[\w.-]+\\\]:\d+", text)


@every
def test_junit_is_xml_whose_sums_are_right(name: str) -> None:
    plain = CASES[name]()
    root = ET.fromstring(PLAIN_FORMATS["junit"](plain))
    assert root.tag == "testsuites"
    (suite,) = root
    cases = list(suite)
    assert [case.tag for case in cases] == ["testcase"] * (len(plain["runs"]) + 1)
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{kind}"))
    assert int(suite.attrib["tests"]) == len(cases)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    for case in cases:
        assert {"name", "classname", "time"} <= case.attrib.keys()
        assert len(case) <= 1
    verdict = cases[-1]
    assert [child.tag for child in verdict] == {"ok": [], "unknown": ["error"]}.get(plain["status"], ["failure"])


def test_junit_failures_carry_the_reason() -> None:
    root = ET.fromstring(PLAIN_FORMATS["junit"](material.report("wrong-key")))
    failures = {case.attrib["name"]: case.find("failure") for case in root.iter("testcase")}
    failure = failures["verdict"]
    assert failure is not None
    assert "sasl-key-mismatch" in failure.attrib["message"]
    assert "postmap hash:/etc/postfix/sasl_passwd" in (failure.text or "")


@every
@pytest.mark.parametrize("format", PLAIN_FORMATS)
def test_every_format_renders_every_report(name: str, format: str) -> None:
    text = PLAIN_FORMATS[format](CASES[name]())
    assert text.endswith("\n")
    if format != "json":
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("format", ["nagios", "checkmk"])
def test_levels_that_cannot_be_read_are_refused(format: str) -> None:
    with pytest.raises(UsageError, match="queue=RANGE"):
        PLAIN_FORMATS[format](material.report(), warning="nonsense")


@pytest.mark.parametrize("make", [material.held, material.deferred])
def test_a_report_stays_small_whatever_the_outage(make: Callable[[], dict[str, Any]]) -> None:
    """Agents give up at 512 kB; nobody reads the same line 300 times."""
    plain = make()
    validate(plain)
    for name in PLAIN_FORMATS:
        assert len(PLAIN_FORMATS[name](plain).encode()) < 128_000, name


def test_of_many_alike_some_are_told_and_the_others_counted() -> None:
    told = [o for r in material.held()["runs"] for o in r["observations"] if o["sign"] == "mail.mail-on-hold"]
    assert sum(1 + o.get("more", 0) for o in told) == 300
    assert (len(told), told[-1]["more"]) == (10, 290)
    assert digest.statement(told[-1]).endswith(" (and 290 more like it)")


def test_what_a_diagnosis_cites_or_a_gauge_shows_is_told_among_however_many() -> None:
    seen = [
        Observation(sign=f"mail.kind-{n % 40}", status=Status.FAILED, subject=f"d{n}.example", summary="times out")
        for n in range(4000)
    ]
    gauge = Observation(sign="queue.waiting", status=Status.FAILED, subject="queue", summary="waits")
    cause = by_id("remote-server-unreachable")
    support = Support(sign="mail.kind-9", weight=20, subject="d3969.example", summary="times out")
    run = Run(
        check="log", outcome=Outcome.COMPLETED, observations=(*seen, *[gauge] * 12), signs=(SignSpec("queue.waiting", gauge="queue"),)
    )  # fmt: skip
    report = Report(
        version="1", host=HostInfo(), target=Target(), started=datetime.now(timezone.utc), seconds=0.0, runs=(run,),
        diagnoses=(Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, support=(support,), remedy=Remedy(text=cause.remedy)),),
    )  # fmt: skip
    (told,) = [r["observations"] for r in as_plain(report)["runs"]]
    assert len(told) <= 100
    assert sum(1 + o.get("more", 0) for o in told) == 4012
    assert "d3969.example" in {o["subject"] for o in told}
    assert sum(o["sign"] == "queue.waiting" for o in told) == 12

"""Error texts of programs, as kinds: the cause, and advice in the program's own words without gaps."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from diagnose.knowledge import programs
from diagnose.knowledge.causes import all_causes
from diagnose.mail.explain import explain
from diagnose.model import Report
from diagnose.parse.pasted import program_text

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
CASES = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "program_texts.jsonl").read_text("utf-8").splitlines()
]
_GAP = re.compile(r"<[A-Z][A-Z0-9-]+>|\{\w+[|}]")
_FOREIGN = re.compile(r"\bpost(?:conf|map|queue|super)\b|/etc/postfix|[Pp]uppet|codenvy")
_JAVA = re.compile(r"keytool|mail\.smtp\.|\bJava\b|cacerts")


def _told(text: str) -> Report:
    return explain(text.splitlines(), "text", NOW)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_first_cause(case: dict[str, Any]) -> None:
    found = [d.cause.id for d in _told(case["text"]).diagnoses]
    if case["accept"] == ["NONE"]:
        assert found == []
    else:
        assert found[0] in case["accept"]


@pytest.mark.parametrize("case", [case for case in CASES if case["program"]], ids=lambda case: case["id"])
def test_advice_is_the_programs_own(case: dict[str, Any]) -> None:
    for diagnosis in _told(case["text"]).diagnoses:
        said = "\n".join([diagnosis.remedy.text, *diagnosis.remedy.commands])
        assert not _GAP.search(said)
        assert not _FOREIGN.search(said)
        assert case["program"] == "java" or not _JAVA.search(said)


@pytest.mark.parametrize("id", list(programs.programs()))
def test_a_program_has_a_word_for_each_setting(id: str) -> None:
    words = programs.programs()[id]
    needed = {
        "title",
        "where",
        "host",
        "port",
        "implicit",
        "starttls",
        "login",
        "sender",
        "trust",
        "protocol",
    }
    assert needed | {"restart"} <= words.keys()
    re.compile(words.get("matches", ""))
    for cause in all_causes():
        told = programs.remedy(cause, {"program": id, "host": "smtp.relay.test", "port": 587})
        assert told is not None
        assert not _GAP.search(told.text + "".join(told.commands))
        assert not _FOREIGN.search("".join(told.commands))
        bare = programs.remedy(cause, {"program": id})
        assert bare is not None
        assert not _GAP.search(bare.text + "".join(bare.commands))


def test_advice_names_the_setting_the_server_and_the_port() -> None:
    (first, *_) = _told("Error: connect ETIMEDOUT 203.0.113.7:587\n    at TCPConnectWrap.afterConnect").diagnoses
    assert "203.0.113.7 port 587" in first.remedy.text
    assert "nodemailer.createTransport()" in first.remedy.text
    assert "timeout 5 bash -c '</dev/tcp/203.0.113.7/587' && echo open" in first.remedy.commands


def test_a_host_that_is_no_name_reaches_no_command() -> None:
    told = programs.remedy(all_causes()[0], {"program": "go", "host": "a;reboot", "port": 587})
    assert told is not None
    assert not [command for command in told.commands if "reboot" in command]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("Error: connect ECONNREFUSED 127.0.0.1:25", ("127.0.0.1", 25)),
        ("dial tcp [2001:db8::1]:587: i/o timeout", ("2001:db8::1", 587)),
        ('connect(2) for "localhost" port 25', ("localhost", 25)),
        ('Connection could not be established with host "ssl://smtp.relay.test:465"', ("smtp.relay.test", 465)),
        ("Couldn't connect to host, port: smtp.relay.test, 587; timeout 3000", ("smtp.relay.test", 587)),
        ("getaddrinfo ENOTFOUND smtp.relay.test", ("smtp.relay.test", None)),
        ("GET http://localhost:3000/x: connect ECONNREFUSED 203.0.113.7:587", ("203.0.113.7", 587)),
        ("SMTP Error: Could not authenticate.", (None, None)),
    ],
)
def test_the_server_that_was_dialled(text: str, server: tuple[str | None, int | None]) -> None:
    assert program_text.server_in(text) == server


def test_more_lines_never_make_it_worse() -> None:
    """Frames, codes and closing sentences behind the first reason change nothing."""
    first = 'Error: Missing credentials for "PLAIN"'
    more = f"{first}\n    at SMTPConnection._formatError (/app/smtp-connection/index.js:807:19)\n  code: 'EAUTH',"
    assert [d.cause.id for d in _told(more).diagnoses] == [d.cause.id for d in _told(first).diagnoses]


def test_a_failure_before_success_accuses_nobody() -> None:
    lines = "dma[]: smarthost authentication: AUTH cram-md5 not available: 535 5.7.8 Error: authentication failed"
    assert _told(lines).diagnoses
    assert not _told(f"{lines}\ndma[]: delivery successful").diagnoses

"""Whatever is pasted or logged: no traceback, bounded time, no secret kept."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from diagnose.mail.explain import explain
from diagnose.parse.log import maillog
from diagnose.parse.pasted import mailq
from diagnose.parse.postfix import queue
from diagnose.parse.words import reason, smtp_reply
from tests.pace import pace
from tests.parse.events import read_anything, stream

DATA = Path(__file__).parent.parent / "data"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
LINES = [
    line
    for name in ("field_cases.jsonl", "more_cases.jsonl")
    for case in (DATA / name).read_text(encoding="utf-8").splitlines()
    for line in json.loads(case)["text"].splitlines()
]
RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real line, cut, repeated, with bytes put in that no log should hold."""
    raw = draw(st.sampled_from(LINES)).encode()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            raw = raw[:at]
        elif kind == 1:
            raw = raw[at:]
        elif kind == 2:
            raw = raw[:at] + draw(st.binary(min_size=1, max_size=6)) + raw[at:]
        elif kind == 3:
            raw = (
                raw[:at]
                + draw(
                    st.sampled_from([b"\0", b"\xff\xfe", b"(((((", b"[[[", b"<>", b"\\n", b"{", b"status=", b"550-"])
                )
                + raw[at:]
            )
        else:
            raw = raw[:at] + raw
    return bytes(raw)


@RELAXED
@given(st.lists(mutated(), min_size=1, max_size=6))
def test_mutated_lines_are_survived(lines: list[bytes]) -> None:
    """Mutated lines in any order are read by every reader without an error."""
    stream([line.decode("utf-8", "surrogateescape") for line in lines], NOW)
    explain(lines, "mutated", NOW)
    queue.summarise(lines, 0.0)
    mailq.messages_of_mailq("\n".join(line.decode("utf-8", "replace") for line in lines), NOW)


@RELAXED
@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    """Any text at all is classified or not, never an error."""
    reason.classify(text)
    smtp_reply.parse(text)
    smtp_reply.find(text)
    maillog.parse(text, NOW)
    read_anything(text, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "550 " * 250_000,
        "(" * 1_000_000,
        "a@b " * 250_000,
        "to=<" * 250_000,
        " said: host x[1.2.3.4]" * 50_000,
        "1.2.3." * 160_000,
        "Nov 22 13:14:47 h postfix/smtp[1]: " + "connect to a[::1]: " * 50_000,
        "\\n" * 500_000,
        "nested exception is " * 50_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_lines_cost_little(text: str) -> None:
    """A line of a megabyte is read in a second or two, whatever it repeats."""
    began = time.process_time()
    read_anything(text, NOW)
    maillog.read([text], NOW)
    reason.classify(text)
    assert time.process_time() - began < 2 * pace()


@pytest.mark.parametrize(
    "line",
    [
        "Nov 22 13:14:47 h postfix/smtp[1]: > smtp.example.org[192.0.2.2]:587: AUTH PLAIN AHVzZXIAaHVudGVyMg==",
        "Nov 22 13:14:47 h postfix/smtp[1]: < smtp.example.org[192.0.2.2]:587: 334 aHVudGVyMg==",
        "Nov 22 13:14:47 h postfix/smtp[1]: warning: smtp_sasl_passwd: host `x' user `user' password `hunter2'",
        "C: AUTH LOGIN aHVudGVyMg==",
        "CLIENT -> SERVER: aHVudGVyMg==",
        "error: smtps://user:hunter2@smtp.example.org:465 connection refused",
        "warning: dict static:user:hunter2 lookup error",
        "SMTP error: login failed, password=hunter2",
    ],
)
def test_secrets_are_masked(line: str) -> None:
    """Passwords and AUTH exchanges are in nothing that is kept."""
    kept = repr(read_anything(line, NOW)) + repr(list(stream([line], NOW))) + reason.mask(line)
    assert "hunter2" not in kept
    assert "aHVudGVyMg" not in kept
    assert "AHVzZXIAaHVudGVyMg" not in kept

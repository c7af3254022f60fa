"""Whole mail messages and reports, of the shapes that the mailers of the world write, pasted into `explain`."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from diagnose.mail.explain import explain
from diagnose.model import Confidence, Report
from diagnose.parse.pasted import message
from tests.pace import pace

MESSAGES = Path(__file__).parent / "messages"
NOTHING = ""
FIRST = {
    "domino": "recipient-unknown",
    "domino-away": NOTHING,
    "dovecot-rejected": "recipient-mailbox-full",
    "forwarded": "relay-access-denied",
    "gmail-null-mx": "recipient-domain-accepts-no-mail",
    "qmail-host": "recipient-domain-not-found",
    "qmail-many-lines": "sender-domain-not-found",
    "qmail-sender-refused": "ip-blocklisted",
    "postfix-late-refusal": "content-rejected",
    "courier": "recipient-unknown",
    "exchange": "recipient-unknown",
    "exchange-2003": "recipient-unknown",
    "exim": "ip-blocklisted",
    "exim-two": "ip-blocklisted",
    "exim-delay": "retry-pending",
    "exim-flat-phrase": "recipient-unknown",
    "exim-wrapped": "ip-blocklisted",
    "feedback": "sending-spam",
    "folded-partly": "recipient-unknown",
    "french-words": "recipient-unknown",
    "gmail": "recipient-unknown",
    "gmail-text": "recipient-mailbox-full",
    "head-cut": "recipient-mailbox-full",
    "sorry": "ip-blocklisted",
    "head-missing": "message-too-large",
    "ironport": "recipient-mailbox-full",
    "iso-2022-jp": "recipient-mailbox-full",
    "mbox": "recipient-mailbox-full",
    "office365-html": "content-rejected",
    "ordinary": "egress-port-25-blocked",
    "outlook-utf7": "recipient-mailbox-full",
    "postfix": "recipient-unknown",
    "postfix-delayed": "egress-port-25-blocked",
    "qmail": "recipient-unknown",
    "quoted": "recipient-mailbox-full",
    "quoted-printable": "recipient-mailbox-full",
    "sendmail": "recipient-mailbox-full",
    "sendmail-old": "recipient-unknown",
    "ses": "recipient-unknown",
    "read-receipt": NOTHING,
    "ses-delivered": NOTHING,
    "ses-notice": "recipient-mailbox-full",
    "status-no-words": "message-too-large",
    "status-only": "recipient-mailbox-full",
    "success": NOTHING,
    "vacation": NOTHING,
    "x400": "recipient-unknown",
    "yahoo": "recipient-unknown",
    "zoho": "recipient-unknown",
}


def read(text: bytes) -> Report:
    return explain(text.split(b"\n"), "mail", datetime(2025, 11, 25, tzinfo=timezone.utc))


@pytest.mark.parametrize("name", sorted(path.stem for path in MESSAGES.glob("*.eml")))
def test_reads_a_report(name: str) -> None:
    diagnoses = read((MESSAGES / f"{name}.eml").read_bytes()).diagnoses
    assert (diagnoses[0].cause.id if diagnoses else NOTHING) == FIRST[name]


def test_neither_the_way_of_a_report_nor_what_it_returns_accuses() -> None:
    (diagnosis, *others) = read((MESSAGES / "sendmail.eml").read_bytes()).diagnoses
    assert diagnosis.confidence is Confidence.CERTAIN
    assert not others


def test_names_the_line_of_a_decoded_part_and_its_recipient() -> None:
    (run,) = read((MESSAGES / "postfix.eml").read_bytes()).runs
    (seen,) = run.observations
    lines = (MESSAGES / "postfix.eml").read_text().splitlines()
    assert lines[int(str(seen.data["line"])) - 1].startswith("Diagnostic-Code:")
    assert seen.data["recipient"] == "buyer@customer.example"
    assert seen.data["host"] == "mx.customer.example"


def test_tells_the_recipients_of_a_report_without_fields_apart() -> None:
    (run,) = read((MESSAGES / "exim-two.eml").read_bytes()).runs
    said = {seen.data["recipient"]: (seen.data["label"], seen.data["host"]) for seen in run.observations}
    assert said == {
        "buyer@customer.example": ("ip-blocklisted", "mx.customer.example"),
        "other@elsewhere.example": ("recipient-unknown", "mx.elsewhere.example"),
    }


@pytest.mark.parametrize("depth", [10, 3000])
def test_survives_nested_parts(depth: int) -> None:
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    text = f"From: a@example.org\nTo: b@example.org\nSubject: x\n{nested}Content-Type: text/plain\n\n550 5.1.1 User unknown\n"
    began = time.process_time()
    read(text.encode())
    assert time.process_time() - began < 5 * pace()


def test_bounds_a_long_message_and_reads_on_behind_it() -> None:
    body = "x" * 70 + "\n"
    log = "Nov  4 08:14:59 box postfix/smtp[811]: 4Xk2Jz1wQz: to=<a@b.example>, relay=none, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=b.example type=MX: Host not found, try again)"
    text = f"Return-Path: <>\nFrom: MAILER-DAEMON\nSubject: Undeliverable\n\n{body * 20_000}{log}\n"
    found = list(message.split(enumerate(text.splitlines(), 1)))
    assert (
        sum(len(line) for each in found if isinstance(each, message.Report) for _, line in each.lines)
        <= message.LONGEST
    )
    assert (20_005, log) in found


def test_finds_the_report_behind_a_line_that_looks_like_a_head() -> None:
    lines = ["Subject: what is this?", "Final-Recipient: rfc822; a@b.example", "Action: failed", "Status: 5.2.2"]
    first, report = message.split(enumerate(lines, 1))
    assert first == (1, lines[0])
    assert isinstance(report, message.Report)
    assert read("\n".join(lines).encode()).diagnoses[0].cause.id == "recipient-mailbox-full"


def test_leaves_other_texts_alone() -> None:
    lines = ["To: whom it may concern", "Error: 535 authentication failed", "", "Subject: only a word", "--- a/file"]
    assert [each[1] for each in message.split(enumerate(lines, 1)) if isinstance(each, tuple)] == lines

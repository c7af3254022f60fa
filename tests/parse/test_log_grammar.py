"""The grammar of Postfix's log: queue ids, fields and what syslog daemons put before them, read alike everywhere."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from diagnose.parse.log import maillog
from diagnose.parse.log.fields import fields, message_id
from diagnose.parse.log.logline import parse
from diagnose.parse.log.queue_id import is_queue_id
from diagnose.parse.log.stalls import stalls
from diagnose.parse.log.story import tell
from diagnose.parse.pasted import mailq
from tests.parse.events import read_anything, stream

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
IDS = ["7F3A91", "7F3A91C2D4", "ED06590130AA1C9D6D862", "4bxK9m0Hc2z3Qy", "4cBz9zwXK0zB", "4bxK9m0Hc2z3QyBBxyH"]
TEXT = "to=<u@example.net>, relay=none, delay=61, delays=0.1/0/60/0, dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.9]:25: Connection timed out)"


@pytest.mark.parametrize("name", IDS)
def test_every_reader_knows_a_queue_id(name: str) -> None:
    """Short ids of any inode, long ones whose inode has one digit and whose time has a "z"."""
    line = f"Nov 25 10:00:00 mx postfix/smtp[9]: {name}: {TEXT}"
    assert is_queue_id(name)
    parsed = parse(line, NOW)
    assert parsed is not None
    assert parsed.queue_id == name
    (event,) = read_anything(line, NOW)
    assert isinstance(event, maillog.Delivery)
    assert (event.queue_id, event.recipient) == (name, "u@example.net")
    assert [story.queue_id for story in tell(name, [line], NOW)] == [name]
    assert mailq.is_mailq_head(f"{name}*     1234 Wed Nov 25 10:00:00  app@example.org")


@pytest.mark.parametrize(
    "word", ["NOQUEUE", "7F3A9", "7f3a91c2d4", "ED06590130AA1C9D6D8621", "4bxK9mHc2z3Qy", "postmasterz1", ""]
)
def test_what_is_no_queue_id(word: str) -> None:
    """Too short, too long, lower case, vowels."""
    assert not is_queue_id(word)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "to=root@host.example, orig_to=root@localhost, relay=local, delay=0.07, delays=0.04/0/0/0.03, dsn=2.0.0, status=sent (delivered)",
            ("root@host.example", "root@localhost", "local", None, 0.07, "2.0.0", "sent"),
        ),
        (
            "to=<u@a.example>, relay=mx.a.example[192.0.2.4]:25, conn_use=2 delay=1021, delays=1020/0/1/0, dsn=2.0.0, extra=<x, y>, status=sent (250 ok)",
            ("u@a.example", None, "mx.a.example", 25, 1021.0, "2.0.0", "sent"),
        ),
        (
            "dsn=4.2.0, relay=mx.a.example[private/lmtp], to=<\"a, b\"@a.example>, delay=3, status=deferred (host said: status=full)",
            ('"a, b"@a.example', None, "mx.a.example", None, 3.0, "4.2.0", "deferred"),
        ),
        (
            "to=<u@a.example>, relay=none, delay=0.01, dsn=5.1.1, status=undeliverable-but-not-cached (User unknown)",
            ("u@a.example", None, "none", None, 0.01, "5.1.1", "undeliverable-but-not-cached"),
        ),
    ],
)  # fmt: skip
def test_fields_in_any_order(text: str, wanted: tuple[Any, ...]) -> None:
    """Brackets or none, a missing comma, a field that nobody knows, a reply that looks like one."""
    (event,) = read_anything(f"Nov 25 10:00:00 mx postfix/smtp[9]: 7F3A91C2D4: {text}", NOW)
    assert isinstance(event, maillog.Delivery)
    assert wanted == (
        event.recipient, event.orig_to, event.relay_host, event.relay_port, event.delay, event.dsn, event.status
    )  # fmt: skip


def test_the_reply_is_what_stands_behind_the_status() -> None:
    """Without the closing bracket of Postfix, with those of the reply."""
    assert fields(TEXT)["text"] == "connect to mx.example.net[192.0.2.9]:25: Connection timed out"
    assert fields("from=<>, status=expired, returned to sender")["text"] == "returned to sender"
    assert "status" not in fields("to=<u@a.example>, relay=none")
    assert fields("to=<u@exam")["to"] == "u@exam"


def test_senders_without_brackets() -> None:
    """qmgr's line names sender and size whatever stands around them."""
    lines = [
        "Nov 25 10:00:00 mx postfix/qmgr[1]: 7F3A91C2D4: from=app@example.org, size=270, nrcpt=1 (queue active)",
        f"Nov 25 10:00:00 mx postfix/smtp[9]: 7F3A91C2D4: {TEXT}",
    ]
    (delivery,) = stream(lines, NOW)
    assert isinstance(delivery, maillog.Delivery)
    assert delivery.sender == "app@example.org"
    (story,) = tell("7F3A91C2D4", lines, NOW)
    assert (story.sender, story.size) == ("app@example.org", 270)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("message-id=<1@a.example>", "<1@a.example>"),
        ("resent-message-id=<1@a.example> (added by mx)", "<1@a.example>"),
        ("message-id==?UTF-8?B?PDE5?=? =?UTF-8?B?QGE+?=", "=?UTF-8?B?PDE5?=? =?UTF-8?B?QGE+?="),
        ("message-id=2026-11-25 10:00:05.006", "2026-11-25 10:00:05.006"),
        ("message-id=<>", "<>"),
        ("client=a[192.0.2.1]", None),
    ],
)
def test_message_ids(text: str, wanted: str | None) -> None:
    """With blanks in them, and nothing of what stands behind."""
    assert message_id(text) == wanted
    stories = tell("7F3A91C2D4", [f"Nov 25 10:00:00 mx postfix/cleanup[1]: 7F3A91C2D4: {text}"], NOW)
    assert [story.message_id for story in stories] == [wanted or ""]


@pytest.mark.parametrize("program", ["postfix/smtp", "postfix-out/smtp", "postfix-10.0.0.1/smtp", "mta-out/smtp"])
@pytest.mark.parametrize(
    ("prefix", "host"),
    [
        ("Nov 25 10:00:00 mail {}[9]: ", "mail"),
        ("Nov 25 10:00:00 mail mail.info {}[9]: ", "mail"),
        ("Nov 25 10:00:00 <mail.info> mx {}[9]: ", "mx"),
        ("Nov 25 10:00:00 <2.6> mx {}[9]: ", "mx"),
        ("Nov 25 10:00:00 mx mail:info {}[9]: ", "mx"),
        ("Nov 25 10:00:00 mx {}[9]: [ID 197553 mail.info] ", "mx"),
        ("2026 Nov 25 10:00:00 mx {}[9]: ", "mx"),
        ("Nov 25 10:00:00 2001:db8::25 {}[9]: ", "2001:db8::25"),
        ("<22>1 2026-11-25T10:00:00Z mail {} 9 - - ", "mail"),
        ("1 2026-11-25T10:00:00.123Z mail {} 9 - - ", "mail"),
        ("<mail.info>1 2026-11-25T10:00:00Z mail {} 9 - - ", "mail"),
        ("Nov 25 10:00:00 192.0.2.7 Nov 25 10:00:00 mx {}[9]: ", "mx"),
    ],
)
def test_prefixes_of_syslog_daemons(program: str, prefix: str, host: str) -> None:
    """FreeBSD, Solaris, AIX, busybox, a year, a host with a facility's name or an IPv6 address."""
    line = parse(f"{prefix.format(program)}7F3A91C2D4: {TEXT}", NOW)
    assert line is not None
    assert line.at is not None
    assert (line.at.hour, line.host, line.pid, line.queue_id) == (10, host, 9, "7F3A91C2D4")
    assert f"{line.syslog_name}/{line.service}" == program


def test_lines_that_aix_forwards() -> None:
    line = parse(f"Nov 25 10:00:00 Message forwarded from mx: postfix/smtp[9]: 7F3A91C2D4: {TEXT}", NOW)
    assert line is not None
    assert (line.service, line.pid, line.queue_id) == ("smtp", 9, "7F3A91C2D4")


@pytest.mark.parametrize(
    "names",
    [
        {"timestamp": "2026-11-25T10:00:00Z", "host": "mx", "programname": "PROG", "procid": "9", "message": "TEXT"},
        {"timereported": "Nov 25 10:00:00", "hostname": "mx", "syslogtag": "PROG[9]:", "msg": " TEXT"},
        {"host": "mx", "short_message": "TEXT", "timestamp": 1795600800.5, "_application_name": "PROG", "_process_id": "9"},
        {"@timestamp": "2026-11-25T10:00:00.000Z", "host": {"name": "mx"}, "process": {"name": "PROG", "pid": 9}, "message": "TEXT"},
        {"@timestamp": "2026-11-25T10:00:00Z", "host": {"hostname": "mx"}, "log": {"syslog": {"appname": "PROG", "procid": 9}}, "message": "TEXT"},
        {"time": "2026-11-25T10:00:00Z", "host": "mx", "syslog": {"ident": "PROG", "pid": "9"}, "log": "TEXT\n"},
        {"Program": "PROG", "PID": "9", "MESSAGE": "TEXT", "HOST": "mx", "DATE": "Nov 25 10:00:00"},
        {"log": "Nov 25 10:00:00 mx PROG[9]: TEXT\n", "stream": "stdout", "time": "2026-11-25T10:00:00.1Z"},
        {"host": {"name": "collector"}, "message": "Nov 25 10:00:00 mx PROG[9]: TEXT", "tag": "docker.mail"},
    ],
)  # fmt: skip
def test_objects_of_log_shippers(names: dict[str, Any]) -> None:
    """rsyslog, Graylog, ECS, Fluent Bit, syslog-ng, Docker: program, process and text are found where each keeps them."""
    line = json.dumps(names).replace("PROG", "postfix/smtp").replace("TEXT", f"7F3A91C2D4: {TEXT}")
    parsed = parse(line, NOW)
    assert parsed is not None
    assert parsed.at is not None
    assert (parsed.at.hour, parsed.host, parsed.service, parsed.pid) == (10, "mx", "smtp", 9)
    (event,) = read_anything(line, NOW)
    assert isinstance(event, maillog.Delivery)
    assert (event.queue_id, event.service, event.recipient) == ("7F3A91C2D4", "smtp", "u@example.net")


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "{", '{"message": {"a": "b"}}', '{"message": "hello", "tag": "app"}', "{" * 5000, "[]"]
)
def test_other_objects_are_no_log_lines(text: str) -> None:
    """A program's own JSON is left to the other readers."""
    assert parse(text, NOW) is None


def test_stalls_are_read_from_any_line() -> None:
    """Sizes with and without brackets, long ids, an RFC 5424 prefix."""
    found = stalls(
        [
            "<22>1 2026-11-25T10:00:00Z mx postfix/qmgr 1 - - 4bxK9m0Hc2z3Qy: from=a@b.example, size=90000, nrcpt=1 (queue active)",
            "<22>1 2026-11-25T10:00:00Z mx postfix/smtp 9 - - 4bxK9m0Hc2z3Qy: conversation with mx[192.0.2.1] timed out while sending message body",
        ]
    )
    assert (found.count, found.smallest) == (1, 90000)

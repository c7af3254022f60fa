"""The story of a mail, as the log tells it: followed through filters, forwards, bounces and requeues."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from diagnose.errors import UsageError
from diagnose.mail import timeline
from diagnose.mail.trace import Traced, trace
from tests.test_explain import Ran, captured_run

NOW = datetime.now(timezone.utc).replace(microsecond=0)
START = NOW - timedelta(hours=2)


def stamp(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def log(*lines: tuple[float, str]) -> str:
    return "".join(f"{stamp(at)} app postfix/{text}\n" for at, text in lines)


FILTERED = log(
    (0, "smtpd[10]: AAAA10: client=web[10.0.0.5], sasl_method=PLAIN, sasl_username=portal"),
    (0, "cleanup[11]: AAAA10: message-id=<1@app.example>"),
    (0, "qmgr[12]: AAAA10: from=<noreply@app.example>, size=900, nrcpt=1 (queue active)"),
    (1, "smtpd[13]: BBBB20: client=localhost[127.0.0.1]"),
    (1, "cleanup[11]: BBBB20: message-id=<1@app.example>"),
    (1, "qmgr[12]: BBBB20: from=<noreply@app.example>, size=1200, nrcpt=1 (queue active)"),
    (
        1,
        "smtp[14]: AAAA10: to=<ann@example.org>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
        "status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBB20)",
    ),
    (1, "qmgr[12]: AAAA10: removed"),
    (
        2,
        "smtp[15]: BBBB20: to=<ann@example.org>, relay=mx.example.org[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
        "status=sent (250 2.0.0 Ok: queued as 99FFEE11)",
    ),
    (2, "qmgr[12]: BBBB20: removed"),
)
BOUNCED = log(
    (10, "pickup[9]: CCCC30: uid=0 from=<root@app.example>"),
    (10, "cleanup[11]: CCCC30: message-id=<2@app.example>"),
    (10, "qmgr[12]: CCCC30: from=<root@app.example>, size=300, nrcpt=2 (queue active)"),
    (
        11,
        "smtp[14]: CCCC30: to=<bob@example.org>, relay=mx.example.org[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, "
        "status=bounced (host mx.example.org[192.0.2.9] said: 550 5.1.1 <bob@example.org>: Recipient address rejected: "
        "User unknown in virtual mailbox table (in reply to RCPT TO command))",
    ),
    (
        11,
        "smtp[14]: CCCC30: to=<eve@example.org>, relay=mx.example.org[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
        "status=sent (250 ok)",
    ),
    (11, "cleanup[11]: DDDD40: message-id=<3@app.example>"),
    (11, "bounce[16]: CCCC30: sender non-delivery notification: DDDD40"),
    (11, "qmgr[12]: DDDD40: from=<>, size=2300, nrcpt=1 (queue active)"),
    (11, "qmgr[12]: CCCC30: removed"),
    (
        12,
        "local[17]: DDDD40: to=<ops@app.example>, orig_to=<root@app.example>, relay=local, delay=0, delays=0/0/0/0, "
        "dsn=2.0.0, status=sent (delivered to mailbox)",
    ),
    (12, "qmgr[12]: DDDD40: removed"),
)
DEFERRED = log(
    (20, "pickup[9]: EEEE50: uid=33 from=<noreply@app.example>"),
    (20, "cleanup[11]: EEEE50: message-id=<4@app.example>"),
    (20, "qmgr[12]: EEEE50: from=<noreply@app.example>, size=300, nrcpt=1 (queue active)"),
    (50, "smtp[18]: connect to mx.example.net[192.0.2.77]:25: Connection timed out"),
    (50, "smtp[18]: connect to mx.example.net[2001:db8::7]:25: Network is unreachable"),
    (
        50,
        "smtp[18]: EEEE50: to=<kim@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred "
        "(connect to mx.example.net[2001:db8::7]:25: Network is unreachable)",
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "mail.log"
    made.write_text(FILTERED + BOUNCED + DEFERRED)
    return made


def traced(who: str, path: Path) -> Traced:
    return trace(who, None, [str(path)])


def test_a_content_filter_is_followed(path: Path) -> None:
    """The first hand-over ends at the filter; what it handed back was accepted by the remote server."""
    found = traced("ann@example.org", path)
    assert [fate.word for fate in found.fates] == ["handed-on", "delivered"]
    assert found.status == "ok"
    assert "accepted by the remote server mx.example.org[192.0.2.9]:25" in found.verdict
    assert "look there" in found.verdict
    assert found.fates[0].story.how == "by SMTP from web[10.0.0.5] with the login portal"


@pytest.mark.parametrize("who", ["AAAA10", "BBBB20", "<1@app.example>", "1@app.example", "ANN@EXAMPLE.ORG"])
def test_any_name_of_a_message_finds_all_of_it(who: str, path: Path) -> None:
    """Queue ids before and behind the filter, the message id with and without brackets, the address in any case."""
    assert [fate.story.queue_id for fate in traced(who, path).fates] == ["AAAA10", "BBBB20"]


def test_a_bounce_and_its_notification(path: Path) -> None:
    """The reason is said, and who was told; the notification hangs on its message."""
    found = traced("bob@example.org", path)
    assert [(fate.story.queue_id, fate.word, fate.parent) for fate in found.fates] == [
        ("CCCC30", "bounced", ""),
        ("DDDD40", "local", "CCCC30"),
    ]
    assert found.status == "failed"
    assert found.fates[0].cause is not None
    assert found.fates[0].cause.cause == "recipient-unknown"
    assert "notified in DDDD40" in found.verdict


def test_each_recipient_has_an_end_of_its_own(path: Path) -> None:
    """The same message was taken for another recipient."""
    found = traced("eve@example.org", path)
    assert found.fates[0].word == "delivered"
    assert found.status == "ok"


def test_rewritten_addresses_are_found(path: Path) -> None:
    """What was addressed to root went to ops."""
    found = traced("root@app.example", path)
    step = next(step for fate in found.fates for step in fate.story.steps if step.orig_to)
    assert (step.recipient, step.orig_to) == ("ops@app.example", "root@app.example")


def test_the_lines_before_a_deferral_tell_the_reason(path: Path) -> None:
    """The status line quotes IPv6; the time-out over IPv4 stands before it, under no queue id."""
    found = traced("kim@example.net", path)
    (fate,) = found.fates
    assert fate.word == "deferred"
    assert fate.cause is not None
    assert fate.cause.cause == "egress-port-25-blocked"
    assert "next attempt" in found.verdict
    assert found.status == "failed"


def test_never_handed_over(path: Path) -> None:
    """A log without the address: said so, as a warning, with what to try."""
    found = traced("nobody@example.org", path)
    assert found.verdict.startswith("never handed to Postfix")
    assert found.status == "warning"
    assert "mail-diagnose send" in timeline.as_text(found)


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("smtp[9]: to=<u@example.net>, relay=none, delay=1, dsn=4.4.1, status=deferred (timed out)", "u@example.net"),
        (
            "smtp[9]: XXXXXXXXXX: to=<u@example.net>, relay=none, delay=1, dsn=4.4.1, status=deferred (x)",
            "u@example.net",
        ),
        ("bounce[9]: fatal: append file defer 4bxK9m0Hc2z3Qy: No space left on device", "4bxK9m0Hc2z3Qy"),
        (
            "smtpd[9]: warning: Illegal address syntax from web[10.0.0.5] in RCPT command: <u@example.net",
            "u@example.net",
        ),
    ],
)
def test_what_the_log_names_is_never_denied(tmp_path: Path, line: str, who: str) -> None:
    """A line that belongs to no message is quoted instead."""
    path = tmp_path / "log"
    path.write_text(log((0, line)))
    found = trace(who, None, [str(path)])
    assert found.status == "unknown"
    assert "nothing" not in found.verdict
    assert line[:40] in found.verdict


@pytest.mark.parametrize("name", ["7F3A91", "ED06590130AA1C9D6D862", "4bxK9m0Hc2z3Qy", "4cBz9zwXK0zB"])
def test_every_kind_of_queue_id_is_followed(tmp_path: Path, name: str) -> None:
    """Found by its address, without brackets too, by its login, by its message id and by its own name."""
    path = tmp_path / "log"
    path.write_text(
        log(
            (0, f"smtpd[8]: {name}: client=web[10.0.0.5], sasl_method=PLAIN, sasl_username=portal@app.example"),
            (0, f"cleanup[8]: {name}: message-id=2026-11-25 10:00:05.006"),
            (0, f"qmgr[8]: {name}: from=app@app.example, size=1234, nrcpt=1 (queue active)"),
            (1, f"smtp[9]: {name}: to=u@example.net, relay=none, delay=61, dsn=4.4.1, status=deferred (mx is away)"),
        )
    )
    for who in ("u@example.net", "APP@app.example", "portal@app.example", "2026-11-25 10:00:05.006", name):
        (fate,) = trace(who, None, [str(path)]).fates
        assert (fate.story.queue_id, fate.word, fate.story.sender) == (name, "deferred", "app@app.example")


def test_a_local_part_alone(tmp_path: Path) -> None:
    """Its addresses are followed; where it is only a word of some line, that line is quoted."""
    path = tmp_path / "log"
    path.write_text(
        log(
            (0, "qmgr[8]: AAAA11: from=<app@app.example>, size=1234, nrcpt=1 (queue active)"),
            (
                1,
                "smtp[9]: AAAA11: to=<portal@example.net>, relay=none, delay=61, dsn=4.4.1, status=deferred (app away)",
            ),
            (2, "smtpd[9]: warning: hostname backup does not resolve to address 192.0.2.9"),
        )
    )
    assert [fate.story.queue_id for fate in trace("app", None, [str(path)]).fates] == ["AAAA11"]
    assert [fate.story.queue_id for fate in trace("portal", None, [str(path)]).fates] == ["AAAA11"]
    assert "hostname backup" in trace("backup", None, [str(path)]).verdict


def test_objects_of_a_log_shipper_are_followed(tmp_path: Path) -> None:
    """What rsyslog or Graylog export, with a stamp and without one."""
    path = tmp_path / "log.json"
    text = "7F3A91C2D4: to=<u@example.net>, relay=none, delay=1, dsn=4.4.1, status=deferred (mx is away)"
    for extra in ({"timestamp": stamp(0)}, {}):
        path.write_text(json.dumps({"host": "mx", "programname": "postfix/smtp", "message": text, **extra}) + "\n")
        (fate,) = trace("u@example.net", None, [str(path)]).fates
        assert fate.word == "deferred"


def test_hold_requeue_and_deletion(tmp_path: Path) -> None:
    """What an administrator did with postsuper is told."""
    path = tmp_path / "log"
    path.write_text(
        log(
            (0, "pickup[9]: AAAA11: uid=33 from=<n@app.example>"),
            (0, "cleanup[11]: AAAA11: message-id=<5@app.example>"),
            (0, "qmgr[12]: AAAA11: from=<n@app.example>, size=300, nrcpt=1 (queue active)"),
            (5, "postsuper[30]: AAAA11: placed on hold"),
            (9, "pickup[9]: AAAA12: uid=33 from=<n@app.example>"),
            (9, "cleanup[11]: AAAA12: hold: header Subject: test from local; from=<n@app.example> to=<x@example.org>"),
            (9, "cleanup[11]: AAAA12: message-id=<6@app.example>"),
            (20, "pickup[9]: AAAA13: uid=33 from=<n@app.example>"),
            (20, "qmgr[12]: AAAA13: from=<n@app.example>, size=300, nrcpt=1 (queue active)"),
            (25, "postsuper[31]: AAAA13: removed"),
        )
    )
    assert [trace(name, None, [str(path)]).fates[0].word for name in ("AAAA11", "AAAA12", "AAAA13")] == [
        "held",
        "held",
        "deleted",
    ]
    assert "postsuper -H AAAA11" in trace("AAAA11", None, [str(path)]).verdict


def test_a_refused_hand_over(tmp_path: Path) -> None:
    """This host's own server refused it: there is no queue id, but there is a verdict."""
    path = tmp_path / "log"
    path.write_text(
        log(
            (
                0,
                "smtpd[5]: NOQUEUE: reject: RCPT from web[10.0.0.5]: 554 5.7.1 <z@example.org>: Relay access denied; "
                "from=<n@app.example> to=<z@example.org> proto=ESMTP helo=<web>",
            )
        )
    )
    found = trace("z@example.org", None, [str(path)])
    assert found.fates[0].word == "refused"
    assert found.status == "failed"
    assert "Relay access denied" in found.verdict


def test_a_queue_id_that_was_used_again(tmp_path: Path) -> None:
    """Short queue ids come back: two messages, two stories."""
    path = tmp_path / "log"
    one = [
        (0, "pickup[9]: ABCDEF: uid=33 from=<n@app.example>"),
        (0, "cleanup[11]: ABCDEF: message-id=<7@app.example>"),
        (0, "qmgr[12]: ABCDEF: from=<n@app.example>, size=300, nrcpt=1 (queue active)"),
        (
            1,
            "smtp[15]: ABCDEF: to=<u@example.org>, relay=mx.example.org[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
            "status=sent (250 ok)",
        ),
        (1, "qmgr[12]: ABCDEF: removed"),
    ]
    again = [(at + 600, text.replace("<7@", "<8@")) for at, text in one]
    path.write_text(log(*one, *again))
    assert [fate.story.message_id for fate in trace("u@example.org", None, [str(path)]).fates] == [
        "<7@app.example>",
        "<8@app.example>",
    ]


def test_the_window_and_compressed_logs(tmp_path: Path) -> None:
    """Older files named with --log are read as they are, .gz too; --since cuts."""
    packed = tmp_path / "mail.log.2.gz"
    packed.write_bytes(gzip.compress(FILTERED.encode()))
    os.utime(packed, (START.timestamp(), START.timestamp()))
    assert len(trace("ann@example.org", None, [str(packed)]).fates) == 2
    assert trace("ann@example.org", 60.0, [str(packed)]).fates == ()


def test_only_the_newest_of_very_many(tmp_path: Path) -> None:
    """A busy sender: the newest are shown, and how many are not."""
    path = tmp_path / "log"
    path.write_text(
        log(
            *((n, f"qmgr[12]: A{n:05d}: from=<busy@app.example>, size=300, nrcpt=1 (queue active)") for n in range(300))
        )
    )
    found = trace("busy@app.example", None, [str(path)])
    assert len(found.fates) == 20
    assert found.dropped == 280
    assert found.fates[-1].story.queue_id == "A00299"


def run(*arguments: str) -> Ran:
    return captured_run("trace", *arguments)


def test_the_command_prints_text_json_and_markdown(path: Path) -> None:
    """Three formats, one status."""
    text = run("bob@example.org", "--log", str(path))
    assert text.code == 2
    assert "bounced" in text.out
    assert "means: " in text.out
    data = json.loads(run("bob@example.org", "--log", str(path), "--format", "json").out)
    assert data["schema"] == 1
    assert data["messages"][0]["outcome"] == "bounced"
    assert data["messages"][0]["children"] == [{"how": "sender non-delivery notification", "queue_id": "DDDD40"}]
    assert "| time | event |" in run("bob@example.org", "--log", str(path), "--format", "markdown").out
    assert run("ann@example.org", "--log", str(path)).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("", "--log", "LOG"),
        ("u@x.example", "--since", "yesterday"),
        ("u@x.example", "--since", "0h"),
        ("u@x.example", "--log", "/nonexistent/log"),
        ("u@x.example", "--log", "/tmp"),
        ("u@x.example", "--log", "LOG", "--format", "yaml"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], path: Path) -> None:
    """Status 3 and what to write instead."""
    ran = run(*(str(path) if each == "LOG" else each for each in arguments))
    assert ran.code == 3
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_hostile_lines_stay_text(tmp_path: Path) -> None:
    """Escape sequences and Markdown in a reply are printed as text; AUTH exchanges are not printed."""
    path = tmp_path / "log"
    path.write_text(
        log(
            (
                0,
                "smtp[5]: ABCDE1: to=<u@x.example>, relay=r[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.0.0, "
                "status=bounced (host r[192.0.2.1] said: 550 \x1b[31m<script>|x| AUTH PLAIN AGFkbWluAHN1cGVyc2VjcmV0)",
            )
        )
    )
    found = trace("u@x.example", None, [str(path)])
    for text in (timeline.as_text(found), timeline.as_markdown(found), timeline.as_json(found)):
        assert "\x1b" not in text
        assert "AGFkbWlu" not in text
    assert "<script>" not in timeline.as_markdown(found)


def test_who_must_be_somebody() -> None:
    with pytest.raises(UsageError):
        trace("<>", None, ["/dev/null"])

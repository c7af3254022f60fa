"""The log reader: what belongs together is read together."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from diagnose.parse.log import maillog
from tests.parse.events import stream

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
STATUS = (
    "4F1A317030E: to=<u@dual.test>, relay=none, delay=4.2, delays=0.15/0.01/4/0, dsn=4.4.1, status=deferred "
    "(connect to mx.dual.test[2001:db8::25]:25: Network is unreachable)"
)


@pytest.mark.parametrize(
    ("line", "at", "host", "service", "pid"),
    [
        (
            "Nov 22 13:14:47 apphost postfix/smtp[31544]: ",
            datetime(2026, 11, 22, 13, 14, 47, tzinfo=timezone.utc),
            "apphost",
            "smtp",
            31544,
        ),
        (
            "Dec 31 23:59:59 h postfix/smtp[1]: ",
            datetime(2025, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
            "h",
            "smtp",
            1,
        ),
        ("Feb 29 01:02:03 h postfix/smtp[1]: ", datetime(2024, 2, 29, 1, 2, 3, tzinfo=timezone.utc), "h", "smtp", 1),
        (
            "2026-11-22T13:14:47.147933+01:00 h postfix/smtp[7]: ",
            datetime(2026, 11, 22, 13, 14, 47, 147933, tzinfo=timezone(timedelta(hours=1))),
            "h",
            "smtp",
            7,
        ),
        (
            "1795349445.123456 h postfix/smtp[7]: ",
            datetime(2026, 11, 22, 12, 10, 45, tzinfo=timezone.utc),
            "h",
            "smtp",
            7,
        ),
        (
            "mail-1  | Nov 22 13:14:47 h postfix/relay/smtp[9]: ",
            datetime(2026, 11, 22, 13, 14, 47, tzinfo=timezone.utc),
            "h",
            "smtp",
            9,
        ),
        (
            "2026-11-22T13:14:47.1Z stdout F Nov 22 13:14:46 h postfix/smtp[9]: ",
            datetime(2026, 11, 22, 13, 14, 46, tzinfo=timezone.utc),
            "h",
            "smtp",
            9,
        ),
        (
            "2026-11-22T16:42:00+00:00 INFO    postfix/relay/smtp[364]: ",
            datetime(2026, 11, 22, 16, 42, tzinfo=timezone.utc),
            None,
            "smtp",
            364,
        ),
        ("postfix/smtp[12]: ", None, None, "smtp", 12),
        ("Oct  3 14:12:43  postfix/smtp[8]: ", datetime(2026, 10, 3, 14, 12, 43, tzinfo=timezone.utc), None, "smtp", 8),
        ("", None, None, None, None),
    ],
)
def test_prefixes(line: str, at: datetime | None, host: str | None, service: str | None, pid: int | None) -> None:
    """Stamps, hosts and prefixes of every kind lead to the same line."""
    parsed = maillog.parse(line + STATUS, NOW)
    assert parsed is not None
    assert (parsed.at, parsed.service, parsed.pid, parsed.queue_id) == (at, service, pid, "4F1A317030E")
    assert parsed.host == host
    assert parsed.text.startswith("to=<u@dual.test>")


def test_journal_json() -> None:
    """The journal's JSON export is a log line too."""
    line = (
        '{"__REALTIME_TIMESTAMP":"1795349445123456","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"5",'
        f'"MESSAGE":"{STATUS}"}}'
    )
    parsed = maillog.parse(line, NOW)
    assert parsed is not None
    assert (parsed.service, parsed.pid, parsed.host, parsed.queue_id) == ("smtp", 5, "h", "4F1A317030E")


def test_the_address_tried_first_is_not_lost() -> None:
    """A time-out over IPv4 before IPv6's missing route is the more telling reason."""
    lines = [
        "Nov 22 13:14:43 h postfix/qmgr[2]: 4F1A317030E: from=<app@example.test>, size=304, nrcpt=1 (queue active)",
        "Nov 22 13:14:47 h postfix/smtp[3]: connect to mx.dual.test[192.0.2.4]:25: Connection timed out",
        "Nov 22 13:14:47 h postfix/smtp[3]: connect to mx.dual.test[2001:db8::25]:25: Network is unreachable",
        f"Nov 22 13:14:47 h postfix/smtp[3]: {STATUS}",
    ]
    (delivery,) = [each for each in stream(lines, NOW) if isinstance(each, maillog.Delivery)]
    assert delivery.sender == "app@example.test"
    assert delivery.delays == (0.15, 0.01, 4.0, 0.0)
    assert [each.label for each in delivery.reasons] == ["connect-timeout", "connect-network-unreachable"]
    assert delivery.reasons[0].peer_address == "192.0.2.4"


def test_the_table_behind_local_data_error() -> None:
    """The missing table stands before the consequence that the status line names."""
    lines = [
        "Nov 22 12:12:54 h postfix/smtp[4]: error: open database /etc/postfix/sasl_passwd.db: No such file or directory",
        "Nov 22 12:12:54 h postfix/smtp[4]: 1DAD4170552: to=<u@example.org>, relay=r.test[192.0.2.2]:587, delay=1, "
        "delays=0.5/0/0.5/0, tls=encrypt, dsn=4.3.0, status=deferred (local data error while talking to r.test[192.0.2.2])",
    ]
    *_, delivery = stream(lines, NOW)
    assert isinstance(delivery, maillog.Delivery)
    assert [each.label for each in delivery.reasons] == ["sasl-map-missing", "local-data-error"]
    assert (delivery.relay_host, delivery.relay_port, delivery.tls, delivery.dsn) == ("r.test", 587, "encrypt", "4.3.0")


def test_sent_is_remote_success_only_when_it_left() -> None:
    """discard and local take mail that never leaves the host."""
    log = maillog.read(
        [
            "Nov 22 12:00:00 h postfix/discard[4]: 1DAD4170552: to=<u@a.test>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (a.test)",
            "Nov 22 12:00:01 h postfix/local[4]: 1DAD4170553: to=<u@b.test>, relay=local, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)",
            "Nov 22 12:00:02 h postfix/smtp[4]: 1DAD4170554: to=<u@c.test>, relay=mx.c.test[192.0.2.4]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)",
            "Nov 22 12:00:03 h postfix/master[4]: daemon started -- version 3.7.11, configuration /etc/postfix",
        ],
        NOW,
    )
    assert list(log.sent) == [("smtp", "mx.c.test", 25)]
    assert list(log.sent_to) == ["c.test"]
    assert log.statuses == {"sent": 3}
    assert [start.version for start in log.starts] == ["3.7.11"]


def test_soft_bounce_and_expired_are_known() -> None:
    """Statuses beyond sent, deferred and bounced are read."""
    lines = [
        "Nov 22 12:38:32 h postfix/smtp[5]: E2A65170644: to=<u@a.test>, relay=mx.a.test[192.0.2.4]:25, delay=0.1, delays=0/0/0/0.1, dsn=4.1.1, "
        "status=SOFTBOUNCE (host mx.a.test[192.0.2.4] said: 550 5.1.1 no such user (in reply to RCPT TO command))",
        "Nov 22 12:38:32 h postfix/qmgr[5]: E2A65170645: from=<app@a.test>, status=expired, returned to sender",
    ]
    soft, expired = stream(lines, NOW)
    assert isinstance(soft, maillog.Delivery)
    assert isinstance(expired, maillog.Delivery)
    assert (soft.status, soft.reasons[1].label, soft.reasons[1].stage) == ("SOFTBOUNCE", "recipient-unknown", "rcpt")
    assert soft.reasons[0].label == "delivery-suspended-by-config"
    assert (expired.status, expired.sender, expired.reasons[0].label) == ("expired", "app@a.test", "message-expired")


def test_alarming_and_harmless() -> None:
    """Opportunistic TLS and postscreen's first contact are marked harmless."""
    lines = [
        "Jun 10 15:13:37 h postfix/smtp[1]: Untrusted TLS connection established to mx.a.test[192.0.2.4]:25: TLSv1.3 with cipher X (256/256 bits)",
        "Jul 13 13:25:21 h postfix/postscreen[2]: NOQUEUE: reject: RCPT from [192.0.2.178]:32801: 450 4.3.2 Service currently unavailable; "
        "from=<u@a.test>, to=<u@b.test>, proto=ESMTP, helo=<m.a.test>",
    ]
    for event in stream(lines, NOW):
        assert isinstance(event, maillog.Trouble)
        assert event.reason is not None
        assert event.reason.harmless


def test_memory_is_bounded() -> None:
    """A log of many messages to many places keeps groups, not messages."""
    log = maillog.MailLog(NOW)
    for number in range(800):
        log.feed(
            f"Nov 22 12:00:00 h postfix/qmgr[2]: {number:010X}: from=<a{number}@example.test>, size=304, nrcpt=1 (queue active)"
        )
        log.feed(
            f"Nov 22 12:00:00 h postfix/smtp[{number}]: {number:010X}: to=<u@d{number}.test>, relay=none, delay=4, delays=0/0/4/0, "
            f"dsn=4.4.1, status=deferred (connect to mx.d{number}.test[192.0.2.4]:25: Connection timed out)"
        )
    assert len(log.deliveries) <= log.LIMIT + 1
    assert log.statuses == {"deferred": 800}


def test_what_a_program_of_this_host_took_has_not_left() -> None:
    from diagnose.parse.log.current import left_by

    assert [left_by("", "127.0.0.1"), left_by("", "localhost"), left_by("", "mx.example.org")] == [False, False, True]
    assert [left_by("127.0.0.1", "127.0.0.1"), left_by("*", "127.0.0.1"), left_by("a.example", "b.example")] == [
        True,
        True,
        False,
    ]

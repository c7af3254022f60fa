"""What of a log's failures is true now."""

from datetime import datetime

from diagnose.parse.log import current
from diagnose.parse.log.maillog import MailLog

_SENT = "Nov 22 10:0{n}:00 app postfix/smtp[4]: {q}: to=<a{n}@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)"
_STALLED = "Nov 22 10:09:00 app postfix/smtp[4]: BB00000001: to=<x@dead.example>, relay=none, delay=30, dsn=4.4.1, status=deferred (connect to mx.dead.example[192.0.2.9]:25: Connection timed out)"


def _facts(sender: str) -> tuple[current.Fact, ...]:
    lines = [f"Nov 22 09:59:00 app postfix/qmgr[3]: BB00000001: from=<{sender}>, size=400, nrcpt=1 (queue active)"]
    lines += [_SENT.format(n=n, q=f"AA0000000{n}") for n in range(1, 4)]
    log = MailLog(datetime(2026, 11, 22, 10, 10))
    for line in [*lines, _STALLED]:
        for _ in log.feed(line):
            pass
    return current.facts(log, lambda sender, recipient: "")


def test_a_bounce_that_cannot_be_returned_is_a_small_share() -> None:
    assert [f.minor for f in _facts("") if f.label == "connect-timeout"] == [True]


def test_a_message_that_somebody_sent_is_not() -> None:
    assert [f.minor for f in _facts("app@example.net") if f.label == "connect-timeout"] == [False]


def test_within_a_second_the_order_of_lines_tells() -> None:
    """A milter that does not answer and may be skipped: the mail went out in the same second, or before it."""
    down = "Nov 22 10:01:00 app postfix/smtpd[5]: warning: connect to Milter service inet:127.0.0.1:8891: Connection refused"
    sent = _SENT.format(n=1, q="AA00000001")
    for lines, wanted in (((down, sent), False), ((sent, down), True)):
        log = MailLog(datetime(2026, 11, 22, 10, 10))
        for line in lines:
            log.feed(line)
        assert [fact.current for fact in current.facts(log, lambda sender, recipient: "")] == [wanted]

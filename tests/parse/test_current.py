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
    """A milter that does not answer and may be skipped: the next mail came in within the same second, or before it."""
    down = "Nov 22 10:01:00 app postfix/smtpd[5]: warning: connect to Milter service inet:127.0.0.1:8891: Connection refused"
    sent = "Nov 22 10:01:00 app postfix/smtpd[5]: AA00000001: client=localhost[127.0.0.1]"
    for lines, wanted in (((down, sent), False), ((sent, down), True)):
        log = MailLog(datetime(2026, 11, 22, 10, 10))
        for line in lines:
            log.feed(line)
        assert [fact.current for fact in current.facts(log, lambda sender, recipient: "")] == [wanted]


_BOUNCED = (
    "Nov 22 10:00:30 app postfix/smtp[4]: CC00000001: to=<{to}>, relay=mx.example.org[192.0.2.1]:25, delay=1, dsn=5.1.1, "
    "status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 <{to}>: User unknown (in reply to RCPT TO command))"
)


def _judged(*lines: str, asked: str | None = None) -> list[tuple[bool, bool]]:
    log = MailLog(datetime(2026, 11, 22, 10, 10))
    for line in lines:
        log.feed(line)
    return [(f.current, f.minor) for f in current.facts(log, lambda sender, recipient: "", asked)]


def test_what_a_setting_said_is_over_once_the_settings_are_read_again() -> None:
    said = "Nov 22 10:01:00 app postfix/{}[6]: AA00000001: to=<a@example.org>, relay=none, delay=1, dsn=4.3.2, status=deferred (deferred transport)"
    read = "Nov 22 10:02:00 app postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix"
    for service, over in (("error", True), ("smtp", False)):
        assert [current for current, _ in _judged(said.format(service), read)] == [not over]


def test_a_bounce_that_leaves_does_not_prove_the_filter_that_made_it() -> None:
    died = 'Nov 22 10:01:00 app postfix/pipe[6]: AA00000001: to=<a@example.org>, relay=scan, delay=1, dsn=5.3.0, status=bounced (Command died with status 127: "/bin/scan")'
    for sender, over in (("", False), ("app@example.net", True)):
        came = f"Nov 22 10:02:00 app postfix/qmgr[3]: AA00000002: from=<{sender}>, size=400, nrcpt=1 (queue active)"
        assert [current for current, _ in _judged(died, came, _SENT.format(n=3, q="AA00000002"))] == [not over]


def test_one_address_that_does_not_exist_is_a_small_share_of_mail_that_flows_since() -> None:
    gone = _BOUNCED.format(to="gone@elsewhere.example")
    assert _judged(gone, _SENT.format(n=1, q="AA00000001")) == [(True, True)]
    assert _judged(_SENT.format(n=0, q="AA00000001"), gone) == [(True, False)]


def test_what_a_recipients_server_asks_for_is_not_over_once_another_took_mail() -> None:
    wants = _BOUNCED.format(to="x@strict.example").replace(
        "550 5.1.1 <x@strict.example>: User unknown", "530 5.7.0 Must issue a STARTTLS command first"
    )
    assert _judged(wants, _SENT.format(n=2, q="AA00000001")) == [(True, False)]


def test_what_the_user_misses_is_over_once_that_very_address_got_mail() -> None:
    failed, to = _BOUNCED.format(to="a1@example.org"), "a1@example.org"
    assert _judged(failed, _SENT.format(n=1, q="AA00000001"), asked=to) == [(False, False)]
    assert _judged(failed, _SENT.format(n=2, q="AA00000001"), asked=to) == [(True, False)]


def test_what_failed_on_this_host_is_over_once_it_is_delivered_here() -> None:
    line = "Nov 22 10:0{n}:00 app postfix/local[4]: CC00000001: to=<root@localhost>, relay=local, delay=1, dsn={dsn}, status={status}"
    log = MailLog(datetime(2026, 11, 22, 10, 10))
    list(log.feed(line.format(n=1, dsn="4.3.0", status="deferred (alias database unavailable)")))
    judged = [f.current for f in current.facts(log, lambda sender, recipient: "local")]
    list(log.feed(line.format(n=2, dsn="2.0.0", status="sent (delivered to mailbox)")))
    assert judged == [True]
    assert [f.current for f in current.facts(log, lambda sender, recipient: "local")] == [False]


def test_mail_that_leaves_says_nothing_of_what_stays() -> None:
    log = MailLog(datetime(2026, 11, 22, 10, 10))
    list(
        log.feed(
            "Nov 22 10:01:00 app postfix/local[4]: warning: unable to lookup :include: file /srv/l: No such file or directory"
        )
    )
    list(log.feed(_SENT.format(n=2, q="AA00000001")))
    assert [f.current for f in current.facts(log, lambda sender, recipient: "")] == [True]


def test_the_bounce_of_a_wrong_address_is_no_sign_that_mail_flows() -> None:
    failed = "Nov 22 10:01:00 app postfix/smtp[4]: DD00000001: to=<x@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 <x@example.org>: Recipient address rejected: User unknown (in reply to RCPT TO command))"
    for sender, small in (("", False), ("me@a.example", True)):
        log = MailLog(datetime(2026, 11, 22, 10, 10))
        lines = [
            "Nov 22 10:00:59 app postfix/qmgr[3]: DD00000001: from=<me@a.example>, size=400, nrcpt=1 (queue active)"
        ]
        lines += [
            failed,
            f"Nov 22 10:01:30 app postfix/qmgr[3]: AA00000002: from=<{sender}>, size=400, nrcpt=1 (queue active)",
        ]
        for line in [*lines, _SENT.format(n=2, q="AA00000002")]:
            list(log.feed(line))
        found = current.facts(log, lambda sender, recipient: "")
        assert [f.minor for f in found if f.label == "recipient-unknown"] == [small]


def test_what_the_user_misses_here_is_over_once_the_aliass_copy_left() -> None:
    head = "Nov 22 10:0{n}:00 app postfix/{program}[4]: {id}: to=<{to}>, "
    line = head + "relay={relay}, delay=1, dsn={dsn}, status={status}"
    failed = line.format(n=1, program="local", id="CC00000001", to="root@localhost", relay="local", dsn="4.3.0",
                         status="deferred (alias database unavailable)")  # fmt: skip
    for first, wanted in (("root@localhost", [False]), ("other@localhost", [True])):
        left = line.format(n=2, program="smtp", id="CC00000002", to="ops@example.org", dsn="2.0.0", status="sent (250 Ok)",
                           relay="mx.example.org[192.0.2.1]:25").replace(", relay", f", orig_to=<{first}>, relay")  # fmt: skip
        log = MailLog(datetime(2026, 11, 22, 10, 10))
        for each in (failed, left):
            list(log.feed(each))
        found = current.facts(log, lambda sender, recipient: "local", "root@localhost")
        assert [fact.current for fact in found] == wanted

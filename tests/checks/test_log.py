"""The check of the mail log: what fails now, what is over, what became of the address asked for."""

import json
from datetime import datetime, timezone

import pytest

from checks.mail.log import log
from diagnose.check import MailLog, MailQueue
from diagnose.host.plain import to_plain
from diagnose.host.query import LogReply, QueueLinesReply
from diagnose.model import Status
from diagnose.parse.postfix.queue import summarise
from tests.checks.pretended_postfix import NOW, machine, of, run


def attempt(clock: str, queue_id: str, rest: str, to: str = "maria@northwind.example") -> str:
    return f"Nov 22 {clock} app postfix/smtp[187]: {queue_id}: to=<{to}>, {rest}"


def timed_out(clock: str, queue_id: str, to: str = "maria@northwind.example") -> str:
    why = "connect to mx.northwind.example[192.0.2.4]:25: Connection timed out"
    return attempt(clock, queue_id, f"relay=none, delay=30, dsn=4.4.1, status=deferred ({why})", to)


def taken(clock: str, queue_id: str, to: str = "maria@northwind.example") -> str:
    relay = "relay=mx.northwind.example[192.0.2.4]:25, delay=1, dsn=2.0.0"
    return attempt(clock, queue_id, f"{relay}, status=sent (250 2.0.0 Ok: queued as 4F1)", to)


def test_a_failure_since_the_last_success_is_current() -> None:
    found = run(log, machine(log=(taken("13:00:00", "A1"), timed_out("14:00:00", "A2"), timed_out("14:01:00", "A3"))))
    (seen,) = of(found, "mail.connect-timeout")
    assert (seen.status, seen.data["count"], seen.data["port"]) == (Status.FAILED, 2, 25)
    assert (seen.data["domain"], seen.data["route"], seen.data["source"]) == ("northwind.example", "direct", "log")
    assert [o.status for o in of(found, "mail.flow")] == [Status.FAILED]


def test_a_failure_before_the_last_success_is_over() -> None:
    found = run(log, machine(log=(timed_out("13:00:00", "A1"), taken("14:00:00", "A1"))))
    (seen,) = of(found, "mail.connect-timeout")
    assert (seen.status, seen.data["current"]) == (Status.WARNING, False)
    assert [o.status for o in of(found, "mail.flow")] == [Status.OK]


@pytest.mark.parametrize(("arrived", "recent"), [(NOW - 60, False), (NOW - 1, True), (NOW - 400, True)])
def test_a_message_under_way_since_then_leaves_open_whether_mail_passes(arrived: float, recent: bool) -> None:
    message = {
        "queue_name": "active",
        "queue_id": "A1",
        "arrival_time": arrived,
        "message_size": 1,
        "sender": "a@b.test",
    }
    line = json.dumps({**message, "recipients": [{"address": "c@d.test"}]})
    waiting = QueueLinesReply(summary=to_plain(summarise([line], NOW)), code=0)
    at = datetime.fromtimestamp(NOW - 120, timezone.utc)
    on = machine(log=(taken(f"{at:%H:%M:%S}", "A0"),), more={MailQueue(): waiting})
    (flow,) = of(run(log, on), "mail.flow")
    assert flow.data["recent"] is recent


def test_the_address_asked_for() -> None:
    lines = (taken("13:00:00", "A1"), timed_out("14:00:00", "A2", "karl@northwind.example"))
    kinds = {
        who: of(run(log, machine(log=lines), recipient=f"{who}@northwind.example"), "log.recipient")[0].data["kind"]
        for who in ("maria", "karl", "nobody")
    }
    assert kinds == {"maria": "sent", "karl": "deferred", "nobody": "none"}


def test_a_log_that_cannot_be_read_leaves_the_flow_unknown() -> None:
    found = run(log, machine(more={MailLog(86_400.0): LogReply(problem="permission denied: /var/log/mail.log")}))
    assert [(o.sign, o.status) for o in found] == [("mail.flow", Status.UNKNOWN)]
    assert "permission denied" in found[0].summary


def test_a_log_without_a_delivery_says_that_nothing_was_handed_over() -> None:
    found = run(log, machine(log=("Nov 22 13:00:00 app postfix/master[10]: daemon started -- version 3.7.11",)))
    assert [o.status for o in of(found, "log.submissions")] == [Status.FAILED]


def test_failures_for_an_unknown_reason_leave_the_flow_to_be_proven() -> None:
    lost = attempt("13:00:00", "A1", "relay=none, delay=1, dsn=5.0.0, status=bounced (Brzlfrzt)")
    notice = taken("13:00:01", "A2").replace("northwind.example>", "own.example>")  # the bounce, to another domain
    for lines in ((lost,), (lost, notice)):
        (flow,) = of(run(log, machine(log=lines)), "mail.flow")
        assert (flow.status, flow.data["proof"]) == (Status.UNKNOWN, "tried")
    (flow,) = of(run(log, machine(log=(lost, notice, taken("13:05:00", "A3")))), "mail.flow")
    assert flow.status is Status.OK


def test_a_pipe_that_filters_is_no_mailbox_service() -> None:
    line = attempt(
        "10:00:00",
        "A1",
        'relay=disclaimer, delay=1, dsn=5.3.0, status=bounced (Command died with status 127: "/opt/x")',
    )
    line = line.replace("postfix/smtp[", "postfix/pipe[")
    for settings, sign in (
        ({}, "mail.backend-down"),
        ({"content_filter": "disclaimer:dummy"}, "mail.content-filter-down"),
    ):
        assert [
            o.sign
            for o in run(log, machine(settings, log=(line,)))
            if o.sign in ("mail.backend-down", "mail.content-filter-down")
        ] == [sign]


def test_mail_that_leaves_says_nothing_of_the_way_in() -> None:
    """What stops smtpd(8) is over when smtpd takes mail, not when the sendmail command's mail leaves."""
    stops = "Nov 22 10:00:00 app postfix/smtpd[9]: warning: connect to Milter service inet:127.0.0.1:8891: Connection refused"
    client = "Nov 22 10:02:00 app postfix/smtpd[9]: A3: client=localhost[127.0.0.1]"
    for lines, status in (
        ((stops, taken("10:01:00", "A2")), Status.FAILED),
        ((stops, client, taken("10:02:01", "A3")), Status.WARNING),
    ):
        assert [o.status for o in of(run(log, machine(log=lines)), "mail.milter-down")] == [status]


def test_a_vague_reply_that_names_the_sender_alone_is_about_the_sender() -> None:
    begun = "Nov 22 12:59:59 app postfix/qmgr[3]: 0A5D1166: from=<app@acme.example>, size=400, nrcpt=1 (queue active)"
    said = (
        "host relay.example[192.0.2.4] said: 553 5.7.1 {} is not active in this account (in reply to RCPT TO command)"
    )
    for named, sign in (("app@acme.example", "mail.sender-not-allowed"), ("It", "mail.relay-account-restricted")):
        lines = (
            begun,
            attempt("13:00:00", "0A5D1166", f"relay=none, dsn=5.7.1, status=bounced ({said.format(named)})"),
        )
        assert sign in {o.sign for o in run(log, machine(log=lines))}


def test_a_sandbox_wants_the_recipient_verified() -> None:
    sent = "Nov 22 13:00:00 app postfix/qmgr[1]: {}: from=<app@example.net>, size=9, nrcpt=1 (queue active)"
    said = "status=bounced (host r[192.0.2.4] said: 554 Message rejected: Email address is not verified: {} (in reply to end of DATA command))"
    for who, label in (
        ("maria@northwind.example", "relay-account-restricted"),
        ("app@example.net", "sender-not-allowed"),
    ):
        lines = (
            sent.format("0A5D1166"),
            attempt("13:00:01", "0A5D1166", f"relay=r[192.0.2.4]:587, dsn=5.0.0, {said.format(who)}"),
        )
        assert [o.status for o in of(run(log, machine(log=lines)), f"mail.{label}")] == [Status.FAILED], who


def test_a_receiver_that_turns_this_host_away_is_no_small_share() -> None:
    """However much others take, its next mail there fails alike. Of mail that others sent, and of last night's, that is not said."""
    listed = "host mx.south.example[192.0.2.9] said: 550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org (in reply to RCPT TO command)"

    def minor(clock: str, sender: str) -> list[bool]:
        lines = [taken(f"15:0{n % 6}:00", f"4A{n:08}") for n in range(9)]
        handed = f"Nov 22 {clock} app postfix/pickup[1]: 4B00000001: uid=33 from=<noreply@{sender}>"
        began = (
            f"Nov 22 {clock} app postfix/qmgr[1]: 4B00000001: from=<noreply@{sender}>, size=9, nrcpt=1 (queue active)"
        )
        relay = "relay=mx.south.example[192.0.2.9]:25, delay=1, dsn=5.7.1"
        refused = attempt(clock, "4B00000001", f"{relay}, status=bounced ({listed})", "post@south.example")
        found = run(log, machine(log=(*((handed,) if sender == "example.net" else ()), began, refused, *lines)))
        return [bool(o.data["minor"]) for o in of(found, "mail.ip-blocklisted")]

    assert minor("14:50:00", "example.net") == [False]
    assert (minor("14:50:00", "stranger.example"), minor("11:30:00", "example.net")) == ([True], [True])

"""What passed by itself accuses nobody, and other mailers' lines are deliveries like Postfix's."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from diagnose.parse.log.mail_event import Delivery
from diagnose.parse.log.settled import Settled
from diagnose.parse.pasted import other_mta
from diagnose.parse.pasted.evidence import Event, Trouble
from tests.parse.events import read_anything

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
GREYLISTED = (
    "Nov 22 13:53:00 h postfix/smtp[11]: 4D2C1A5F00: to=<a@b.example>, relay=mx.b.example[198.51.100.7]:25, delay=1, "
    "delays=0/0/0/1, dsn=4.2.0, status=deferred (host mx.b.example[198.51.100.7] said: 450 4.2.0 <a@b.example>: Recipient "
    "address rejected: Greylisted (in reply to RCPT TO command))\n"
)
SENT = (
    "Nov 22 14:03:00 h postfix/smtp[12]: {id}: to=<{to}>, relay=mx.b.example[198.51.100.7]:25, delay=601, "
    "delays=600/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
)
UNTRUSTED = (
    "Nov 22 13:53:00 h postfix/smtp[12]: certificate verification failed for mx.b.example[198.51.100.7]:25: untrusted "
    "issuer /CN=Example\n"
)


def _accusing(text: str) -> list[Event]:
    return [event for event in Settled().read(read_anything(text, NOW)) if _accuses(event)]


def _accuses(event: Event) -> bool:
    if isinstance(event, Trouble):
        return event.reason is not None and not event.reason.harmless
    return bool(event.reasons)


def test_a_message_that_was_sent_later_is_forgiven() -> None:
    """The same message and recipient; another's success forgives nothing."""
    assert _accusing(GREYLISTED) != []
    assert _accusing(GREYLISTED + SENT.format(id="4D2C1A5F00", to="a@b.example")) == []
    assert _accusing(GREYLISTED + SENT.format(id="4D2C1A5F00", to="c@b.example")) != []
    assert _accusing(GREYLISTED + SENT.format(id="4D2C1A5F01", to="a@b.example")) != []


def test_a_success_before_forgives_nothing() -> None:
    """What fails after it worked fails now."""
    assert _accusing(SENT.format(id="4D2C1A5F00", to="a@b.example") + GREYLISTED) != []


def test_a_certificate_counts_where_it_held_mail_up() -> None:
    """Between servers none is demanded; where one is, the line before the delay says what is wrong with it."""
    held = (
        "Nov 22 13:53:01 h postfix/smtp[12]: 4D2C1A5F00: to=<a@b.example>, relay=mx.b.example[198.51.100.7]:25, delay=1, "
        "delays=0/0/1/0, dsn=4.7.5, status=deferred (Server certificate not trusted)\n"
    )
    assert _accusing(UNTRUSTED) == []
    assert len(_accusing(UNTRUSTED + held)) == 2


def test_no_more_is_held_than_promised() -> None:
    """A log of failures passes through."""
    settled = Settled()
    settled.LIMIT = 10
    events = read_anything(GREYLISTED.replace("4D2C1A5F00", "4D2C1A5F0{}") * 50, NOW)
    assert len(list(settled.read(events))) == 50


@pytest.mark.parametrize(
    ("line", "status", "label"),
    [
        (
            "2026-11-22 15:30:30 1iLooQ-0002aM-3F ** u@b.example R=smarthost T=remote_smtp_smarthost H=smtp.r.example "
            '[192.0.2.8] DN="C=US,O=X": SMTP error from remote mail server after MAIL FROM:<a@h>: 530 5.7.0 Authentication '
            "Required",
            "bounced",
            "auth-required",
        ),
        (
            "2026-11-22 15:30:30 1iLooQ-0002aM-3F == u@b.example R=dnslookup T=remote_smtp defer (110) H=mx.b.example "
            "[192.0.2.8]: Connection timed out",
            "deferred",
            "connect-timeout",
        ),
        (
            "2026-11-22 15:30:30 1iLooQ-0002aM-3F => u@b.example R=dnslookup T=remote_smtp H=mx [192.0.2.8]",
            "sent",
            None,
        ),
        (
            "Nov 22 15:30:30 h sm-mta[5]: x1: to=<u@b.example>, delay=0:01, mailer=esmtp, relay=mx.b.example. [192.0.2.8], "
            "dsn=4.0.0, stat=Deferred: Connection refused by mx.b.example.",
            "deferred",
            "connect-refused",
        ),
        ("Nov 22 15:30:30 h sm-mta[5]: x1: to=root, mailer=local, pri=30000, dsn=2.0.0, stat=Sent", "sent", None),
        (
            "Nov 22 15:30:30 host=smtp.r.example tls=on auth=on user=u from=a@h recipients=u@b.example smtpstatus=535 "
            "errormsg='authentication failed (method PLAIN)' exitcode=EX_NOPERM",
            "bounced",
            "relay-credentials-rejected",
        ),
    ],
)
def test_other_mailers(line: str, status: str, label: str | None) -> None:
    """Exim, sendmail, msmtp."""
    delivery = other_mta.read(line)
    assert isinstance(delivery, Delivery)
    assert delivery.status == status
    assert (delivery.reasons[0].label if delivery.reasons else None) == label


def test_lines_of_others_are_left() -> None:
    """Arrivals, completions and Postfix's own lines are not this reader's."""
    for line in ("1iLooQ-0002aM-3F <= a@h U=root P=local S=520", "1iLooQ-0002aM-3F Completed", GREYLISTED):
        assert other_mta.read(line) is None


def test_what_exim_notes_of_one_address_is_over_once_another_answered() -> None:
    note = "2026-03-04 06:00:01 1vABcd-0001Xy-2Z H=smtp.relay.example [2001:db8:7::25] Network is unreachable\n"
    refused = (
        "2026-03-04 06:00:02 1vABcd-0001Xy-2Z ** a@b.example R=smarthost T=remote_smtp_smarthost H=smtp.relay.example "
        "[198.51.100.25]: SMTP error from remote mail server after MAIL FROM:<c@d>: 530 5.7.0 Authentication Required\n"
    )
    waits = (
        "2026-03-04 06:00:02 1vABcd-0001Xy-2Z == a@b.example R=smarthost T=remote_smtp_smarthost defer (-53): "
        "retry time not reached for any host for 'b.example'\n"
    )
    assert [event.text for event in _accusing(note)] == [
        "connect to smtp.relay.example[2001:db8:7::25]:25: Network is unreachable"
    ]
    assert ["530" in event.text for event in _accusing(note + refused)] == [True]
    assert len(_accusing(note + waits)) == 2  # nobody answered: the note is all that is known

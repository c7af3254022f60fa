"""Settings that people paste beside a log, held against it; and sentences that quote errors."""

from __future__ import annotations

import pytest

from diagnose.parse.pasted import prose
from diagnose.parse.words.reason import reasons_in
from tests.parse.events import read_anything

RELAY = "$ postconf -h relayhost\n[smtp.a.example]:587\n$ cat /etc/postfix/sasl_passwd\n{key} user:***\n"
NAME = 'TransportException: Connection could not be established with host "{host}:1025": getaddrinfo for {host} failed: Name or service not known'
SENT = (
    "Jun  3 12:00:31 h postfix/smtp[7]: 3B9C1A2: to=<u@a.example>, relay=mx.a.example[192.0.2.1]:25, delay=720, "
    "delays=0.2/{waited}/0.5/1.3, dsn=2.0.0, status=sent (250 OK)"
)
WRITTEN = "Jul 15 08:15:21 h postfix/smtp[2]: 0C9D13A2: to=<dev@a.example>, orig_to=<{to}>, relay=mx.a.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK)"


def _labels(text: str) -> set[str]:
    return {reason.label for event in read_anything(text) for reason in reasons_in(event)}


@pytest.mark.parametrize(
    ("label", "text", "meant"),
    [
        ("sasl-key-mismatch", RELAY.format(key="[smtp.b.example]:587"), True),
        ("sasl-key-mismatch", RELAY.format(key="[smtp.a.example]"), True),
        ("sasl-key-mismatch", RELAY.format(key="[smtp.a.example]:587"), False),
        ("sasl-key-mismatch", RELAY.format(key="smtp.a.example"), False),
        (
            "sasl-key-mismatch",
            "relayhost = [smtp.a.example]:587\n$ postmap -q '[smtp.a.example]:587' hash:/etc/postfix/sasl_passwd\n$\n",
            True,
        ),
        (
            "sasl-key-mismatch",
            "relayhost = [smtp.a.example]:587\n$ postmap -q '[smtp.a.example]:587' hash:/etc/postfix/sasl_passwd\nu:***\n",
            False,
        ),
        ("app-config-not-applied", f"{NAME.format(host='mailpit')}\n\nMAIL_HOST=smtp.a.example", True),
        ("app-config-not-applied", f"{NAME.format(host='mailpit')}\n\nMAIL_HOST=mailpit", False),
        (
            "delivery-throttled-by-settings",
            f"default_destination_rate_delay = 60s\n{SENT.format(waited=700)}",
            True,
        ),
        (
            "delivery-throttled-by-settings",
            f"default_destination_rate_delay = 0s\n{SENT.format(waited=700)}",
            False,
        ),
        ("delivery-throttled-by-settings", f"default_destination_rate_delay = 1s\n{SENT.format(waited=2)}", False),
        ("recipient-rewritten", f"{WRITTEN.format(to='x@b.example')}\n/.*/  dev@a.example", True),
        ("recipient-rewritten", f"{WRITTEN.format(to='x@b.example')}\n{WRITTEN.format(to='y@c.example')}", True),
        ("recipient-rewritten", WRITTEN.format(to="x@b.example"), False),
        (
            "recipient-rewritten",
            "Jul 15 08:15:20 h postfix/smtpd[1]: 0C9D13A2: client=mx.b.example[192.0.2.7]\n"
            f"{WRITTEN.format(to='x@b.example')}\n{WRITTEN.format(to='y@c.example')}",
            False,
        ),
    ],
)
def test_settings_beside_a_log(label: str, text: str, meant: bool) -> None:
    """What does not go together is named, and nothing where it does."""
    assert (label in _labels(text)) is meant


@pytest.mark.parametrize(
    ("text", "account"),
    [
        (
            'In this issue: what "550 5.1.1 User unknown" and "535 Authentication failed" mean, and how to set up SPF records.',
            True,
        ),
        (
            'With port 587 I get "550 5.1.1 User unknown" and with port 25 "535 Authentication failed", since the update on Monday.',
            False,
        ),
        ('The settings page of our wiki says nothing on "535 Authentication failed", which came up today.', False),
        ("550 5.1.1 User unknown", False),
    ],
)
def test_an_account_of_errors_is_no_failure(text: str, account: bool) -> None:
    """Two quoted errors that nobody has, as in documentation."""
    assert prose.is_account(text) is account


def test_no_program_speaks_in_a_mailers_log() -> None:
    """A reply that Exim quotes is the server's, though a library has the same words."""
    line = (
        "2025-01-10 08:00:00 1tW9aB-0001Qx-2C ** u@a.example R=smarthost T=remote_smtp H=smtp.b.example [192.0.2.9]: SMTP "
        "error from remote mail server after MAIL FROM:<w@c.example>: 530 5.7.0 Must issue a STARTTLS command first"
    )
    assert _labels(line) == {"starttls-required"}

"""The check of the dialogue with this host's own SMTP port."""

from datetime import datetime
from typing import Any

import pytest

from checks.postfix.intake import intake
from checks.postfix.submission import submission
from diagnose.check import Dial, Listeners
from diagnose.host.query import DialReply, Listener, ListenersReply, StatReply, TlsInfo
from diagnose.knowledge.smtp import OWN_HELO
from diagnose.model import Observation, Status, Strength
from tests.checks.pretended_postfix import MASTER, machine, of, run
from tests.parse.events import stream

BANNER, EHLO = "220 app.example.net ESMTP Postfix", "250-app.example.net\n250-STARTTLS\n250 8BITMIME"
GREETED: dict[str, Any] = {"address": "127.0.0.1", "banner": BANNER, "ehlo": EHLO, "stage": "quit"}
START = "Nov 25 11:00:00 app postfix/master[10]: daemon started -- version 3.7.11, configuration /etc/postfix"
DENIED = "454 4.7.1 <someone@example.com>: Relay access denied"
TAKEN = "Nov 25 11:00:00 app postfix/smtpd[7]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
SUBMISSION = MASTER + "submission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt\n"


def told(*, port: int = 25, log: tuple[str, ...] = (), master: str = MASTER, settings: dict[str, str] | None = None,
         stats: dict[str, StatReply] | None = None, **reply: Any) -> list[Observation]:  # fmt: skip
    asked: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        asked.append(query)
        return DialReply(**reply)

    open_ports = ListenersReply(listeners=(Listener(address="0.0.0.0", port=port),))
    host = machine(settings, log=log, master=master, stats=stats, more={Listeners(): open_ports}, by_kind={Dial: dial})
    found = run(intake, host)
    assert len(asked) < 2
    assert all(query.helo == OWN_HELO and query.login is None and not query.verify for query in asked)
    return [o for o in found if o.status is not Status.OK]


def kinds(found: list[Observation]) -> list[tuple[str, Any, Status]]:
    return [(o.sign, o.data.get("kind"), o.status) for o in found]


def test_a_port_that_serves() -> None:
    assert told(**GREETED, mail="250 2.1.0 Ok", rcpt="250 2.1.5 Ok") == []


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ((), "mute"),
        (
            (
                'Nov 25 12:00:00 app postfix/master[10]: warning: service "smtp" (25) has reached its process limit "100"',
            ),
            "busy",
        ),
    ],
)
def test_a_connection_without_a_greeting(log: tuple[str, ...], kind: str) -> None:
    found = told(log=log, address="127.0.0.1", stage="banner", error="timed out")
    assert kinds(found) == [("listener.dialogue", kind, Status.FAILED)]


@pytest.mark.parametrize("everybody", [False, True])
@pytest.mark.parametrize(("log", "status"), [((TAKEN,), Status.FAILED), ((), Status.WARNING)])
def test_a_port_closed_to_the_account_of_applications(log: tuple[str, ...], status: Status, everybody: bool) -> None:
    def dial(query: Dial) -> DialReply:
        return DialReply() if query.user or everybody else DialReply(**GREETED)

    ports = {Listeners(): ListenersReply(listeners=(Listener(address="0.0.0.0", port=25),))}
    accounts = {"/etc/passwd": "root:x:0:0\nwww-data:x:33:33\n"}
    found = of(run(intake, machine(log=log, files=accounts, more=ports, by_kind={Dial: dial})), "firewall.smtp")
    assert [(o.status, o.data["apart"], o.data["at_most"]) for o in found] == [(status, True, Strength.STRONG)]


def test_what_smtpd_died_of() -> None:
    line = "Nov 25 12:00:00 app postfix/smtpd[7]: fatal: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one"
    died: dict[str, Any] = {"address": "127.0.0.1", "stage": "banner", "error": "connection closed"}
    (found,) = told(log=(line,), **died)
    assert (found.sign, found.data["parameter"], found.data["named"]) == (
        "config.fatal",
        "smtpd_relay_restrictions",
        True,
    )
    assert kinds(told(log=(line, START), **died)) == [("listener.dialogue", "closed", Status.FAILED)]


def test_a_port_for_proxies_is_not_dialled() -> None:
    """Whether programs connect there without one shows in the log."""
    settings = {"smtpd_upstream_proxy_protocol": "haproxy"}
    seen = ("Nov 25 12:00:00 app postfix/smtpd[7]: warning: haproxy read: time limit exceeded",)
    assert kinds(told(settings=settings)) == [("listener.dialogue", "proxy", Status.WARNING)]
    assert kinds(told(settings=settings, log=seen)) == [("listener.dialogue", "proxy", Status.FAILED)]


def test_tls_that_does_not_work() -> None:
    refused: dict[str, Any] = {**GREETED, "starttls": "454 4.7.0 TLS not available due to local problem"}
    assert kinds(told(settings={"smtpd_tls_security_level": "may"}, **refused)) == [
        ("listener.tls", "unavailable", Status.WARNING)
    ]
    assert kinds(told(settings={"smtpd_tls_security_level": "encrypt"}, **refused)) == [
        ("listener.tls", "unavailable", Status.FAILED)
    ]
    good: dict[str, Any] = {**GREETED, "starttls": "220 2.0.0 Ready to start TLS", "tls": TlsInfo(version="TLSv1.3")}
    assert told(settings={"smtpd_tls_security_level": "encrypt"}, **good) == []


def test_programs_without_tls_at_a_port_that_demands_it() -> None:
    left = "Nov 25 12:00:00 app postfix/smtpd[7]: disconnect from {} ehlo=1{} mail=0/1 rset=0/1 commands=1/3"
    good: dict[str, Any] = {**GREETED, "starttls": "220 2.0.0 Ready to start TLS", "tls": TlsInfo(version="TLSv1.3")}
    for client, tls, wanted in (
        ("localhost[127.0.0.1]", "", ["config.submission-refused"]),
        ("localhost[127.0.0.1]", " starttls=1", []),
        ("unknown[198.51.100.7]", "", []),
    ):
        found = told(settings={"smtpd_tls_security_level": "encrypt"}, log=(left.format(client, tls),), **good)
        assert [o.sign for o in found if o.status is Status.FAILED] == wanted


def test_a_certificate_of_the_submission_port_that_is_gone() -> None:
    settings = {"smtpd_tls_cert_file": "/etc/ssl/mail.pem"}
    there = {"/etc/ssl/mail.pem": StatReply(exists=True, kind="file")}
    gone = told(port=587, master=SUBMISSION, settings=settings, **GREETED)
    assert [(o.data["path"], o.status) for o in gone] == [("/etc/ssl/mail.pem", Status.FAILED)]
    assert told(port=587, master=SUBMISSION, settings=settings, stats=there, **GREETED) == []


def test_leave_to_relay() -> None:
    """A refusal is a failure where programs handed mail in there before; else nobody may be meant to."""
    denied: dict[str, Any] = {**GREETED, "mail": "250 2.1.0 Ok", "rcpt": DENIED}
    assert kinds(told(**denied)) == [("config.submission-refused", "rule", Status.WARNING)]
    assert kinds(told(log=(TAKEN,), **denied)) == [("config.submission-refused", "rule", Status.FAILED)]
    assert told(**{**denied, "rcpt": "450 4.7.1 <mail-diagnose.invalid>: Helo command rejected: Host not found"}) == []


def test_our_own_footprints_are_nobodys_mail() -> None:
    line = f"Nov 25 12:00:00 app postfix/smtpd[7]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: {DENIED}; from=<> to=<someone@example.com> proto=ESMTP helo=<{{}}>"
    for name, count in (("localhost", 1), (OWN_HELO, 0)):
        found = of(run(submission, machine(log=(line.format(name),))), "config.submission-refused")
        assert len([o for o in found if o.status is Status.FAILED]) == count
        assert len(list(stream([line.format(name)], datetime.now()))) == count


def test_postscreen_without_a_service_to_hand_clients_on_to() -> None:
    screened = MASTER.replace(
        "smtp       inet  n       -       y       -       -       smtpd", "smtp inet n - y - 1 postscreen"
    )
    assert screened != MASTER
    passes = "smtpd pass - - y - - smtpd\n"
    for master, wanted in ((screened, [("listener.dialogue", "pass", Status.FAILED)]), (screened + passes, [])):
        assert kinds(told(master=master)) == wanted


@pytest.mark.parametrize(("line", "status"), [
    ("postfix/submission/smtpd[7]: SSL_accept error from localhost[127.0.0.1]: -1", Status.FAILED),
    ("postfix/smtps/smtpd[7]: SSL_accept error from localhost[127.0.0.1]: -1", Status.WARNING),
    ("postfix/submission/smtpd[7]: SSL_accept error from unknown[198.51.100.7]: -1", Status.WARNING),
])  # fmt: skip
def test_tls_at_once_where_clients_wait_for_a_greeting(line: str, status: Status) -> None:
    """A failure where a program of this host met it; else clients may be set up to match."""
    wrapped = MASTER + (
        "submission inet n - y - - smtpd -o smtpd_tls_wrappermode=yes -o syslog_name=postfix/submission\n"
        "smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes -o syslog_name=postfix/smtps\n"
    )
    found = told(port=587, master=wrapped, log=(f"Nov 25 12:00:00 app {line}",), **GREETED)
    assert kinds(found) == [("listener.tls", "wrapper", status)]
    assert told(port=465, master=wrapped, **GREETED) == []

"""Dates told ahead: certificates that end, and the end of logins by password."""

from __future__ import annotations

import calendar
import time
from dataclasses import replace

import pytest

from checks.relay.certificate_dates import certificate_dates
from checks.relay.relay_password_end import relay_password_end
from diagnose.check import Exec, Now
from diagnose.host.query import ExecReply, NowReply, StatReply
from diagnose.model import Observation
from tests.checks.pretended_postfix import NOW, of, run
from tests.checks.pretended_relay import GOOD_TLS, answered, relayed

DAY = 86_400
PATH = "/etc/postfix/client.pem"
OWN = {"relayhost": "[relay.example.net]:587"}


def dated(moment: float) -> str:
    return time.strftime("%b %e %H:%M:%S %Y GMT", time.gmtime(moment))


def printed(left: float, life: float, client: str = "Yes") -> ExecReply:
    dates = f"notBefore={dated(NOW + (left - life) * DAY)}\nnotAfter={dated(NOW + left * DAY)}\n"
    return ExecReply(code=0, out=f"{dates}Certificate purposes:\nSSL client : {client}\nSSL server : Yes\n")


def ends(settings: dict[str, str], reply: ExecReply, relay_left: float = 60) -> list[Observation]:
    good = replace(GOOD_TLS, not_before=NOW - 60 * DAY, not_after=NOW + relay_left * DAY)
    host = relayed(
        OWN | settings,
        dial=answered(tls=good),
        source="",
        keys={},
        names={"relay.example.net A": ("192.0.2.7",)},
        stats={PATH: StatReply(exists=True, kind="file")},
    )
    host.pairs[Exec(("openssl", "x509", "-in", PATH, "-noout", "-dates", "-purpose"))] = reply
    return of(run(certificate_dates, host), "certificate.ends")


@pytest.mark.parametrize(
    ("left", "life", "status"),
    [
        (60, 90, "ok"),
        (22, 90, "ok"),
        (20, 90, "warning"),
        (20, 365, "warning"),
        (4, 6, "ok"),
        (1, 6, "warning"),
        (-3, 90, "warning"),
    ],
)
def test_a_client_certificate(left: float, life: float, status: str) -> None:
    found = [o for o in ends({"smtp_tls_cert_file": PATH}, printed(left, life)) if o.data["kind"] == "client"]
    assert [(o.status.word, o.data["path"]) for o in found] == [(status, PATH)]


def test_a_certificate_that_is_for_servers_only() -> None:
    found = ends({"smtp_tls_cert_file": PATH}, printed(60, 90, client="No"))
    assert [o.data["kind"] for o in found if o.status.word == "warning"] == ["client-purpose"]


@pytest.mark.parametrize(
    ("more", "seen"),
    [({}, True), ({"inet_interfaces": "loopback-only"}, False), ({"smtpd_tls_security_level": "none"}, False)],
)
def test_the_servers_certificate_counts_where_others_come_in(more: dict[str, str], seen: bool) -> None:
    settings = {"smtpd_tls_chain_files": PATH, "smtpd_tls_security_level": "may", **more}
    assert any(o.data["kind"] == "server" for o in ends(settings, printed(5, 90))) is seen


def test_the_relays_own() -> None:
    found = ends({}, ExecReply(), relay_left=6)
    assert [(o.status.word, o.data["kind"]) for o in found] == [("warning", "relay")]
    # A service renews its own.
    assert not [
        o for o in ends({"relayhost": "[smtp.sendgrid.net]:587"}, ExecReply(), relay_left=6) if o.status.word != "ok"
    ]


def password_end(day: str, host: str = "smtp.office365.com", **settings: str) -> list[Observation]:
    hop = f"[{host}]:587"
    made = relayed(
        {"relayhost": hop, **settings}, keys={hop: "me@example.net:********"}, names={f"{host} A": ("192.0.2.7",)}
    )
    made.pairs[Now()] = NowReply(epoch=calendar.timegm(time.strptime(day, "%Y-%m-%d")), user="root", root=True)
    return of(run(relay_password_end, made), "relay.password-end")


def test_the_end_of_passwords_at_the_relay_in_use() -> None:
    (found,) = password_end("2026-11-26")
    assert (found.status.word, found.data["days"], found.data["date"]) == ("warning", 35, "2026-12-31")
    assert [o.status.word for o in password_end("2026-05-01")] == ["ok"]
    # What came of it the login itself tells.
    assert [o.status.word for o in password_end("2027-02-01")] == ["ok"]


def test_nothing_is_told_of_other_relays_or_of_tokens() -> None:
    assert password_end("2026-11-26", "smtp.gmail.com") == []
    assert password_end("2026-11-26", smtp_sasl_mechanism_filter="xoauth2") == []
    assert password_end("2026-11-26", smtp_sasl_auth_enable="no") == []

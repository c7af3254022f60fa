"""The check of SPF: this host's address, a relay's, and who is left in peace."""

from __future__ import annotations

import pytest

from checks.mail.sender_spf import sender_spf
from diagnose.host.query import DnsReply
from diagnose.model import Observation
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import of, run

OWN = "85.214.88.17"
HEAD = "Nov 22 14:00:00 app postfix/"
SENT = (
    f"{HEAD}pickup[1]: 4F1A300001: uid=33 from=<www@sender.com>",
    f"{HEAD}qmgr[3]: 4F1A300001: from=<www@sender.com>, size=400, nrcpt=1 (queue active)",
)
REFUSED = (
    *SENT,
    f"{HEAD}smtp[4]: 4F1A300001: to=<u@gmail.com>, relay=gmail-smtp-in.l.google.com[142.250.1.27]:25, delay=1, delays=0/0/1/0, "
    "dsn=5.7.26, status=bounced (host gmail-smtp-in.l.google.com[142.250.1.27] said: 550-5.7.26 Your email has been blocked because "
    "the sender is unauthenticated. 550 5.7.26 SPF [sender.com] with ip: [85.214.88.17] = did not pass (in reply to end of DATA command))",
)


def seen(
    record: str | tuple[str, ...],
    log: tuple[str, ...] = SENT,
    relayhost: str = "",
    sender: str | None = None,
    **more: str,
) -> list[Observation]:
    texts = {
        "sender.com": (record,) if isinstance(record, str) else record,
        "_spf.google.com": ("v=spf1 ip4:35.190.247.0/24 ~all",),
    }
    texts |= {name.replace("__", "."): (text,) for name, text in more.items()}
    records = {(name, "TXT"): DnsReply(rcode="NOERROR", answers=answers) for name, answers in texts.items()}
    settings = {"relayhost": relayhost} if relayhost else None
    return of(
        run(sender_spf, network(World(records=records, ipv6=False), settings, log=log), None, sender), "sender.spf"
    )


@pytest.mark.parametrize(
    ("record", "status", "kind"),
    [
        (f"v=spf1 ip4:{OWN} -all", "ok", None),
        ("v=spf1 ip4:192.0.2.9 -all", "failed", "fail"),
        ("v=spf1 ip4:192.0.2.9 ~all", "warning", "softfail"),
        ("v=spf1 ?all", "warning", "neutral"),
        ((), "warning", "none"),
        (("v=spf1 -all", "v=spf1 mx -all"), "failed", "two-records"),
        ("v=spf1 ip4:192.0.2 -all", "failed", "syntax"),
        (f"v=spf1 include:_spf.google.com ip4:{OWN} -all", "ok", None),
    ],
)
def test_this_hosts_address(record: str | tuple[str, ...], status: str, kind: str | None) -> None:
    (found,) = seen(record)
    assert (found.subject, found.status.word, found.data.get("kind")) == ("sender.com", status, kind)
    assert found.data["address"] == OWN


def test_a_refusal_that_names_it_is_told() -> None:
    (found,) = seen("v=spf1 ip4:192.0.2.9 ~all", REFUSED)
    assert (found.status.word, found.data["refused"]) == ("failed", True)


def test_a_relay_is_judged_by_the_addresses_that_it_publishes() -> None:
    (found,) = seen("v=spf1 include:_spf.google.com -all", relayhost="[smtp.gmail.com]:587")
    assert (found.status.word, found.data["address"]) == ("ok", "35.190.247.1")
    (found,) = seen("v=spf1 ip4:192.0.2.9 -all", relayhost="[smtp.gmail.com]:587")
    assert (found.status.word, found.data["kind"]) == ("warning", "fail")


def test_a_service_that_sends_under_its_own_name_accuses_nobody() -> None:
    record, above = "v=spf1 ip4:192.0.2.9 -all", "v=spf1 ip4:167.89.0.0/17 ~all"
    assert seen(record, SENT, "[smtp.sendgrid.net]:587", sendgrid__net=above) == []
    (found,) = seen(record, SENT, "[smtp.sendgrid.net]:587", "www@sender.com", sendgrid__net=above)
    assert found.status.word == "unknown"


def test_a_relay_of_nobody_knows_whom_is_judged_by_the_record_above_its_name() -> None:
    above = "v=spf1 ip4:198.51.100.0/24 -all"
    (found,) = seen("v=spf1 ip4:198.51.100.1 -all", relayhost="[relay.rheinmail.com]", rheinmail__com=above)
    assert (found.status.word, found.data["address"]) == ("ok", "198.51.100.1")


def test_mail_that_others_brought_is_not_judged() -> None:
    forwarded = (
        f"{HEAD}smtpd[2]: 4F1A300001: client=mail.sender.com[198.51.100.9]",
        f"{HEAD}qmgr[3]: 4F1A300001: from=<joe@sender.com>, size=400, nrcpt=1 (queue active)",
    )
    assert seen("v=spf1 -all", forwarded) == []
    assert seen("v=spf1 -all", ()) == []


def test_the_sender_that_was_asked_for_comes_first() -> None:
    found = seen("v=spf1 -all", sender="me@other.com", other__com=f"v=spf1 ip4:{OWN} -all")
    assert [(o.subject, o.status.word, o.data["asked"]) for o in found] == [
        ("other.com", "ok", True),
        ("sender.com", "failed", False),
    ]


def test_mail_for_this_host_alone_is_left_in_peace() -> None:
    records = {("sender.com", "TXT"): DnsReply(rcode="NOERROR", answers=("v=spf1 -all",))}
    host = network(World(records=records), {"default_transport": "error:no mail leaves"}, log=SENT)
    assert run(sender_spf, host) == []

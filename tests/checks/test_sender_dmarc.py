"""The check of DMARC: alignment through the way that the mail takes."""

from __future__ import annotations

import pytest

from checks.mail.sender_dmarc import sender_dmarc
from diagnose.check import Glob
from diagnose.host.query import DnsReply, GlobReply, StatReply
from diagnose.model import Observation
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import of, run
from tests.checks.test_sender_dkim import CONF, KEY, ME, MILTERS, OTHER, OWN, commands
from tests.checks.test_sender_spf import REFUSED, SENT

REJECT = "v=DMARC1; p=reject"
PASS = "v=spf1 ip4:85.214.88.17 -all"
RELAY = {"relayhost": "[smtp.gmail.com]:587"}


def seen(
    texts: dict[str, str],
    settings: dict[str, str] | None = None,
    log: tuple[str, ...] = SENT,
    sender: str | None = None,
) -> Observation:
    records = {(name, "TXT"): DnsReply(rcode="NOERROR", answers=(text,)) for name, text in texts.items()}
    host = network(
        World(records=records, ipv6=False),
        settings,
        log=log,
        files=CONF if settings == MILTERS else None,
        stats={KEY: StatReply(exists=True, kind="file")},
        commands=commands,
        more={Glob("/etc/amavis/conf.d/*"): GlobReply()},
    )
    return of(run(sender_dmarc, host, None, sender), "sender.dmarc")[0]


@pytest.mark.parametrize(
    ("texts", "settings", "status", "kind"),
    [
        ({}, None, "warning", "none"),
        ({"_dmarc.sender.com": "v=DMARC1; p=none"}, None, "ok", None),
        ({"_dmarc.sender.com": REJECT}, None, "failed", "unaligned"),
        ({"_dmarc.sender.com": REJECT, "sender.com": PASS}, None, "ok", None),
        ({"_dmarc.sender.com": REJECT, "sender.com": "v=spf1 -all"}, None, "failed", "unaligned"),
        ({"_dmarc.sender.com": REJECT, "mail._domainkey.sender.com": f"v=DKIM1; p={OWN}"}, MILTERS, "ok", None),
        (
            {"_dmarc.sender.com": REJECT, "mail._domainkey.sender.com": f"v=DKIM1; p={OTHER}"},
            MILTERS,
            "failed",
            "unaligned",
        ),
        ({"_dmarc.sender.com": REJECT}, {"smtpd_milters": "inet:localhost:11332"}, "unknown", None),
        ({"_dmarc.sender.com": "v=DMARC1; p=reject p=none", "_dmarc.com": "v=DMARC1"}, None, "warning", "none"),
        ({"_dmarc.sender.com": "v=dmarc1; p=none"}, None, "warning", "broken"),
    ],
)
def test_straight_to_the_receivers(
    texts: dict[str, str], settings: dict[str, str] | None, status: str, kind: str | None
) -> None:
    found = seen(texts, settings, sender=ME)
    assert (found.status.word, found.data.get("kind")) == (status, kind)


@pytest.mark.parametrize(
    ("texts", "status"),
    [
        ({"sender.com": "v=spf1 include:_spf.google.com -all"}, "ok"),
        ({"google._domainkey.sender.com": f"v=DKIM1; p={OWN}"}, "ok"),
        ({}, "unknown"),
    ],
)
def test_through_a_relay(texts: dict[str, str], status: str) -> None:
    published = {"_dmarc.sender.com": REJECT, "_spf.google.com": "v=spf1 ip4:35.190.247.0/24 ~all"}
    assert seen(published | texts, RELAY, sender=ME).status.word == status


def test_what_a_relay_may_do_is_told_to_who_asks() -> None:
    host = network(
        World(records={("_dmarc.sender.com", "TXT"): DnsReply(rcode="NOERROR", answers=(REJECT,))}), RELAY, log=SENT
    )
    assert run(sender_dmarc, host) == []


def test_a_subdomain_under_its_organisations_policy() -> None:
    texts = {"_dmarc.sender.com": "v=DMARC1; p=none; sp=reject"}
    found = seen(texts, sender="app@shop.sender.com")
    assert (found.subject, found.status.word, found.data["place"]) == ("shop.sender.com", "failed", "sender.com")


def test_a_refusal_is_told() -> None:
    assert seen({"_dmarc.sender.com": REJECT}, None, REFUSED).data["refused"] is True

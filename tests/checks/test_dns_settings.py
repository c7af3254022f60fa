"""The check of settings that take DNS answers away."""

from typing import Any

from checks.postfix.dns_settings import dns_settings
from diagnose.check import Lookup, MapLookup
from diagnose.host.query import DnsReply, MapReply
from tests.checks.pretended_postfix import failed, machine, run

RECORDS = {
    ("example.org", "MX"): ("10 mx.example.org.",),
    ("mx.example.org", "A"): ("192.0.2.4",),
    ("mx.example.org", "AAAA"): ("2001:db8::4",),
}


def told(settings: dict[str, str], ignored: str = "never") -> list[str]:
    def table(query: MapLookup) -> MapReply:
        hit = query.table == "pcre:/etc/postfix/filter" and f" IN {ignored}" in query.key
        return MapReply(found=hit, value="IGNORE" if hit else "")

    def lookup(query: Lookup) -> DnsReply:
        answers = RECORDS.get((query.name, query.rtype), ())
        return DnsReply(rcode="NOERROR" if answers else "NODATA", answers=answers)

    kinds: dict[Any, Any] = {MapLookup: table, Lookup: lookup}
    return failed(run(dns_settings, machine(settings, by_kind=kinds), "user@example.org"))


def test_dns_switched_off_where_mail_goes_to_the_recipients_servers() -> None:
    off = {"smtp_dns_support_level": "disabled"}
    assert told(off) == ["config.value"]
    assert told({**off, "relayhost": "[smtp.example.org]:587"}) == []


def test_a_filter_of_dns_answers() -> None:
    """It does harm where it leaves no address at all."""
    named = {"smtp_dns_reply_filter": "pcre:/etc/postfix/filter"}
    assert told(named, "A") == ["config.value"]  # and AAAA, as the pattern has it
    assert told(named, "AAAA") == []
    assert told({}, "A") == []

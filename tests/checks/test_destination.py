"""The check of the recipient's mail servers."""

import pytest

from checks.mail.destination import check_destination
from checks.mail.exchangers import exchangers
from checks.network.ipv6 import check_ipv6
from diagnose.host.query import DnsReply
from diagnose.model import Status
from tests.checks.pretended_network import DROP, Stop, World, address_of, network
from tests.checks.pretended_postfix import failed, run

WHO = "maria@customer.example.com"
MX = {("customer.example.com", "MX"): DnsReply(rcode="NOERROR", answers=("10 mx.customer.example.com.",))}
MX6 = {
    **MX,
    ("mx.customer.example.com", "A"): DnsReply(rcode="NODATA"),
    ("mx.customer.example.com", "AAAA"): DnsReply(rcode="NOERROR", answers=("2a0d:f302::19",)),
}


def dead(address: str, port: int) -> Stop | None:
    return DROP if address == address_of("mx.customer.example.com") else None


def test_exchanger_that_greets() -> None:
    (one,) = run(check_destination, network(World(records=MX)), WHO)
    assert one.status is Status.OK


def test_dead_exchanger_beside_others_that_answer() -> None:
    (one,) = run(check_destination, network(World(dead, records=MX)), WHO)
    assert one.status is Status.FAILED
    assert (one.data["domain"], one.data["outcome"]) == ("customer.example.com", "timeout")


def test_an_exchanger_that_a_limit_of_the_settings_leaves_out() -> None:
    two = {
        ("customer.example.com", "MX"): DnsReply(
            rcode="NOERROR", answers=("10 mx.customer.example.com.", "20 mx2.customer.example.com.")
        )
    }
    for limit, wanted in (("1", ["config.throttle", "destination.reachable"]), ("5", [])):
        assert (
            failed(run(check_destination, network(World(dead, records=two), {"smtp_mx_address_limit": limit}), WHO))
            == wanted
        )


def test_blocked_port_is_not_the_recipients_fault() -> None:
    (one,) = run(check_destination, network(World(lambda a, p: DROP if p == 25 else None, records=MX)), WHO)
    assert one.status is Status.UNKNOWN


def test_relay_has_no_destination() -> None:
    assert run(check_destination, network(World(records=MX), {"relayhost": "[smtp.example.org]:587"}), WHO) == []


def test_exchanger_with_ipv6_only_and_no_route() -> None:
    found = run(check_ipv6, network(World(ipv6=False, records=MX6)), WHO)
    assert failed(found) == ["egress.ipv6"]
    assert found[0].data["only_ipv6"] is True


def test_missing_ipv6_is_a_note_while_ipv4_carries_the_mail() -> None:
    (one,) = run(check_ipv6, network(World(ipv6=False, records=MX)), WHO)
    assert one.status is Status.WARNING


def test_ipv6_that_postfix_does_not_use() -> None:
    (one,) = run(check_ipv6, network(World(ipv6=False, records=MX6), {"inet_protocols": "ipv4"}), WHO)
    assert one.status is Status.OK


@pytest.mark.parametrize(
    ("addresses", "kind"),
    [({"A": "10.8.0.5"}, "private"), ({"A": "127.0.0.1"}, "loopback"), ({}, "no-address")],
)
def test_why_no_exchanger_can_take_mail(addresses: dict[str, str], kind: str) -> None:
    replies = {
        ("mx.customer.example.com", family): DnsReply(rcode="NOERROR", answers=(addresses[family],))
        if family in addresses
        else DnsReply(rcode="NODATA")
        for family in ("A", "AAAA")
    }
    (one,) = run(exchangers, network(World(records={**MX, **replies})), WHO)
    assert (one.status, one.data["kind"]) == (Status.FAILED, kind)

"""The check of whose network this is."""

from checks.network.network_owner import check_network_owner
from diagnose.host.query import DnsReply
from diagnose.model import Status
from tests.checks.pretended_network import DROP, World, network
from tests.checks.pretended_postfix import of, run

ORIGIN = {
    ("17.88.214.85.origin.asn.cymru.com", "TXT"): DnsReply(
        rcode="NOERROR", answers=('"16509 | 85.214.0.0/16 | US | arin | 2000-01-01"',)
    ),
    ("AS16509.asn.cymru.com", "TXT"): DnsReply(
        rcode="NOERROR", answers=('"16509 | US | arin | 2000-01-01 | AMAZON-02, US"',)
    ),
}
ECHO = {("o-o.myaddr.l.google.com", "TXT"): DnsReply(rcode="NOERROR", answers=('"85.214.88.17"',))}


def test_cloud_by_the_address_that_an_exchanger_saw() -> None:
    found = run(check_network_owner, network(World(records=ORIGIN)))
    (address,) = of(found, "owner.address")
    assert (address.data["address"], address.data["asn"]) == ("85.214.88.17", 16509)
    assert of(found, "owner.network")[0].data["network"] == "aws"
    assert of(found, "owner.policy")[0].status is Status.WARNING


def test_address_by_name_server_where_port_25_is_shut() -> None:
    world = World(lambda a, p: DROP if p == 25 else None, records={**ORIGIN, **ECHO})
    assert of(run(check_network_owner, network(world)), "owner.address")[0].data["address"] == "85.214.88.17"


def test_cloud_by_its_machine_without_network() -> None:
    files = {"/sys/class/dmi/id/product_name": "Google Compute Engine\n"}
    world = World(lambda a, p: DROP, resolver="no answer")
    found = run(check_network_owner, network(world, files=files))
    assert of(found, "owner.network")[0].data["network"] == "gcp"


def test_policy_of_another_port_says_nothing_against_the_relay() -> None:
    files = {"/sys/class/dmi/id/product_name": "Google Compute Engine\n"}
    found = run(check_network_owner, network(World(), {"relayhost": "[smtp.example.org]:587"}, files=files))
    assert of(found, "owner.policy")[0].status is Status.OK


def test_unknown_network() -> None:
    found = run(check_network_owner, network(World(lambda a, p: DROP, resolver="no answer")))
    assert [o.status for o in found] == [Status.UNKNOWN]

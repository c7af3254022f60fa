"""The check of who this host says it is."""

import ipaddress
from dataclasses import replace

from checks.network.identity import identity
from diagnose.check import Dial
from diagnose.host.query import DialReply, DnsReply, MapReply
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import of, run

SEEN4, SEEN6 = "85.214.88.17", "2a02:8108:41:7::10"


class Dual(World):
    """Exchangers see another address over IPv6."""

    def dial(self, query: Dial) -> DialReply:
        reply = super().dial(query)
        return replace(reply, ehlo=reply.ehlo.replace(SEEN4, SEEN6)) if ":" in query.host else reply


def _names(*addresses: str) -> dict[tuple[str, str], DnsReply]:
    """PTR records that lead back, for these addresses alone."""
    made = {}
    for address in addresses:
        kind = "AAAA" if ":" in address else "A"
        pointer = ipaddress.ip_address(address).reverse_pointer
        made[pointer, "PTR"] = DnsReply(rcode="NOERROR", answers=("mail.example.org.",))
        made["mail.example.org", kind] = DnsReply(rcode="NOERROR", answers=(address,))
    return made


def test_an_ipv6_address_without_a_name_is_not_hidden_by_the_other() -> None:
    world = Dual(records=_names(SEEN4))
    (found,) = of(run(identity, network(world)), "identity.ptr")
    assert (found.status.word, found.subject, found.data["kind"]) == ("failed", SEEN6, "missing")


def test_both_addresses_confirmed() -> None:
    found = of(run(identity, network(Dual(records=_names(SEEN4, SEEN6)))), "identity.ptr")
    assert [(o.status.word, o.subject) for o in found] == [("ok", SEEN4), ("ok", SEEN6)]


def test_ipv6_that_postfix_does_not_use_is_left_alone() -> None:
    world = Dual(records=_names(SEEN4))
    found = of(run(identity, network(world, {"inet_protocols": "ipv4"})), "identity.ptr")
    assert [(o.status.word, o.subject) for o in found] == [("ok", SEEN4)]


def test_the_sender_counts_as_smtp_sends_it_and_the_table_that_makes_it_is_named() -> None:
    gone = DnsReply(rcode="NXDOMAIN")
    world = Dual(records={("a.test", kind): gone for kind in ("MX", "A", "AAAA")})
    table = "hash:/etc/postfix/generic"
    for value, status in (("@a.test", "failed"), ("me@gmail.com", "ok")):
        maps = {(table, "@example.org"): MapReply(found=True, value=value)}
        host = network(world, {"smtp_generic_maps": table}, maps=maps)
        (found,) = of(run(identity, host, "you@gmail.com", "app@example.org"), "identity.sender-domain")
        sender = f"app{value}" if value.startswith("@") else value
        assert (found.status.word, found.data["sender"]) == (status, sender)
        assert f"{sender}, which smtp_generic_maps ({table}) makes of app@example.org" in found.summary

"""The check of addresses that settings name."""

import json
from typing import Any

import pytest

from checks.network.interfaces import interfaces
from diagnose.check import Exec, Lookup, Resolve
from diagnose.host.query import DnsReply, ExecReply, ResolveReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run


def addresses(*found: str) -> dict[Any, Any]:
    info = [{"local": a, "scope": "host" if a.startswith("127.") or a == "::1" else "global"} for a in found]
    return {Exec(("ip", "-j", "addr")): ExecReply(code=0, out=json.dumps([{"ifname": "x", "addr_info": info}]))}


OWN = addresses("127.0.0.1", "::1", "192.0.2.5", "2001:db8::5")


def test_all_loopback_and_own_addresses() -> None:
    for value in ("all", "loopback-only", "127.0.0.1, [::1], 192.0.2.5"):
        assert failed(run(interfaces, machine({"inet_interfaces": value}, more=OWN))) == []


@pytest.mark.parametrize(("flags", "own", "down"), [("0x8", OWN, True), ("0x9", addresses("192.0.2.5"), False)])
def test_a_loopback_device_that_carries_nothing(flags: str, own: dict[Any, Any], down: bool) -> None:
    on = machine(files={"/sys/class/net/lo/flags": f"{flags}\n"}, more=own)
    (seen,) = [o for o in run(interfaces, on) if o.status is Status.FAILED]
    assert (seen.subject, seen.data["down"]) == ("lo", down)


def test_address_of_the_old_network() -> None:
    found = run(interfaces, machine({"inet_interfaces": "127.0.0.1, 10.9.0.5"}, more=OWN))
    assert of(found, "host.interface")[0].data["value"] == "10.9.0.5"
    assert failed(found) == ["host.interface"]


def test_name_that_is_ours_and_one_that_is_not() -> None:
    named = {
        Resolve("app.example.net"): ResolveReply(addresses=("192.0.2.5",)),
        Resolve("old.example.net"): ResolveReply(addresses=("192.0.2.77",)),
    }
    assert failed(run(interfaces, machine({"inet_interfaces": "$myhostname"}, more={**OWN, **named}))) == []
    assert failed(run(interfaces, machine({"inet_interfaces": "old.example.net"}, more={**OWN, **named}))) == [
        "host.interface"
    ]


def test_source_address() -> None:
    assert failed(run(interfaces, machine({"smtp_bind_address": "192.0.2.5"}, more=OWN))) == []
    for enforce, status in (("yes", Status.FAILED), ("no", Status.WARNING)):
        gone = machine({"smtp_bind_address": "192.0.2.10", "smtp_bind_address_enforce": enforce}, more=OWN)
        assert [o.status for o in of(run(interfaces, gone), "host.interface")] == [status]


def test_families() -> None:
    four = addresses("127.0.0.1", "192.0.2.5")
    assert failed(run(interfaces, machine({"inet_protocols": "ipv6"}, more=four))) == ["host.address-family"]
    assert failed(run(interfaces, machine({"inet_protocols": "ipv4"}, more=OWN))) == []
    assert failed(run(interfaces, machine({"inet_protocols": "ipv6"}, more=addresses("::1", "2001:db8::5")))) == []


def test_a_family_in_which_the_exchangers_have_no_address() -> None:
    for four, status in (("NOERROR", Status.FAILED), ("NXDOMAIN", Status.WARNING)):
        names = {
            Lookup("northwind.example", "MX"): DnsReply(rcode="NOERROR", answers=("10 mx.northwind.example.",)),
            Lookup("mx.northwind.example", "AAAA"): DnsReply(rcode="NODATA"),
            Lookup("mx.northwind.example", "A"): DnsReply(rcode=four, answers=("192.0.2.9",) * (four == "NOERROR")),
        }
        found = run(
            interfaces, machine({"inet_protocols": "ipv6"}, more={**OWN, **names}), recipient="m@northwind.example"
        )
        assert [o.status for o in of(found, "host.address-family")] == [status]


def test_no_ip_command_is_skipped() -> None:
    assert run(interfaces, machine()) == []


def test_a_service_of_master_cf_with_an_address_that_left() -> None:
    line = "{}:587 inet n - y - - smtpd\n"
    for address, wanted in (
        ("10.9.0.5", ["host.interface"]),
        ("192.0.2.5", []),
        ("0.0.0.0", []),
        ("[2001:db8::6]", ["host.interface"]),
    ):
        assert failed(run(interfaces, machine(master=MASTER + line.format(address), more=OWN))) == wanted


def test_ipv6_alone_where_there_is_none_keeps_postfix_from_starting() -> None:
    for own, none in ((("192.0.2.5",), True), (("192.0.2.5", "::1"), False)):
        found = run(interfaces, machine({"inet_protocols": "ipv6"}, more=addresses(*own)))
        assert [(o.status, o.data["none"]) for o in of(found, "host.address-family")] == [(Status.FAILED, none)]

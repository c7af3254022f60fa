"""The check of the ports that leave this network."""

import pytest

from checks.network.egress import check_egress
from diagnose.host.query import Dial, DialReply, Exec, ExecReply
from diagnose.model import Observation, Status, Strength
from tests.checks.pretended_network import DROP, FORBIDDEN, NO_ROUTE, PROHIBITED, RESET, Stop, World, ip, network
from tests.checks.pretended_postfix import failed, of, run

RELAY = {"relayhost": "[smtp.example.org]:587"}
POSTFIX = {"/etc/passwd": "postfix:x:102:109::/var/spool/postfix:/usr/sbin/nologin\n"}


def mail_port(found: list[Observation]) -> Observation:
    (one,) = of(found, "egress.mail-port")
    return one


def test_open_network_is_fine_and_quiet() -> None:
    found = run(check_egress, network(World()))
    assert failed(found) == []
    assert mail_port(found).status is Status.OK


@pytest.mark.parametrize(("stop", "outcome"), [(DROP, "timeout"), (RESET, "refused"), (PROHIBITED, "prohibited")])
def test_port_blocked_to_everybody_is_told_by_how(stop: Stop, outcome: str) -> None:
    found = run(check_egress, network(World(lambda address, port: stop if port == 25 else None)))
    one = mail_port(found)
    assert (one.status, one.data["kind"], one.data["outcome"]) == (Status.FAILED, "blocked", outcome)
    assert one.data["service"] == "exchange"


def test_own_refusal_is_no_network_block() -> None:
    found = run(check_egress, network(World(lambda address, port: FORBIDDEN if port == 25 else None)))
    assert mail_port(found).data["kind"] == "local"


def test_port_that_mail_does_not_take_is_a_note() -> None:
    world = World(lambda address, port: DROP if port == 25 else None)
    found = run(check_egress, network(world, RELAY))
    assert failed(found) == []
    assert [o.status for o in of(found, "egress.port-25")] == [Status.WARNING]
    assert mail_port(found).data["service"] == "submission"


def test_one_dead_host_is_no_block() -> None:
    dead: set[str] = set()

    def first_only(address: str, port: int) -> Stop | None:
        if port == 25 and (not dead or address in dead):
            dead.add(address)
            return DROP
        return None

    assert failed(run(check_egress, network(World(first_only)))) == []


def test_nothing_reached_is_no_port_block() -> None:
    found = run(check_egress, network(World(lambda address, port: DROP)))
    assert failed(found) == ["egress.internet"]
    assert mail_port(found).status is Status.UNKNOWN


def test_a_user_of_whom_packets_are_dropped_does_not_prove_that_there_is_no_internet() -> None:
    for root, resolver, most in ((False, "", Strength.SPEAKS), (False, "no answer", None), (True, "", None)):
        world = World(lambda address, port: DROP, resolver=resolver)
        (one,) = of(run(check_egress, network(world, root=root)), "egress.internet")
        assert one.data["at_most"] == most

    def led(query: Exec) -> ExecReply:
        by = "tun0" if "uid" in query.argv else "eth0"
        return ExecReply(code=0, out=f'[{{"dst":"9.9.9.9","dev":"{by}"}}]') if "get" in query.argv else ip(query)

    host = network(World(lambda address, port: DROP, resolver="no answer"), root=False, files=POSTFIX, commands=led)
    assert of(run(check_egress, host), "egress.internet")[0].data["at_most"] == Strength.SPEAKS


def test_dead_resolver_does_not_hide_a_blocked_port() -> None:
    world = World(lambda address, port: DROP if port == 25 else None, resolver="no answer from 192.0.2.53")
    found = run(check_egress, network(world))
    assert mail_port(found).status is Status.FAILED


def test_ipv6_only_host_is_judged_by_ipv6() -> None:
    world = World(lambda address, port: NO_ROUTE if "." in address else None)
    found = run(check_egress, network(world))
    assert failed(found) == []
    assert not [o for o in found if o.sign.startswith("egress.port") and o.status is Status.WARNING]


@pytest.mark.parametrize(
    ("server", "found"),
    [("198.51.100.53", ["egress.internet"]), ("192.168.1.1", []), ("127.0.0.53", []), ("2620:fe::fe", [])],
)
def test_ipv4_lost_is_no_internet_where_the_name_servers_need_it(server: str, found: list[str]) -> None:
    world = World(lambda address, port: DROP if "." in address else None)
    host = network(world, files={"/etc/resolv.conf": f"nameserver {server}\n"})
    assert failed(run(check_egress, host)) == found


def test_no_internet_names_the_link_that_is_down() -> None:
    def without_routes(query: Exec) -> ExecReply:
        link = '[{"ifname":"eth0","flags":["BROADCAST"],"operstate":"DOWN"}]'
        return ExecReply(code=0, out=link if query.argv[-1] == "addr" else "[]") if query.argv[0] == "ip" else ip(query)

    host = network(World(lambda address, port: NO_ROUTE), commands=without_routes)
    (one,) = of(run(check_egress, host), "egress.internet")
    assert one.summary.endswith("this host has no IPv4 default route, and eth0 is down")


def test_relay_on_a_private_address_needs_no_internet() -> None:
    found = run(check_egress, network(World(lambda address, port: DROP), {"relayhost": "[10.1.2.3]:25"}))
    assert failed(found) == []


def test_blocked_submission_port_has_the_open_ones_listed() -> None:
    world = World(lambda address, port: DROP if port in (25, 465, 587) else None)
    found = run(check_egress, network(world, RELAY))
    assert mail_port(found).data["kind"] == "blocked"
    open_ports = {o.data["port"] for o in of(found, "egress.endpoint") if o.data["open"]}
    assert 2525 in open_ports
    assert not open_ports & {465, 587}


def test_networks_off_is_unknown_not_blocked() -> None:
    host = network(World())
    host.by_kind = {kind: answer for kind, answer in host.by_kind.items() if kind.__name__ not in ("Dial", "Lookup")}
    found = run(check_egress, host)
    assert failed(found) == []
    assert {o.status for o in found} == {Status.UNKNOWN}


def test_servers_that_connect_and_never_speak() -> None:
    world = World()
    normal = world.dial
    world.dial = lambda query: (  # type: ignore[method-assign]
        DialReply(attempts=normal(query).attempts, address=query.host, stage="banner", error="timed out")
        if query.port == 25
        else normal(query)
    )
    assert mail_port(run(check_egress, network(world))).data["kind"] == "silent"


def test_source_address_without_answers() -> None:
    """Only from the address that Postfix is told to use: no network's policy."""
    bound = {"smtp_bind_address": "192.168.1.10", "smtp_bind_address_enforce": "yes"}

    class Unrouted(World):
        def dial(self, query: Dial) -> DialReply:
            self.stop = lambda address, port: DROP if query.bind else None
            return super().dial(query)

    found = run(check_egress, network(Unrouted(), bound))
    assert (mail_port(found).data["kind"], mail_port(found).data["address"]) == ("source", "192.168.1.10")
    assert [o.data["parameter"] for o in of(found, "host.interface")] == ["smtp_bind_address"]
    blocked = run(check_egress, network(World(lambda address, port: DROP if port == 25 else None), bound))
    assert mail_port(blocked).data["kind"] == "blocked"
    assert not of(blocked, "host.interface")

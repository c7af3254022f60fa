"""The check of this host's own packet filter and routes."""

import json

import pytest

from checks.network.firewall import check_firewall
from checks.network.routes import check_routes
from diagnose.check import Exec
from diagnose.host.query import ExecReply
from diagnose.model import Status
from tests.checks.pretended_network import ALTERED, ANSWERED, DROP, KEPT, OWN, SENT, World, address_of, ip, network
from tests.checks.pretended_postfix import failed, of, run

RELAY = {"relayhost": "[smtp.example.org]:587"}
PASSWD = {"/etc/passwd": "root:x:0:0::/root:/bin/sh\npostfix:x:102:109::/var/spool/postfix:/usr/sbin/nologin\n"}


def ruleset(*rules: str) -> str:
    body = "\n".join(f"  {rule}" for rule in rules)
    return (
        f"table inet filter {{\n chain out {{\n  type filter hook output priority 0; policy accept;\n{body}\n }}\n}}\n"
    )


def with_rules(*rules: str) -> object:
    def answer(query: Exec) -> ExecReply:
        if query.argv[0] == "nft":
            return ExecReply(code=0, out=ruleset(*rules))
        return ip(query)

    return answer


def test_no_rules() -> None:
    found = run(check_firewall, network(World(), files=PASSWD))
    assert {o.status for o in found} == {Status.OK}


def test_dropped_port() -> None:
    found = run(check_firewall, network(World(), files=PASSWD, commands=with_rules("tcp dport 25 drop")))
    (one,) = of(found, "firewall.smtp")
    assert (one.status, one.data["by_user"], one.data["action"]) == (Status.FAILED, False, "drop")


def test_rule_about_another_port_or_another_relay() -> None:
    rules = with_rules("tcp dport 25 drop", "ip daddr 203.0.113.0/24 drop")
    assert failed(run(check_firewall, network(World(), RELAY, files=PASSWD, commands=rules))) == []


def test_only_the_relay_is_let_out() -> None:
    rules = with_rules(f"ip daddr {address_of('smtp.example.org')} tcp dport 587 accept", "tcp dport 1-65535 drop")
    assert failed(run(check_firewall, network(World(), RELAY, files=PASSWD, commands=rules))) == []


def test_only_root_is_let_out() -> None:
    rules = with_rules("tcp dport 25 meta skuid 0 accept", "tcp dport 25 reject")
    (one,) = of(run(check_firewall, network(World(), files=PASSWD, commands=rules)), "firewall.smtp")
    assert (one.status, one.data["by_user"]) == (Status.FAILED, True)


def forbidden(query: Exec) -> ExecReply:
    return ExecReply(code=1, err="Operation not permitted") if query.argv[0] == "nft" else ip(query)


def test_without_root_it_is_unknown() -> None:
    found = run(check_firewall, network(World(), files=PASSWD, commands=forbidden, root=False))
    assert [o.status for o in of(found, "firewall.smtp")] == [Status.UNKNOWN]
    assert failed(found) == []


def test_blackhole_route_over_the_relay() -> None:
    routes = [{"dst": "default", "gateway": "192.168.1.1", "dev": "eth0"}, {"type": "blackhole", "dst": "45.76.0.0/16"}]

    def answer(query: Exec) -> ExecReply:
        if query.argv[-1] == "route" and "-4" in query.argv:
            return ExecReply(code=0, out=json.dumps(routes))
        return ip(query)

    host = network(World(), RELAY, files=PASSWD, commands=answer)
    (one,) = run(check_routes, host)
    assert (one.status, one.data["fix"]) == (
        Status.FAILED,
        "To remove it until the next reload: ip route del blackhole 45.76.0.0/16",
    )


def test_rule_about_the_user_postfix() -> None:
    rules = [{"priority": 9, "action": "prohibit", "dport": 25, "uid_start": 102, "uid_end": 102}]

    def answer(query: Exec) -> ExecReply:
        return ExecReply(code=0, out=json.dumps(rules)) if query.argv[-1] == "rule" else ip(query)

    assert failed(run(check_routes, network(World(), files=PASSWD, commands=answer))) == ["firewall.route"]
    assert failed(run(check_routes, network(World(), RELAY, files=PASSWD, commands=answer))) == []


def test_private_relay_behind_a_drop_of_foreign_mail() -> None:
    rules = with_rules("ip daddr 10.0.0.0/8 accept", "tcp dport { 25, 465, 587 } drop")
    found = run(check_firewall, network(World(), {"relayhost": "[10.1.2.3]:25"}, files=PASSWD, commands=rules))
    assert failed(found) == []


def relay_meets(stop: tuple[str, ...]) -> World:
    return World(lambda address, port: stop if port == 587 else None)


def test_a_rule_that_is_not_understood_is_named_where_packets_do_not_leave() -> None:
    rules = with_rules("tcp dport 25-600 meta mark != 0x1 limit rate over 5/hour drop")
    (one,) = of(run(check_firewall, network(relay_meets(KEPT), RELAY, files=PASSWD, commands=rules)), "firewall.smtp")
    assert (one.status, one.data["wire"]) == (Status.FAILED, "kept")
    assert "limit rate over 5/hour" in str(one.data["rule"])


def test_packets_that_do_not_leave_without_any_rule() -> None:
    (one,) = of(run(check_firewall, network(relay_meets(KEPT), RELAY, files=PASSWD)), "firewall.smtp")
    assert (one.status, one.data["by_user"]) == (Status.FAILED, False)


def test_answers_that_the_input_hook_drops() -> None:
    address = address_of("smtp.example.org")
    text = f"table inet f2b-table {{\n set addr {{\n  type ipv4_addr\n  elements = {{ 192.0.2.1, {address} timeout 1h }}\n }}\n"
    text += " chain f2b-chain {\n  type filter hook input priority filter - 1; policy accept;\n  ip saddr @addr drop\n }\n}\n"

    def answer(query: Exec) -> ExecReply:
        return ExecReply(code=0, out=text) if query.argv[0] == "nft" else ip(query)

    (one,) = of(
        run(check_firewall, network(relay_meets(ANSWERED), RELAY, files=PASSWD, commands=answer)), "firewall.smtp"
    )
    assert (one.status, one.data["owner"], one.data["rule"]) == (Status.FAILED, "fail2ban", "ip saddr @addr drop")


def test_answers_to_untracked_packets_name_the_rule_that_untracks_them() -> None:
    rules = with_rules("tcp dport 587 notrack")
    host = network(relay_meets(ANSWERED), RELAY, files=PASSWD, commands=rules)
    (one,) = of(run(check_firewall, host), "firewall.smtp")
    assert (one.status, "tcp dport 587 notrack" in one.summary) == (Status.FAILED, True)


def test_a_rule_that_changes_packets_is_named_with_an_accept_before_it() -> None:
    rules = with_rules("ip daddr 192.0.2.0/24 snat ip to 10.0.0.9\n tcp dport 587 snat ip to 10.0.0.9")
    host = network(relay_meets(ALTERED), RELAY, files=PASSWD, commands=rules)
    (one,) = of(run(check_firewall, host), "firewall.smtp")
    assert (one.status, one.data["rule"]) == (Status.FAILED, "tcp dport 587 snat ip to 10.0.0.9")
    assert str(one.data["fix"]).endswith("tcp dport 587 accept")


def test_packets_that_leave_are_stopped_by_no_rule_whatever_it_says() -> None:
    rules = with_rules("tcp dport 587 meta mark != 0x1 drop")
    (one,) = of(run(check_firewall, network(relay_meets(SENT), RELAY, files=PASSWD, commands=rules)), "firewall.smtp")
    assert one.status is Status.OK


def test_without_the_wire_a_rule_that_is_not_understood_is_never_none() -> None:
    for match in (
        "meta mark != 0x1",
        "limit rate over 1/hour",
        'meta hour "00:00"-"23:59"',
        'socket cgroupv2 level 1 "x"',
    ):
        rules = with_rules(f"tcp dport 587 {match} drop")
        (one,) = of(
            run(check_firewall, network(relay_meets(DROP), RELAY, files=PASSWD, commands=rules)), "firewall.smtp"
        )
        assert one.status is Status.WARNING, match


@pytest.mark.parametrize("relay", [address_of("smtp.example.org"), "224.0.0.9"])
def test_a_route_of_its_own_to_a_gateway_that_is_gone(relay: str) -> None:
    network_of_it = relay.rpartition(".")[0] + ".0/24"
    gone = {"gateway": "192.168.1.77", "dev": "eth0"}
    routes = [{"dst": "default", "gateway": "192.168.1.1", "dev": "eth0"}, {"dst": network_of_it, **gone}]

    def answer(query: Exec) -> ExecReply:
        if query.argv[3:5] == ("route", "get"):
            way = gone if query.argv[5] == relay else {"gateway": "192.168.1.1", "dev": "eth0"}
            return ExecReply(code=0, out=json.dumps([{"dst": query.argv[5], **way}]))
        return ExecReply(code=0, out=json.dumps(routes)) if query.argv[-1] == "route" else ip(query)

    silent = ("EHOSTUNREACH", "3/1", "192.168.1.10")
    world = World(lambda address, port: silent if address == relay else None)
    host = network(world, {"relayhost": f"[{relay}]:587"}, files=PASSWD, commands=answer)
    found = run(check_routes, host)
    if relay == "224.0.0.9":  # a group's address, as DNS may give it: no route leads to a server there
        assert [o.status for o in found] == [Status.OK]
        return
    assert [(o.status, o.data["kind"]) for o in found] == [(Status.FAILED, "route")]
    assert f"ip route del {network_of_it} via 192.168.1.77 dev eth0" in str(found[0].data["fix"])


@pytest.mark.parametrize(
    ("table", "found"), [("unreachable", [(Status.FAILED, "ip rule del priority 500")]), ("unicast", [(Status.OK, "")])]
)
def test_a_mark_that_leads_to_a_table_that_refuses(table: str, found: list[tuple[Status, str]]) -> None:
    usual = {"dst": "default", "gateway": "192.168.1.1", "dev": "eth0"}

    def answer(query: Exec) -> ExecReply:
        if query.argv[-1] == "rule":
            return ExecReply(code=0, out='[{"priority":500,"src":"all","fwmark":"0x2a","table":"42"}]')
        if "table" in query.argv:
            return ExecReply(code=0, out=json.dumps([usual | {"type": table}]))
        if "get" in query.argv:
            return ExecReply(code=0, out=json.dumps([usual | {"dst": query.argv[5]}]))
        return ip(query)

    kept = World(lambda address, port: KEPT if port == 587 else None)
    relay = f"[{address_of('smtp.example.org')}]:587"
    seen = run(check_routes, network(kept, {"relayhost": relay}, files=PASSWD, commands=answer))
    assert [(o.status, str(o.data.get("fix", "")).rpartition(": ")[2]) for o in seen] == found


@pytest.mark.parametrize(
    ("relay", "own", "by_device", "fix"),
    [
        pytest.param(
            "172.17.5.2", ("br0", "172.17.0.1", 16), True, "add 172.17.5.2 via 192.168.1.1 dev eth0", id="bridge"
        ),
        pytest.param("172.17.5.2", ("br0", "172.17.0.1", 16), False, "", id="dead neighbour"),
        pytest.param("192.99.14.6", ("eth0", OWN, 8), False, "add 192.99.14.6 via 192.168.1.1 dev eth0", id="netmask"),
        pytest.param("192.168.1.7", ("eth0", OWN, 24), False, "", id="dead host of the LAN"),
        pytest.param("85.214.1.7", ("eth0", "85.214.1.9", 24), False, "", id="dead public neighbour"),
    ],
)
def test_an_own_network_that_covers_the_relay(relay: str, own: tuple[str, str, int], by_device: bool, fix: str) -> None:
    device, address, prefix = own
    info = {"family": "inet", "local": address, "prefixlen": prefix}

    def answer(query: Exec) -> ExecReply:
        if query.argv[3:5] == ("route", "get"):
            way = {"dev": device} if query.argv[5] == relay else {"gateway": "192.168.1.1", "dev": "eth0"}
            return ExecReply(code=0, out=json.dumps([{"dst": query.argv[5], **way}]))
        if query.argv[-1] == "addr":
            return ExecReply(code=0, out=json.dumps([{"ifname": device, "addr_info": [info]}]))
        return ip(query)

    world = World(lambda a, port: ("EHOSTUNREACH", "3/1", OWN) if a == relay else None, by_device=by_device)
    (one,) = run(check_routes, network(world, {"relayhost": f"[{relay}]:587"}, files=PASSWD, commands=answer))
    assert (one.status is Status.FAILED) == bool(fix)
    assert str(one.data.get("fix", "")).endswith(fix)


def test_a_rule_about_the_control_group_of_postfix() -> None:
    relay = address_of("smtp.example.org")
    rules = with_rules('socket cgroupv2 level 2 "system.slice/postfix.service" tcp dport 587 drop')
    log = (
        f"Nov 22 13:00:01 app postfix/smtp[4]: 4D2C1A5F33: to=<u@c.example>, relay=none, delay=31, delays=0/0/31/0, "
        f"dsn=4.4.1,"
        f" status=deferred (connect to {relay}[{relay}]:587: Connection timed out)",
    )
    settings = {"relayhost": f"[{relay}]:587"}
    (one,) = of(run(check_firewall, network(World(), settings, files=PASSWD, commands=rules, log=log)), "firewall.smtp")
    assert (one.status, one.data["by_user"]) == (Status.FAILED, True)
    (one,) = of(run(check_firewall, network(World(), settings, files=PASSWD, commands=rules)), "firewall.smtp")
    assert one.status is Status.OK
    # An ordinary user reads no rules, and its own connection is not Postfix's.
    host = network(World(), settings, files=PASSWD, log=log, root=False, commands=forbidden)
    assert [o.status for o in of(run(check_firewall, host), "firewall.smtp")] == [Status.UNKNOWN]

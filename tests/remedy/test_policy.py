"""Plans that undo a choice of somebody: a masked unit, a name in the hosts file, the program that PHP hands its mail to."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from diagnose.check import Dial, Exec, Glob, Lookup
from diagnose.host.query import DialReply, DnsReply, ExecReply, GlobReply, StatReply
from diagnose.remedy.steps import FileStep, RepairLine
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_own_settings import planned

UNIT = "/etc/systemd/system/opendkim.service"
THERE = StatReply(exists=True, kind="file", mode=0o755, owner="root")


@pytest.mark.parametrize("masked", [True, False])
def test_a_masked_unit_is_unmasked_before_its_start(masked: bool) -> None:
    stats = {
        "/run/systemd/system": THERE,
        UNIT: StatReply(exists=True, kind="file", real="/dev/null" if masked else UNIT),
    }
    files = {"/etc/opendkim.conf": "Socket inet:8891@localhost\n"}
    on = pretended.machine({"smtpd_milters": "inet:localhost:8891"}, files=files, stats=stats)
    plan = planned("milter-down", "filter.milter", on, endpoint="inet:localhost:8891", parameter="smtpd_milters")
    unmask = ["systemctl unmask opendkim.service"] if masked else []
    assert list(plan.commands()[: len(unmask) + 1]) == [*unmask, "systemctl restart -- opendkim"]
    assert {step.allow for step in plan.steps[: len(unmask) + 1]} == {"service"}


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("192.0.2.1 relay.test", "#192.0.2.1 relay.test"),
        ("192.0.2.1\trelay.test  mail-out # old", "192.0.2.1  mail-out # old"),
        ("192.0.2.1 relay.test.lan Relay.test#", "192.0.2.1 relay.test.lan#"),
    ],
)
def test_the_hosts_file_keeps_the_other_names_of_a_relay_s_line(line: str, left: str) -> None:
    explicit = {"relayhost": "[relay.test]:587", "smtp_host_lookup": "native"}
    more = {
        Lookup("relay.test", "A"): DnsReply(rcode="NOERROR", answers=("192.0.2.9",)),
        Dial(host="192.0.2.9", port=587, say="connect"): DialReply(address="192.0.2.9"),
    }
    on = pretended.machine(explicit, files={"/etc/hosts": f"127.0.0.1 localhost\n{line}\n"}, more=more)
    plan = planned("relay-unreachable", "relay.reachable", on)
    assert [(step.put, step.allow) for step in plan.steps if isinstance(step, RepairLine)] == [(left, "route")]


@pytest.mark.parametrize("mailer", [True, False])
@pytest.mark.parametrize("line", ["sendmail_path = /opt/catch -t", 'php_admin_value[sendmail_path]="/opt/catch -t"'])
def test_php_hands_its_mail_to_this_host_s_mailer_if_it_has_one(line: str, mailer: bool) -> None:
    path = "/etc/php/8.2/fpm/php.ini"
    on = pretended.machine({}, files={path: f"[PHP]\n{line}\n"}, stats={"/usr/sbin/sendmail": THERE} if mailer else {})
    plan = planned("app-config-invalid", "app.sendmail-path", on, path=path, line=2, parameter="sendmail_path")
    changed = [line.replace(step.find, step.put) for step in plan.steps if isinstance(step, RepairLine)]
    assert changed == ([line.replace("/opt/catch -t", "/usr/sbin/sendmail -t -i")] if mailer else [])
    assert {step.allow for step in plan.steps} <= {"route"}


@pytest.mark.parametrize(
    ("kind", "text", "left"),
    [
        ("silent", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "nameserver 192.0.2.9\n"),
        ("differ", "nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "nameserver 192.0.2.2\n"),
        (
            "silent",
            "# x\nnamserver 192.0.2.2\r\n NAMESERVER: '192.0.2.1'\n",
            "nameserver 192.0.2.2\nNAMESERVER: '192.0.2.1'\n",
        ),
        ("slow", "nameserver 192.0.2.2\noptions timeout:1 rotate\n", "nameserver 192.0.2.2\noptions rotate\n"),
    ],
)
def test_name_servers_that_answer_stay_and_the_network_s_own_come_first(kind: str, text: str, left: str) -> None:
    path, lease = "/etc/resolv.conf", "/var/lib/dhcp/dhclient.eth0.leases"
    more: dict[Any, Any] = {Glob("/var/lib/dhcp/dhclient*.leases"): GlobReply(paths=(lease,))}
    for server, name in itertools.product(
        ("192.0.2.2", "192.0.2.9"), (("gmail-smtp-in.l.google.com", "A"), ("b.test", "MX"))
    ):
        more[Lookup(*name, server, 2.0)] = DnsReply(rcode="NOERROR", answers=("10 mx.b.test",))
    files = {path: text, lease: "  option domain-name-servers 192.0.2.9, 192.0.2.1;\n"}
    plan = planned("resolver-failing", "dns.resolver", pretended.machine({}, files=files, more=more), kind=kind)
    after = text.encode()
    for step in plan.steps:
        after = step.edit(after) if isinstance(step, FileStep) and step.path == path else after
    lines = [" ".join(line.split()) for line in after.decode().splitlines() if not line.startswith("#")]
    assert "\n".join(lines) + "\n" == left


@pytest.mark.parametrize(
    ("rules", "accepts"),
    [
        ("meta skuid 104 drop", ["udp", "tcp"]),
        ("udp dport 53 reject", ["udp"]),
        ("tcp dport { 25, 587 } drop", []),
    ],
)
def test_rules_that_stop_this_host_s_queries_get_an_accept_before_them(rules: str, accepts: list[str]) -> None:
    out = f"table inet t {{\n chain c {{\n  type filter hook output priority 0; policy accept;\n  {rules}\n }}\n}}\n"
    files = {"/etc/resolv.conf": "nameserver 192.0.2.1\n", "/etc/passwd": "postfix:x:104:109::/x:/y\n"}
    on = pretended.machine({}, files=files, more={Exec(("nft", "list", "ruleset")): ExecReply(code=0, out=out)})
    steps = [step for step in planned("resolver-failing", "dns.resolver", on).steps if step.allow]
    wanted = [f"nft insert rule inet t c meta skuid postfix {proto} dport 53 accept" for proto in accepts]
    assert [(step.allow, *step.commands()) for step in steps] == [("firewall", each) for each in wanted]


@pytest.mark.parametrize(
    ("directive", "bars"),
    [
        ("LimitAS=16M", True),
        ("LimitAS=4G", False),
        ("LimitNOFILE=32", True),
        ("LimitNOFILE=1K", False),
        ("CapabilityBoundingSet=~CAP_SETUID CAP_KILL", True),
        ("CapabilityBoundingSet=~CAP_SYS_ADMIN", False),
    ],
)
def test_what_the_unit_takes_from_postfix_so_that_it_cannot_start_is_lifted(directive: str, bars: bool) -> None:
    unit = "/etc/systemd/system/postfix@-.service"
    stats = {"/run/systemd/system": THERE, unit: THERE, "/etc/systemd/system/postfix.service": THERE}
    on = pretended.machine({}, files={unit: f"[Service]\n{directive}\n"}, stats=stats)
    plan = planned("postfix-not-running", "postfix.master", on)
    assert [step.put for step in plan.steps if isinstance(step, RepairLine)] == ([f"#{directive}"] if bars else [])

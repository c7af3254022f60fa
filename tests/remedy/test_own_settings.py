"""Plans for an application's settings, the firewalls' managers, routes and delays: each step, and what undoes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from diagnose.check import Dial, Exec, Glob, Listeners, Lookup
from diagnose.facts.filtered import Found, opening
from diagnose.host.query import DialReply, DnsReply, ExecReply, GlobReply, Listener, ListenersReply, StatReply
from diagnose.knowledge.causes import by_id
from diagnose.model import Confidence, Diagnosis, HostInfo, Observation, Outcome, Remedy, Run, Scalar, SignSpec, Status
from diagnose.parse.system.packet import Packet, Verdict
from diagnose.remedy import Plan
from diagnose.remedy.edits import Changed
from diagnose.remedy.make import make
from diagnose.remedy.properties import InsertLine, SetProperty
from diagnose.remedy.running import Command
from diagnose.remedy.steps import Refused, RepairLine
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_plans import context


def planned(cause_id: str, sign: str, on: Any, **data: Scalar) -> Plan:
    return planned_of(
        cause_id, Observation(sign=sign, status=Status.FAILED, subject="it", summary="it is wrong", data=data), on
    )


def planned_of(cause_id: str, seen: Observation, on: Any) -> Plan:
    cause = by_id(cause_id)
    run = Run(check="c", outcome=Outcome.COMPLETED, observations=(seen,), signs=(SignSpec(seen.sign),))
    found = Diagnosis(
        cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy), data=seen.data
    )
    return make(context(on), [found], [run], HostInfo()).get(cause_id, Plan())


SHOP = "# mail\nmail.smtp.host = smtp.relay.test \nexport mail.smtp.port: 465\nmail.smtp.port=25\r\nlast=1"


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(("key", "value"), [("mail.smtp.host", "a/b"), ("mail.smtp.ssl.enable", "true"), ("last", "2")])
def test_a_property_set_by_hand_is_as_the_step_sets_it(key: str, value: str, shell: str, tmp_path: Path) -> None:
    path = tmp_path / "it's.properties"
    path.write_bytes(SHOP.encode())
    step = SetProperty(path=str(path), key=key, value=value, why="x")
    wanted = step.edit(SHOP.encode())
    for _ in range(2):
        subprocess.run([shutil.which(shell) or "sh", "-c", "\n".join(step.commands())], check=True)
        assert path.read_bytes().rstrip(b"\n") == wanted.rstrip(b"\n")


def test_the_last_line_of_a_property_counts_and_keeps_its_end() -> None:
    step = SetProperty(path="/x.properties", key="mail.smtp.port", value="587", why="x")
    assert step.edit(SHOP.encode()).endswith(b"mail.smtp.port=587\r\nlast=1")
    with pytest.raises(Changed):
        step.edit(b"mail.smtp.port=25\\\nmore\n")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mail.smtp.ssl.checkserveridentity", "false"),
        ("mail.smtp.ssl.trust", "*"),
        ("mail.smtp.starttls.required", "false"),
        ("MAIL_PASSWORD", "x"),
        ("a", "b\nc"),
        ("a b", "c"),
        ("a", "$(id)"),
    ],
)
def test_a_property_that_weakens_or_is_code_cannot_be_set(key: str, value: str) -> None:
    with pytest.raises(Refused):
        SetProperty(path="/x.properties", key=key, value=value, why="x")


def test_an_applications_port_and_tls_are_set_together() -> None:
    path = "/srv/shop/mail.properties"
    host = pretended.machine(files={path: "mail.smtp.port=465\n"})
    setting = "mail.smtp.port=587; mail.smtp.starttls.enable=true"
    plan = planned("app-tls-mismatch", "app.tls", host, path=path, setting=setting, product="")
    assert [(step.key, step.value) for step in plan.steps if isinstance(step, SetProperty)] == [
        ("mail.smtp.port", "587"),
        ("mail.smtp.starttls.enable", "true"),
    ]
    assert plan.steps
    assert not any(step.allow for step in plan.steps)
    theirs = planned("app-tls-mismatch", "app.tls", host, path=path, setting=setting, product="codenvy by puppet")
    assert not theirs.steps, "Puppet would take it back"


def test_an_application_takes_another_port_of_its_own_server_before_a_relay_for_postfix_is_named() -> None:
    path, open_ = "/srv/shop/mail.properties", "587 (starttls)"
    host = pretended.machine(files={path: "mail.smtp.port=465\n"})
    setting = "mail.smtp.port=587; mail.smtp.starttls.enable=true"
    data: dict[str, Scalar] = {"host": "mail.test", "path": path, "setting": setting, "product": "", "works": open_}
    plan = planned("egress-submission-blocked", "app.server", host, answers=True, **data)
    assert [step.value for step in plan.steps if isinstance(step, SetProperty)] == ["587", "true"]
    assert plan.text.startswith(f"mail.test answers on {open_}. Set in {path}: {setting}.")
    assert not planned("egress-submission-blocked", "app.server", host, answers=False, **data).text


def test_a_line_below_another_by_hand_is_as_the_step_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "it's.yml"
    text = b"a:\n  port: 465\n  user: me\nb:\n  ssl: true\n"
    path.write_bytes(text)
    step = InsertLine(path=str(path), line=2, above="  port: 465", text="  ssl: true", why="x")
    for _ in range(2):
        subprocess.run(["sh", "-c", "\n".join(step.commands())], check=True)
        assert path.read_bytes() == step.edit(text) == step.edit(step.edit(text))
    with pytest.raises(Changed):
        InsertLine(path=str(path), line=1, above="  port: 465", text="  ssl: true", why="x").edit(text)


def test_the_clients_certificate_gets_its_own_key_or_none_where_a_login_does() -> None:
    def public(path: str) -> tuple[Exec, Exec]:
        return (
            Exec(("openssl", "x509", "-noout", "-pubkey", "-in", path)),
            Exec(("openssl", "pkey", "-pubout", "-in", path, "-passin", "pass:")),
        )

    names = {"smtp_tls_cert_file": "/t/a.pem", "smtp_tls_key_file": "/t/b.key"}
    neither = ["postconf -X smtp_tls_cert_file", "postconf -X smtp_tls_key_file"]
    for last, login, set_ in (
        ("A", "no", ["postconf -e 'smtp_tls_key_file = /t/a.key'"]),
        ("C", "no", []),
        ("C", "yes", neither),
    ):
        halves = {"/t/a.pem": "A", "/t/b.key": "B", "/t/a.key": last}
        answers: dict[Any, Any] = {Glob("/t/*"): GlobReply(paths=("/t/a.key", "/t/a.pem", "/t/b.key"))}
        for path, half in halves.items():
            certificate, key = public(path)
            answers[certificate] = ExecReply(code=0, out=half if path.endswith(".pem") else "")
            answers[key] = ExecReply(code=0, out="" if path.endswith(".pem") else half)
        on = pretended.machine(names | {"smtp_sasl_auth_enable": login}, more=answers)
        plan = planned("postfix-config-error", "tls.key", on, kind="mismatch", parameter="smtp_tls_key_file")
        assert [command for step in plan.steps[: len(set_)] for command in step.commands()] == set_


@pytest.mark.parametrize("text", ["password: x", "  tls.verify: false", "tls_certcheck off", "nosetting", "a: b\nc: d"])
def test_no_line_is_put_below_that_weakens_or_is_none(text: str) -> None:
    with pytest.raises(Refused):
        InsertLine(path="/x.yml", line=1, above="a: b", text=text, why="x")


def test_csf_is_told_of_postfix_in_its_own_file() -> None:
    conf = 'SMTP_BLOCK = "1"\nSMTP_ALLOWUSER = "cpanel"\n'
    host = pretended.machine(files={"/etc/csf/csf.conf": conf})
    plan = planned("local-firewall-blocks-smtp", "firewall.smtp", host, port=25, owner="csf", rule="r", fix="To let: x")
    edit, again = plan.steps[:2]
    assert 'SMTP_ALLOWUSER = "cpanel,postfix"' in edit.commands()[0]
    assert again.commands() == ("csf -r",)
    assert {step.allow for step in plan.steps} == {"firewall"}
    assert isinstance(again, Command)
    assert again.reverted().after == (("csf", "-r"),)


@pytest.mark.parametrize(
    ("chain", "add"),
    [
        ("filter_OUT_policy_nomail_deny", "--policy=nomail"),
        ("filter_OUTPUT", "--direct"),
    ],
)
def test_firewalld_gets_the_accept_where_its_rule_stands(chain: str, add: str) -> None:
    verdict = Verdict(action="drop", rule="tcp dport 25 drop", table="inet firewalld", chain=chain, owner="firewalld")
    fix = opening(context(pretended.machine()), 25, Found(Packet(port=25, family=4), "nftables", verdict))
    host = pretended.machine()
    plan = planned("local-firewall-blocks-smtp", "firewall.smtp", host, port=25, owner="firewalld", rule="r", fix=fix)
    (step,) = plan.steps
    assert step.allow == "firewall"
    (argv,) = step.argvs()  # type: ignore[attr-defined]
    assert argv[0] == "firewall-cmd"
    assert add in argv
    assert not any("remove" in word for word in argv)
    (undo,) = step.reverted().commands
    assert any(word.startswith("--remove-") for word in undo)


def test_a_route_is_taken_out_by_name_and_put_back_as_it_was() -> None:
    listing = "default via 192.0.2.1 dev eth0\nblackhole 198.51.100.0/24 metric 7 linkdown\n"
    host = pretended.machine(more={Exec(("ip", "route")): ExecReply(code=0, out=listing)})
    fix = "To remove it until the next reload: ip route del blackhole 198.51.100.0/24"
    plan = planned("local-firewall-blocks-smtp", "firewall.route", host, port=25, rule="r", fix=fix)
    (step,) = plan.steps
    assert (step.allow, step.commands()) == ("route", ("ip route del blackhole 198.51.100.0/24",))
    assert step.reverted().commands == (tuple("ip route add blackhole 198.51.100.0/24 metric 7".split()),)
    past = "To lead past it until the next reload: ip route add 172.17.5.20 via 192.0.2.1 dev eth0"
    (step,) = planned("local-firewall-blocks-smtp", "firewall.route", host, port=25, rule="r", fix=past).steps
    assert step.reverted().commands == (tuple("ip route del 172.17.5.20 via 192.0.2.1 dev eth0".split()),)
    words = planned("local-firewall-blocks-smtp", "firewall.route", host, port=25, fix="To: ip rule show, and del it")
    assert not words.steps, "words are no command"


def test_a_delay_is_taken_away_as_policy() -> None:
    own = f"{pretended.MASTER}\nbulk unix - - y - 2 smtp -o smtp_destination_rate_delay=1s\n"
    host = pretended.machine({"smtp_destination_rate_delay": "1h"}, master=own)
    plan = planned(
        "delivery-throttled-by-settings",
        "config.throttle",
        host,
        parameter="smtp_destination_rate_delay",
        value="1h",
        kind="delay",
    )
    assert plan.steps[0].commands() == ("postconf -X smtp_destination_rate_delay",)
    assert plan.steps[0].allow == "route"


@pytest.mark.parametrize(
    ("start", "command", "undone"),
    [
        ("systemctl restart shop-queue.service", "systemctl restart -- shop-queue.service", ("stop",)),
        ("systemctl start shop-queue.timer", "systemctl restart -- shop-queue.timer", ("stop",)),
        ("systemctl enable --now q@1.service", "systemctl enable --now -- q@1.service", ("disable", "--now")),
    ],
)
def test_a_workers_unit_is_started_where_that_is_allowed(start: str, command: str, undone: tuple[str, ...]) -> None:
    plan = planned("app-worker-not-running", "app.worker", pretended.machine(), start=start, seen="stopped")
    [step] = plan.steps
    assert step.commands() == (command,)
    assert step.allow == "service"
    assert step.reverted().commands == (("systemctl", *undone, "--", step.commands()[0].split()[-1]),)


@pytest.mark.parametrize("start", ["supervisorctl restart 'q:*'", "systemctl start -x", "systemctl start a b", ""])
def test_a_worker_without_a_unit_is_left_to_who_runs_it(start: str) -> None:
    plan = planned("app-worker-not-running", "app.worker", pretended.machine(), start=start, seen="stopped")
    assert not plan.steps


def test_a_relay_that_no_hosts_file_names_is_not_dialled_for_the_plan() -> None:
    """A silent port takes seconds, for which the report would wait."""
    tried: list[Dial] = []

    def dialled(query: Dial) -> DialReply:
        tried.append(query)
        return DialReply()

    known = {Lookup: lambda _: DnsReply(answers=("192.0.2.1",), rcode="NOERROR"), Dial: dialled}
    host = pretended.machine({"relayhost": "[smtp.relay.test]:587"}, by_kind=known)
    cause = by_id("egress-submission-blocked")
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy))
    make(context(host), [found], [], HostInfo())
    assert not tried


@pytest.mark.parametrize(
    ("rule", "value", "found"),
    [
        (r"/^(.*)@.*\.test$/ $1@other.example", "user@other.example", True),
        (r"/@/ dev@own.example", "dev@own.example", True),
        (r"/^(.*)@.*\.test$/ ${1}@else.example", "user@other.example", False),
        (r"/^(.*)@elsewhere\.test$/ $2@other.example", "user@other.example", False),
        (r"/^(/ x@other.example", "x@other.example", False),
    ],
)
def test_the_line_of_a_pattern_that_redirects_is_taken_out(rule: str, value: str, found: bool) -> None:
    files = {"/etc/postfix/rc": f"# by hand\n{rule}\n"}
    host = pretended.machine({"recipient_canonical_maps": "regexp:/etc/postfix/rc"}, files=files)
    data: dict[str, Scalar] = {"table": "regexp:/etc/postfix/rc", "key": "user@some.test", "value": value}
    steps = planned("recipient-rewritten", "config.rewritten", host, **data).steps
    assert [step.line for step in steps if isinstance(step, RepairLine)] == ([2] if found else [])


@pytest.mark.parametrize(
    ("written", "found"), [("static:test@gone.test", True), ("static:test@gone.test hash:/etc/x", False)]
)
def test_a_table_without_a_file_that_redirects_everybody_loses_its_setting(written: str, found: bool) -> None:
    host = pretended.machine({"recipient_canonical_maps": written})
    data: dict[str, Scalar] = {"table": "static:test@gone.test", "key": "user@some.test", "value": "test@gone.test"}
    plan = planned("recipient-rewritten", "config.rewritten", host, parameter="recipient_canonical_maps", **data)
    assert bool(plan.steps) is found


@pytest.mark.parametrize(("cert", "key"), [("/t/a.key", "/t/a.pem"), ("/t/gone.pem", "/t/a.key")])
def test_a_clients_certificate_that_is_named_wrongly_is_found_beside_its_key(cert: str, key: str) -> None:
    answers: dict[Any, Any] = {
        Glob("/t/*"): GlobReply(paths=("/t/a.key", "/t/a.pem", "/t/z.key")),
        Exec(("openssl", "x509", "-noout", "-pubkey", "-in", "/t/a.pem")): ExecReply(code=0, out="A"),
        Exec(("openssl", "pkey", "-pubout", "-in", "/t/a.key", "-passin", "pass:")): ExecReply(code=0, out="A"),
    }
    on = pretended.machine({"smtp_tls_cert_file": cert, "smtp_tls_key_file": key}, more=answers)
    plan = planned("postfix-config-error", "tls.key", on, kind="missing", parameter="smtp_tls_cert_file", path=cert)
    set_ = [c for step in plan.steps for c in step.commands() if c.startswith("postconf")]
    wanted = ["postconf -e 'smtp_tls_cert_file = /t/a.pem'"]
    assert set_ == wanted + (["postconf -e 'smtp_tls_key_file = /t/a.key'"] if key != "/t/a.key" else [])


@pytest.mark.parametrize("deadly", [True, False])
def test_a_value_that_a_daemon_died_of_is_set_right_though_it_is_only_a_warning(deadly: bool) -> None:
    limits = {"mailbox_size_limit": "5", "message_size_limit": "9"}
    host = pretended.machine(limits, files={"/etc/postfix/main.cf": "mailbox_size_limit = 5\nmessage_size_limit = 9\n"})
    data: dict[str, Scalar] = {"parameter": "mailbox_size_limit", "value": "5", "expected": "message_size_limit"}
    warned = Observation(sign="config.value", status=Status.WARNING, subject="it", summary="is low", data=data)
    died = Observation(sign="config.fatal", status=Status.FAILED, subject="local", summary="ended", data=data)
    cause = by_id("postfix-config-error")
    run = Run(check="c", outcome=Outcome.COMPLETED, observations=(warned, died) if deadly else (warned,), signs=())
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy), data=data)
    plan = make(context(host), [found], [run], HostInfo()).get(cause.id, Plan())
    commands = [command for step in plan.steps for command in step.commands()]
    assert ("postconf -e 'mailbox_size_limit = 9'" in commands) is deadly


@pytest.mark.parametrize("broken", [True, False])
def test_a_damaged_table_of_some_mail_is_built_anew(broken: bool) -> None:
    """Aliases stop this host's own users alone, which is a warning; so are the words of a table that opens."""
    text = StatReply(exists=True, kind="file", mode=0o644)
    host = pretended.machine(files={"/etc/aliases": "root: ops\n"}, stats={"/etc/aliases": text})
    data: dict[str, Scalar] = {"type": "hash", "path": "/etc/aliases", "parameter": "alias_maps", "broken": broken}
    seen = Observation(sign="table.works", status=Status.WARNING, subject="it", summary="it is wrong", data=data)
    plan = planned_of("lookup-table-broken", seen, host)
    assert ("postalias hash:/etc/aliases" in [c for step in plan.steps for c in step.commands()]) is broken


@pytest.mark.parametrize(("limit", "dropped"), [("900000000", True), ("90000000", False)])
def test_a_largest_message_that_no_disk_here_holds_is_taken_back(limit: str, dropped: bool) -> None:
    host = pretended.machine(
        {"message_size_limit": limit}, files={"/etc/postfix/main.cf": f"message_size_limit = {limit}\n"}
    )
    plan = planned("disk-full", "disk.space", host, free=1_100_000_000, need=1_350_000_000, path="/var/spool/postfix")
    assert [c for step in plan.steps[:1] for c in step.commands()] == (
        ["postconf -X message_size_limit"] if dropped else []
    )


@pytest.mark.parametrize("script", [True, False])
def test_a_milter_is_started_by_its_script_where_no_manager_runs(script: bool) -> None:
    there = {"/etc/init.d/opendkim": StatReply(exists=True, kind="file", mode=0o755)} if script else {}
    files = {"/etc/opendkim.conf": "Socket inet:8891@localhost\n"}
    host = pretended.machine({"smtpd_milters": "inet:localhost:8891"}, files=files, stats=there)
    data: dict[str, Scalar] = {"endpoint": "inet:localhost:8891", "parameter": "smtpd_milters"}
    steps = planned("milter-down", "filter.milter", host, **data).steps
    assert [c for step in steps[:1] for c in step.commands()] == (["service opendkim start"] if script else [])
    assert [step.allow for step in steps[:1]] == (["service"] if script else [])
    assert all(step.reverted().commands == (("service", "opendkim", "stop"),) for step in steps[:1])


@pytest.mark.parametrize("socket", ["inet:8892@127.0.0.1", "inet:8892", "inet:@PORT@"])
def test_a_milter_that_moved_is_followed_if_its_settings_name_an_open_port(socket: str) -> None:
    commands = ["postconf -e 'smtpd_milters = inet:localhost:8892'"] * ("8892" in socket)
    there = ListenersReply(listeners=(Listener(address="127.0.0.1", port=8892, pid=7, process="opendkim"),))
    files = {"/etc/opendkim.conf": f"Socket {socket}\n"}
    host = pretended.machine({"smtpd_milters": "inet:localhost:8891"}, files=files, more={Listeners(): there})
    data: dict[str, Scalar] = {"endpoint": "inet:localhost:8891", "parameter": "smtpd_milters"}
    steps = planned("milter-down", "filter.milter", host, **data).steps
    assert [c for step in steps[:1] for c in step.commands()] == commands


def test_the_key_of_a_milter_that_others_may_read_is_closed_before_it_is_started() -> None:
    stats = {
        "/etc/init.d/opendkim": StatReply(exists=True, kind="file", mode=0o755),
        "/etc/k": StatReply(exists=True, kind="file", mode=0o644),
    }
    files = {"/etc/opendkim.conf": "Socket inet:8891@localhost\nKeyFile /etc/k\n"}
    host = pretended.machine({"smtpd_milters": "inet:localhost:8891"}, files=files, stats=stats)
    data: dict[str, Scalar] = {"endpoint": "inet:localhost:8891", "parameter": "smtpd_milters"}
    steps = planned("milter-down", "filter.milter", host, **data).steps
    assert [c for step in steps for c in step.commands()][:2] == ["chmod 0600 -- /etc/k", "service opendkim start"]


def test_a_limit_on_clients_that_holds_for_own_programs_is_named_and_left_to_a_person() -> None:
    spared = "smtpd_client_event_limit_exceptions"
    settings = {spared: "192.0.2.1", "smtpd_client_message_rate_limit": "5"}
    host = pretended.machine(settings, files={"/etc/postfix/main.cf": f"{spared} = 192.0.2.1\n"})
    said = "Message delivery request rate limit exceeded: 6 from localhost[127.0.0.1] for service smtp"
    plan = planned("submission-rejected", "config.submission-refused", host, text=said)
    assert not plan.steps
    assert "smtpd_client_message_rate_limit = 5" in plan.text


def test_the_service_that_postscreen_hands_clients_on_to_is_put_back() -> None:
    plan = planned("smtp-listener-broken", "listener.dialogue", pretended.machine(), kind="pass")
    assert [c for step in plan.steps[:1] for c in step.commands()] == [
        "postconf -M 'smtpd/pass=smtpd pass - - y - - smtpd'"
    ]


def test_loopback_of_ipv6_that_mynetworks_lacks_is_named_and_left_to_a_person() -> None:
    said = "454 4.7.1 <user@some.test>: Relay access denied"
    host = pretended.machine({"mynetworks": "127.0.0.0/8"})
    plan = planned("submission-rejected", "config.submission-refused", host, text=said, client="::1")
    assert not plan.steps
    assert "127.0.0.0/8" in plan.text


@pytest.mark.parametrize("process", ["stunnel4", ""])
def test_a_tunnel_of_this_host_is_not_replaced_by_another_relay(process: str) -> None:
    there = (Listener(address="127.0.0.1", port=2525, pid=7, process=process),) if process else ()
    host = pretended.machine({"relayhost": "[127.0.0.1]:2525"}, more={Listeners(): ListenersReply(listeners=there)})
    plan = planned("relay-unreachable", "relay.port", host, host="127.0.0.1", port=2525)
    assert not plan.steps
    assert ("stunnel4 (PID 7) listens" if process else "Nothing listens") in plan.text

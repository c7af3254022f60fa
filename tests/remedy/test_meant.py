"""What was meant: a value, a line of master.cf; and what a plan shows of an application's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.check import Exec, Glob, Lookup
from diagnose.host.query import DnsReply, ExecReply, GlobReply, StatReply
from diagnose.model import Scalar
from diagnose.remedy import values
from diagnose.remedy.plan import Plan
from diagnose.remedy.properties import SetProperty
from diagnose.remedy.proposal import propose
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_own_settings import planned

MASTER = "/etc/postfix/master.cf"


@pytest.mark.parametrize(
    ("written", "meant"), [("ture", "yes"), ("yse", "yes"), ("flase", "no"), ("on", "yes"), ("maybe", None)]
)
def test_a_misspelt_boolean(written: str, meant: str | None) -> None:
    assert values.value("smtp_sasl_auth_enable", written, "boolean", {"smtp_sasl_auth_enable": "no"}) == meant


@pytest.mark.parametrize(
    ("line", "put"),
    [
        ("smtp unix - - y - l0 smtp -o x=y", "smtp unix - - y - - smtp -o x=y"),
        ("slow unxi - - Y - - smtp", "slow unix - - - - - smtp"),
        ("-o syslog_name=postfix/slow", "  -o syslog_name=postfix/slow"),
    ],
)
def test_a_line_of_master_cf_keeps_all_that_is_right_in_it(line: str, put: str) -> None:
    files = {MASTER: f"{pretended.MASTER}tail unix - - y - - smtp\n{line}\n"}
    number = files[MASTER].count("\n")
    on = pretended.machine({}, files=files)
    plan = planned("postfix-config-error", "config.syntax", on, path=MASTER, line=number, kind="bad-number")
    assert [(getattr(step, "find", ""), getattr(step, "put", "")) for step in plan.steps[:1]] == [(line, put)]


OWN = StatReply(exists=True, kind="file", mode=0o644, owner="root", mtime=1, size=99)


@pytest.mark.parametrize(
    ("beside", "has", "command"),
    [
        ("slow unix - - y - 5 smtp\n  -o a=b\n", "", "postconf -M 'slow/unix=slow unix - - y - 5 smtp -o a=b'"),
        ("", "slwo unix - - y - 5 smtp\n", "postconf -e 'default_transport = slwo'"),
        ("", "", "postconf -X default_transport"),
    ],
)
def test_a_lost_service_is_in_an_earlier_copy_or_misspelt_or_else_its_setting_goes_if_allowed(
    beside: str, has: str, command: str
) -> None:
    copy, master = f"{MASTER}.bak", f"{pretended.MASTER}{has}"
    on = pretended.machine(
        {"default_transport": "slow"}, master=master, files={MASTER: master, copy: f"{pretended.MASTER}{beside}"},
        stats={copy: OWN}, more={Glob(f"{MASTER}?*"): GlobReply(paths=(f"{MASTER}.proto", copy))},
    )  # fmt: skip
    plan = planned("smtp-transport-missing", "postfix.transport", on, service="slow")
    assert plan.steps[0].commands() == (command,)
    assert bool(plan.steps[0].allow) is ("-X" in command)


def test_a_lost_main_cf_comes_back_from_its_newest_copy_if_allowed() -> None:
    path, copies = "/etc/postfix/main.cf", ("/etc/postfix/main.cf.bak", "/etc/postfix/main.cf.save")
    stats = {copies[0]: OWN, copies[1]: replace(OWN, mtime=2)}
    on = pretended.machine({}, files={path: ""}, stats=stats, more={Glob(f"{path}?*"): GlobReply(paths=copies)})
    steps = planned("postfix-config-error", "config.syntax", on, path=path, kind="empty").steps
    assert steps[0].commands() == (f"cp -pL -- {copies[1]} {path}",)
    assert steps[0].allow == "route"


def test_an_earlier_copy_that_others_may_write_is_not_read() -> None:
    copy = f"{MASTER}.bak"
    more = {Glob(f"{MASTER}?*"): GlobReply(paths=(copy,))}
    for stat in (replace(OWN, mode=0o666), replace(OWN, owner="www-data")):
        on = pretended.machine(
            {"default_transport": "slow"}, files={copy: "slow unix - - y - 5 smtp\n"}, stats={copy: stat}, more=more
        )
        plan = planned("smtp-transport-missing", "postfix.transport", on, service="slow")
        assert plan.steps[0].commands() == ("postconf -X default_transport",)


def test_a_milter_outside_the_chroot_is_reached_from_outside_if_allowed() -> None:
    socket, master = "/run/opendkim/s", "cleanup unix n - y - 0 cleanup\nother unix n - y - - pipe\n"
    stats = {socket: StatReply(exists=True, kind="socket")}
    on = pretended.machine({"smtpd_milters": f"unix:{socket}"}, master=master, files={MASTER: master}, stats=stats)
    data = {"endpoint": f"unix:{socket}", "parameter": "smtpd_milters", "kind": "missing"}
    steps = planned("milter-down", "filter.milter", on, **data).steps
    assert [(getattr(s, "put", ""), s.allow) for s in steps[:1]] == [("cleanup unix n - n", "service")]
    assert sum(bool(getattr(s, "put", "")) for s in steps) == 1


@pytest.mark.parametrize(
    ("owner", "mode", "joins"), [("dkim", 0o770, True), ("dkim", 0o750, False), ("root", 0o770, False)]
)
def test_postfix_joins_the_group_that_a_milter_s_socket_is_for_if_allowed(owner: str, mode: int, joins: bool) -> None:
    path = "/var/spool/postfix/dkim/socket"
    socket = StatReply(exists=True, kind="socket", owner=owner, group=owner, mode=mode)
    stats = {path: socket, "/var/spool/postfix/dkim": replace(socket, kind="dir", mode=0o750)}
    seen = {"endpoint": "unix:/dkim/socket", "path": path, "error": "EACCES", "parameter": "smtpd_milters"}
    plan = planned("milter-down", "filter.milter", pretended.machine({"mail_owner": "postfix"}, stats=stats), **seen)
    assert [(step.commands(), step.allow) for step in plan.steps[:1]] == [
        (("usermod -aG dkim postfix",), "account")
    ] * joins


@pytest.mark.parametrize(
    ("group", "mode", "says"),
    [
        ("root", 0o666, "chmod a+x /run/policy"),
        ("root", 0o660, "a group of its own"),
        ("mail", 0o600, "the group mail"),
    ],
)
def test_words_for_a_closed_socket_never_let_postfix_into_the_group_root(group: str, mode: int, says: str) -> None:
    path = "/run/policy/socket"
    socket = StatReply(exists=True, kind="socket", owner="root", group=group, mode=mode)
    stats = {path: socket, "/run/policy": replace(socket, kind="dir", mode=0o700)}
    seen = {"endpoint": f"unix:{path}", "path": path, "error": "EACCES", "parameter": "smtpd_recipient_restrictions"}
    plan = planned("content-filter-down", "filter.policy", pretended.machine(stats=stats), **seen)
    assert not plan.steps
    assert says in plan.text


@pytest.mark.parametrize("socket", ["/var/spool/postfix/private/auth", "/var/spool/postfix/private/dovecot-lmtp"])
def test_a_backend_is_started_by_whatever_starts_it_if_allowed(socket: str) -> None:
    text = "  unix_listener /run/dovecot/other {\n  unix_listener /var/spool/postfix/private/auth {\n"
    files = {"/etc/dovecot/conf.d/10-master.conf": f"{text}  unix_listener {socket} {{\n"}
    on = pretended.machine(files=files, stats={"/etc/init.d/dovecot": OWN})
    seen = {"endpoint": f"unix:{socket.removeprefix('/var/spool/postfix/')}", "kind": "missing"}
    plan = planned("backend-down", "filter.backend", on, **seen)
    assert [(step.commands(), step.allow) for step in plan.steps] == [(("service dovecot start",), "service")]


@pytest.mark.parametrize(
    ("cause", "sign", "seen"),
    [
        ("content-filter-down", "filter.policy", {"endpoint": "inet:127.0.0.1:8461"}),
        (
            "lookup-table-broken",
            "table.works",
            {"type": "socketmap", "table": "socketmap:inet:127.0.0.1:8461:x", "port": 8461},
        ),
    ],
)
@pytest.mark.parametrize(("script", "found"), [("LocalPort => 8461", True), ("sleep 8461", False)])
def test_the_enabled_unit_whose_program_names_the_port_is_started_if_allowed(
    cause: str, sign: str, seen: dict[str, Scalar], script: str, found: bool
) -> None:
    wanted, run = "/etc/systemd/system/multi-user.target.wants/sts.service", "/usr/local/sbin/sts"
    files = {wanted: f"[Service]\nExecStart={run} -d\n", run: f"#!/usr/bin/perl\n{script}\n"}
    stats = {"/run/systemd/system": OWN, "/lib/systemd/system/sts.service": OWN}
    units = {Glob("/etc/systemd/system/*.target.wants/*.service"): GlobReply(paths=(wanted,))}
    on = pretended.machine(files=files, stats=stats, more=units)
    started = [(step.commands(), step.allow) for step in planned(cause, sign, on, parameter="x", **seen).steps[:1]]
    assert started == [(("systemctl restart -- sts",), "service")] * found


@pytest.mark.parametrize(
    ("code", "rebuilt"), [("error 18 at 0 depth lookup: self-signed certificate", True), ("", False)]
)
def test_a_ca_that_its_owner_put_there_is_taken_into_the_bundle(code: str, rebuilt: bool) -> None:
    bundle, own = "/etc/ssl/certs/ca-certificates.crt", "/usr/local/share/ca-certificates/ours.crt"
    answers = {
        Glob("/usr/local/share/ca-certificates/*.crt"): GlobReply(paths=(own,)),
        Exec(("openssl", "verify", "-no-CApath", "-CAfile", bundle, own)): ExecReply(code=2 if code else 0, err=code),
    }
    stats = {bundle: OWN, "/usr/sbin/update-ca-certificates": OWN}
    settings = {"relayhost": "[relay.test]:587", "smtp_tls_CAfile": bundle}
    plan = planned(
        "relay-certificate-invalid",
        "relay.certificate",
        pretended.machine(settings, stats=stats, more=answers),
        why="unknown-ca",
    )
    assert [step.commands() for step in plan.steps[:1]] == [("update-ca-certificates",)] * rebuilt


def test_proxymap_may_open_what_its_default_lets_it() -> None:
    settings = {"transport_maps": "proxy:hash:/etc/postfix/transport", "proxy_read_maps": "$virtual_alias_maps"}
    usual = {Exec(("postconf", "-d")): ExecReply(code=0, out="proxy_read_maps = $virtual_alias_maps $transport_maps\n")}
    plan = planned("lookup-table-broken", "table.works", pretended.machine(settings, more=usual))
    assert plan.steps[0].commands() == ("postconf -e 'proxy_read_maps = $virtual_alias_maps $transport_maps'",)


@pytest.mark.parametrize(
    ("value", "command"),
    [
        ("hash:/etc/postfix/virtual, mysql:/etc/postfix/sql.cf", "postconf -e 'virtual_alias_maps = hash:/etc/postfix/virtual'"),
        ("mysql:/etc/postfix/sql.cf", "postconf -X virtual_alias_maps"),
    ],
)  # fmt: skip
def test_a_table_whose_type_and_file_are_gone_is_taken_out_if_allowed(value: str, command: str) -> None:
    seen = {"type": "mysql", "path": "/etc/postfix/sql.cf", "parameter": "virtual_alias_maps"}
    plan = planned(
        "lookup-table-unsupported", "table.supported", pretended.machine({"virtual_alias_maps": value}), **seen
    )
    assert plan.steps[0].commands() == (command,)
    assert plan.steps[0].allow == "route"


@pytest.mark.parametrize(
    ("places", "better"),
    [
        (("/etc/postfix/maps",), "/etc/postfix/maps"),
        (("/etc/postfix/own/maps", "/etc/postfix/own/maps.db"), "/etc/postfix/own/maps"),
        (("/etc/postfix/maps", "/etc/postfix/own/maps"), "/etc/postfix/maps"),  # the more similar
        (("/etc/a/maps", "/etc/b/maps"), ""),
    ],
)
def test_a_table_is_looked_for_where_a_slip_or_a_move_left_it(places: tuple[str, ...], better: str) -> None:
    wrong = "/etc/postifx/maps"
    on = pretended.machine(
        {"transport_maps": f"hash:{wrong}"}, stats={"/etc": replace(OWN, kind="dir")},
        more={Glob("/etc/*/maps"): GlobReply(paths=places)},
    )  # fmt: skip
    seen = {"type": "hash", "path": wrong, "parameter": "transport_maps"}
    first, *_ = planned("lookup-table-broken", "table.present", on, **seen).steps
    wanted = f"postconf -e 'transport_maps = hash:{better}'" if better else "mkdir -p -m 0755 -- /etc/postifx"
    assert first.commands() == (wanted,)


@pytest.mark.parametrize("parameter", ["virtual_mailbox_domains", "virtual_alias_domains"])
def test_a_domain_of_another_host_leaves_the_table_of_own_domains(parameter: str) -> None:
    path = "/etc/postfix/vdomains"
    # Without a setting of its own, virtual_alias_domains is $virtual_alias_maps.
    setting = parameter.replace("alias_domains", "alias_maps")
    usual = {Exec(("postconf", "-d")): ExecReply(code=0, out="virtual_alias_domains = $virtual_alias_maps\n")}
    on = pretended.machine({setting: f"hash:{path}"}, files={path: "a.test OK\nb.test OK\n"}, more=usual)
    seen = {"parameter": parameter, "domain": "b.test", "host": "mx.b.test"}
    plan = planned("recipient-domain-local", "config.recipient-local", on, **seen)
    commands = [command for step in plan.steps for command in step.commands()]
    assert commands[:2] == [f"sed -i '2s/^b\\.test OK$/#b.test OK/' {path}", f"postmap hash:{path}"]


def test_no_login_of_an_application_is_shown_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    path.write_text("SMTP_LOGIN=someone\nSMTP_PASSWORD=hunter2-secret\nSMTP_PORT=465\n")
    shown = propose(Plan(steps=(SetProperty(path=str(path), key="SMTP_PORT", value="587", why="x"),))).diff
    assert "+SMTP_PORT=587" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("localhost:8891, unix:/run/a", ["postconf -e 'smtpd_milters = inet:localhost:8891, unix:/run/a'"]),
        ("inet:localhost:8891 { inet:[::1]:8892, connect_timeout=2s }", []),
    ],
)
def test_a_milter_s_address_gets_the_transport_that_it_lacks(written: str, command: list[str]) -> None:
    plan = planned("postfix-config-error", "config.fatal", pretended.machine({"smtpd_milters": written}))
    assert [c for step in plan.steps[:1] for c in step.commands()] == command


@pytest.mark.parametrize(
    ("written", "unfilled"),
    [
        ("[None]:587", True),
        ("null", True),
        ("[]:25", True),
        ("{{ relay }}", True),
        ("[<no value>]:587", True),
        ("[none.example.net]:587", False),
    ],
)
def test_a_relay_that_a_template_left_empty_is_the_only_one_with_a_login_or_is_named_as_such(
    written: str, unfilled: bool
) -> None:
    passwords = "/etc/postfix/sasl_passwd"
    explicit = {"relayhost": written, "smtp_sasl_password_maps": f"texthash:{passwords}"}
    for held, steps in ((), 0), (("[mx.test]:587",), 1), (("[mx.test]:587", "[my.test]:587"), 0):
        text = "".join(f'{key} "user:********"\n' for key in held)
        on = pretended.machine(explicit, files={passwords: text}, stats={passwords: OWN})
        plan = planned("relay-name-not-found", "relay.name", on, kind="nxdomain")
        put = [step.commands()[0] for step in plan.steps[:1]]
        assert put == (["postconf -e 'relayhost = [mx.test]:587'"] if steps and unfilled else [])
        assert ("template" in plan.text) == (unfilled and not put)


@pytest.mark.parametrize(
    ("explicit", "line", "command"),
    [
        ({"smtp_generic_maps": "texthash:/etc/postfix/t"}, "@app.example.net me@exmaple.net", "1s"),
        ({"sender_canonical_maps": "regexp:/etc/postfix/t"}, "/^(app|www)@/ $1@exmaple.net", "1s"),
        ({"masquerade_domains": "exmaple.net"}, "", "postconf -e 'masquerade_domains = example.net'"),
        ({"canonical_maps": "static:me@exmaple.net"}, "", "postconf -e 'canonical_maps = static:me@example.net'"),
        ({"smtp_generic_maps": "texthash:/etc/postfix/t"}, "@app.example.net me@a.test", ""),
        ({}, "", ""),
    ],
)
def test_the_place_that_makes_a_sender_of_no_domain_is_named_and_corrected_to_the_own_domain(
    explicit: dict[str, str], line: str, command: str
) -> None:
    answers = {Lookup("example.net", "MX"): DnsReply(rcode="NOERROR", answers=("10 mx.example.net",))}
    host = pretended.machine({"myorigin": "example.net", **explicit}, files={"/etc/postfix/t": line}, more=answers)
    sender = "me@a.test" if line.endswith("a.test") else "me@exmaple.net"
    plan = planned("sender-domain-not-found", "identity.sender-domain", host, sender=sender)
    assert command in (plan.commands() or ("",))[0]
    assert bool(plan.steps) is bool(command)
    assert all(name in plan.text for name in explicit)
    assert ("postsuper -r" in plan.text) is (bool(command) and "smtp_generic_maps" not in explicit)


@pytest.mark.parametrize(
    ("parameter", "text", "place"),
    [
        ("alias_maps", "# root: it@gone.test\npostmaster: root\nroot:it@gone.test\n", "root in {} line 3 ({})"),
        ("alias_maps", 'ops: a@b.test,\n  "it@gone.test"\n', "ops in {} line 2 ({})"),
        ("virtual_alias_maps", "shop@a.test me@a.test, IT@gone.test\n", "shop@a.test in {} line 1 ({})"),
        ("sender_bcc_maps", "@old.test it@gone.test\n", "@old.test in {} line 1 ({})"),
        ("virtual_alias_maps", "it@gone.test me@a.test\nx@a.test kit@gone.test\n", ""),
    ],
)
def test_the_entry_that_leads_to_a_domain_that_is_gone_is_named(parameter: str, text: str, place: str) -> None:
    path = "/etc/postfix/t"
    host = pretended.machine({parameter: f"hash:{path}"}, files={path: text})
    plan = planned("recipient-domain-not-found", "dns.recipient-domain", host, recipient="it@gone.test")
    made = "newaliases" if parameter == "alias_maps" else f"postmap hash:{path}"
    assert (plan.text.startswith(place.format(path, parameter)), f"then run {made}" in plan.text) == (True, bool(place))

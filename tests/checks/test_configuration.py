"""The check of values, names and syntax in main.cf and master.cf."""

import pytest

from checks.postfix.configuration import configuration
from diagnose.host.query import Glob, GlobReply, StatReply
from diagnose.knowledge.causes import all_causes
from diagnose.model import Outcome, Run, Status
from diagnose.rank import rank
from diagnose.statement import ok
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run


def test_ordinary_settings() -> None:
    found = run(configuration, machine({"relayhost": "[smtp.example.com]:587", "smtp_use_tls": "yes"}))
    assert failed(found) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_sasl_auth_enable", "ja"),
        ("message_size_limit", "25M"),
        ("smtp_tls_security_level", "on"),
        ("smtp_connect_timeout", "fast"),
        ("message_size_limit", "-1"),
        ("smtpd_sasl_type", "saslauthd"),
        ("smtpd_relay_restrictions", "permit_mynetwork, reject_unauth_destination"),
        ("smtpd_client_restrictions", "permit_mynetworks; check_client_access cidr:/x"),
    ],
)
def test_value_that_ends_the_daemon(name: str, value: str) -> None:
    found = of(run(configuration, machine({name: value})), "config.value")
    assert found[0].status is Status.FAILED
    assert (found[0].data["parameter"], found[0].data["line"]) == (name, 1)


@pytest.mark.parametrize(("size", "lost"), [(99, True), (0, False)])
def test_a_main_cf_that_sets_nothing_is_lost_if_a_copy_stands_beside(size: int, lost: bool) -> None:
    path, copy = "/etc/postfix/main.cf", "/etc/postfix/main.cf.save"
    stat = StatReply(exists=True, kind="file", mode=0o644, owner="root", size=size)
    on = machine(
        {}, files={path: "# see postconf(5)\n"}, stats={copy: stat}, more={Glob(f"{path}?*"): GlobReply(paths=(copy,))}
    )
    assert failed(run(configuration, on)) == ["config.syntax"] * lost


def test_without_the_hosts_own_name_nothing_starts() -> None:
    found = of(run(configuration, machine({"myhostname": '"app.example.net"'})), "config.value")
    assert [o.data["everything"] for o in found] == [True]


def test_value_for_smtpd_alone_is_not_everybodys() -> None:
    found = of(run(configuration, machine({"smtpd_sasl_auth_enable": "maybe"})), "config.value")
    assert found[0].data["everything"] is False


def test_a_mailbox_that_holds_less_than_a_message() -> None:
    """local(8) dies of it; where the mail leaves this host that is a note."""
    settings = {"mailbox_size_limit": "10000000", "message_size_limit": "52428800", "mydestination": "a.example.net"}
    for recipient, status in (("root@a.example.net", Status.FAILED), ("user@example.org", Status.WARNING)):
        found = of(run(configuration, machine(settings), recipient), "config.value")
        assert [(o.status, o.data["parameter"]) for o in found] == [(status, "mailbox_size_limit")]
    assert failed(run(configuration, machine({**settings, "mailbox_size_limit": "0"}), "root@a.example.net")) == []


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("/etc/postfix/main.cf, line 29: missing '=' after attribute name: \"smtp_tls_loglevel 1\"", ("main.cf", 29)),
        ("file /etc/postfix/master.cf: line 139: bad field count", ("master.cf", 139)),
    ],
)
def test_a_file_that_postconf_refuses_is_named_with_its_line_however_it_says_so(
    said: str, where: tuple[str, int]
) -> None:
    found = of(run(configuration, machine(complaints=f"postconf: fatal: {said}\n")), "config.syntax")[0]
    assert (found.status, found.data["line"]) == (Status.FAILED, where[1])
    assert found.data["path"] == f"/etc/postfix/{where[0]}"


def test_a_reference_without_its_end_is_named_without_its_value() -> None:
    host = machine(
        {"smtp_sasl_password_maps": "static:me:${pass"}, complaints="postconf: fatal: macro processing error\n"
    )
    found = of(run(configuration, host), "config.syntax")[0]
    assert "smtp_sasl_password_maps" in found.summary
    assert "me:" not in found.summary


def test_two_settings_in_one_line() -> None:
    host = machine({"relayhost": "[smtp.example.com]:587 smtp_sasl_auth_enable = yes"})
    assert [o.subject for o in of(run(configuration, host), "config.value")] == ["relayhost"]


def test_broken_master_cf() -> None:
    assert "config.syntax" in failed(run(configuration, machine(master=MASTER + "submission inet n - y -\n")))


def test_misspelt_parameter_that_matters() -> None:
    said = "postconf: warning: /etc/postfix/main.cf: unused parameter: smtp_sasl_auth_enabled=yes\n"
    found = of(run(configuration, machine(complaints=said)), "config.unknown-parameter")
    assert (found[0].status, found[0].data["parameter"]) == (Status.FAILED, "smtp_sasl_auth_enable")


def test_private_parameter_and_one_set_rightly_elsewhere_are_notes() -> None:
    said = "postconf: warning: /etc/postfix/main.cf: unused parameter: our_site_name=x\n"
    said += "postconf: warning: /etc/postfix/main.cf: unused parameter: smtp_sasl_auth_enabled=yes\n"
    assert failed(run(configuration, machine({"smtp_sasl_auth_enable": "yes"}, complaints=said))) == []


def test_same_setting_twice_is_a_note() -> None:
    text = {"/etc/postfix/main.cf": "relayhost = [a.example.com]\nrelayhost = [b.example.com]\n"}
    found = of(run(configuration, machine({"relayhost": "[b.example.com]"}, files=text)), "config.duplicate")
    assert [o.status for o in found] == [Status.WARNING]


def test_main_cf_that_users_cannot_read_whatever_other_mail_passes() -> None:
    there = StatReply(exists=True, kind="file", mode=0o644, real="/root/postfix/main.cf")
    for stats in (
        {"/etc/postfix/main.cf": StatReply(exists=True, kind="file", mode=0o600)},
        {"/etc/postfix/main.cf": there, "/root": StatReply(exists=True, kind="dir", mode=0o700)},
    ):
        (one,) = of(run(configuration, machine(stats=stats)), "config.readable")
        assert one.status is Status.FAILED
        passed = ok("mail.flow", "mail", "was accepted", recent=True, unchanged=True)
        runs = [Run(check="any", outcome=Outcome.COMPLETED, observations=(one, passed))]
        assert [d.cause.id for d in rank(all_causes(), runs)] == ["postfix-config-error"]


def test_a_port_at_which_no_exchanger_listens() -> None:
    for settings, found in (
        ({"smtp_tcp_port": "587"}, ["smtp_tcp_port"]),
        ({"smtp_tcp_port": "587", "relayhost": "[mail.isp.test]"}, []),
    ):
        seen = of(run(configuration, machine(settings)), "config.value")
        assert [o.subject for o in seen if o.status is Status.FAILED] == found


def test_an_indented_setting_below_a_value_that_it_breaks() -> None:
    for above, found in (("relayhost =", ["relayhost"]), ("mydestination = a.example.net", [])):
        text = f"{above}\n# more\n    smtp_tls_loglevel = 1\n"
        seen = of(run(configuration, machine(files={"/etc/postfix/main.cf": text})), "config.value")
        assert [o.subject for o in seen if o.status is Status.FAILED] == found


def test_a_stray_dollar() -> None:
    """Postfix takes it for a parameter's name, and warns of nothing."""

    def found(**settings: str) -> list[tuple[str, Status]]:
        seen = of(run(configuration, machine(settings)), "config.value")
        return [(o.subject, o.status) for o in seen if o.status is not Status.OK]

    assert found(relayhost="[mail.$mydomian]:587") == [("relayhost", Status.FAILED)]
    assert found(relayhost="[mail.$mydomain]:587") == []
    assert found(smtpd_sasl_local_domain="$realm") == [("smtpd_sasl_local_domain", Status.WARNING)]
    assert found(mailbox_command="/usr/bin/procmail -a $EXTENSION", my_price="5$$") == []

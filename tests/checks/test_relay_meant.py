"""The check for a relay that is meant and not used."""

from checks.postfix.relay_meant import relay_meant
from diagnose.check import Read
from diagnose.host.query import ReadReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run

TO = "user@example.org"
LOGIN = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "hash:/etc/postfix/sasl_passwd"}


def test_plain_direct_delivery_and_a_relay_in_use() -> None:
    assert failed(run(relay_meant, machine(), TO)) == []
    assert failed(run(relay_meant, machine({**LOGIN, "relayhost": "[smtp.example.com]:587"}), TO)) == []


def test_login_without_relayhost() -> None:
    assert of(run(relay_meant, machine(LOGIN), TO), "config.relay-meant")[0].data["kind"] == "map"


def test_password_file_alone() -> None:
    stats = {"/etc/postfix/sasl_passwd": StatReply(exists=True, kind="file", size=40)}
    assert of(run(relay_meant, machine(stats=stats), TO), "config.relay-meant")[0].data["kind"] == "file"


def test_this_very_host_as_the_relay() -> None:
    """Only where it is Postfix's own port: another program may answer at an address that Postfix does not listen on."""
    ports = "127.0.0.1:10026 inet n - y - - smtpd\n127.0.0.1:10027 inet n - y - - smtpd -o content_filter=scan:dummy\n"
    for hop, listens, wanted in (
        ("[127.0.0.1]", "loopback-only", ["config.relay-itself"]),
        ("[localhost]:25", "all", ["config.relay-itself"]),
        ("[192.0.2.5]", "192.0.2.5", ["config.relay-itself"]),
        ("[127.0.0.1]", "192.0.2.5", []),
        ("[127.0.0.1]:10025", "all", []),
        ("[127.0.0.1]:10026", "all", ["config.relay-itself"]),  # a port of its own smtpd
        ("[127.0.0.1]:10027", "all", []),  # one that sends on to a filter
        ("[192.0.2.9]", "192.0.2.5, 127.0.0.1", []),
    ):
        host = machine({"relayhost": hop, "inet_interfaces": listens}, master=MASTER + ports)
        assert failed(run(relay_meant, host, TO)) == wanted, (hop, listens)


def test_overridden_indented_and_misspelt() -> None:
    for text, complaint, kind in (
        ("relayhost = [smtp.example.com]:587\nrelayhost =\n", "", "overridden"),
        ("smtp_use_tls = yes\n  relayhost = [smtp.example.com]:587\n", "", "indented"),
        (
            "",
            "postconf: warning: /etc/postfix/main.cf: unused parameter: relay_host=[smtp.example.com]:587\n",
            "misspelt",
        ),
    ):
        host = machine(files={"/etc/postfix/main.cf": text}, complaints=complaint)
        assert of(run(relay_meant, host, TO), "config.relay-meant")[0].data["kind"] == kind


def test_port_that_the_password_map_knows_better() -> None:
    file = {
        Read: lambda q: (
            ReadReply(text="[smtp.example.com]:587 user:********\n") if "sasl" in q.path else ReadReply(text="")
        )
    }
    found = run(relay_meant, machine({**LOGIN, "relayhost": "[smtp.example.com]"}, by_kind=file), TO)
    assert of(found, "config.relay-port")[0].status is Status.FAILED
    without = run(relay_meant, machine({"relayhost": "[relay.example.com]"}), TO)
    assert of(without, "config.relay-port")[0].status is Status.WARNING


def test_mail_for_this_host_is_left_out() -> None:
    assert run(relay_meant, machine({"mydestination": "example.org", **LOGIN}), TO) == []

"""The check of master.cf's services."""

import re

from checks.postfix.services import services
from diagnose.host.memo import FakeHost
from diagnose.host.query import StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run


def without(name: str) -> str:
    return "".join(line + "\n" for line in MASTER.splitlines() if not line.startswith(f"{name} ") or " inet " in line)


def test_all_there() -> None:
    assert failed(run(services, machine(), "user@example.org")) == []


def test_smtp_commented_out() -> None:
    found = of(run(services, machine(master=without("smtp")), "user@example.org"), "postfix.transport")
    assert found[0].data["service"] == "smtp"
    assert failed(found) == ["postfix.transport"]


def test_transport_that_nobody_made() -> None:
    assert "postfix.transport" in failed(run(services, machine({"default_transport": "smarthost"}), "user@example.org"))


def test_content_filter_without_its_transport() -> None:
    host = machine({"content_filter": "smtp-amavis:[127.0.0.1]:10024"})
    assert "postfix.transport" in failed(run(services, host, "user@example.org"))


def test_service_switched_off() -> None:
    assert "postfix.transport" in failed(
        run(services, machine({"master_service_disable": "smtp.unix"}), "user@example.org")
    )


def test_null_client_without_smtpd_or_local_delivery_is_fine() -> None:
    master = "".join(line + "\n" for line in without("local").splitlines() if "smtpd" not in line)
    assert failed(run(services, machine({"mydestination": ""}, master=master), "user@example.org")) == []


def test_missing_queue_manager() -> None:
    assert failed(run(services, machine(master=without("qmgr")), "user@example.org")) == ["postfix.service"]


def test_a_program_that_is_not_there() -> None:
    """master.cf names a program that the daemon directory does not hold; the others are there."""
    place = "/usr/lib/postfix/sbin"
    commands = {line.split()[7] for line in MASTER.splitlines() if line[:1].strip() and len(line.split()) > 7}
    files = {place: StatReply(exists=True, kind="dir", mode=0o755)}
    files |= {f"{place}/{name}": StatReply(exists=True, kind="file", mode=0o755) for name in commands - {"smtp"}}
    found = of(run(services, machine(stats=files), "user@example.org"), "postfix.service")
    assert [o.data["service"] for o in found if o.status is Status.FAILED] == ["smtp"]


def test_a_delivery_service_that_runs_a_server() -> None:
    place = "/usr/lib/postfix/sbin"
    here = {place: StatReply(exists=True, kind="dir", mode=0o755)}
    wrong = re.sub(r"(?m)^(smtp\s+unix.*)smtp$", r"\1smtpd", MASTER)
    found = of(run(services, machine(master=wrong, stats=here), "user@example.org"), "postfix.service")
    lost = next(o for o in found if o.subject == "smtp")
    assert (lost.data["service"], lost.data["runs"], lost.data["wanted"]) == ("smtp", "smtpd", "smtp")


def lacking(host: FakeHost) -> list[str]:
    found = of(run(services, host, "user@example.org"), "postfix.service")
    return [o.subject for o in found if o.status is Status.FAILED]


def test_services_that_the_settings_need() -> None:
    """TLS needs tlsmgr, a proxy: table proxymap; without them neither is missed."""
    proxied = {"transport_maps": "proxy:hash:/etc/postfix/transport"}
    assert lacking(machine({"smtp_tls_security_level": "may"})) == ["tlsmgr"]
    assert lacking(machine(proxied)) == ["proxymap"]
    assert lacking(machine(master=MASTER + "tlsmgr unix - - y 1000? 1 tlsmgr\n")) == []


def test_a_socket_in_the_wrong_directory() -> None:
    def with_private(name: str, flag: str) -> FakeHost:
        return machine(master=re.sub(rf"^({name} +unix +)\S", rf"\g<1>{flag}", MASTER, flags=re.M))

    assert lacking(with_private("cleanup", "y")) == ["cleanup"]
    assert lacking(with_private("rewrite", "n")) == ["rewrite"]
    assert lacking(with_private("bounce", "y")) == []


def test_a_socket_that_the_log_misses() -> None:
    line = "Nov 25 12:00:00 app postfix/smtpd[7]: warning: connect to private/{}: No such file or directory"
    start = "Nov 25 12:00:01 app postfix/master[10]: daemon started -- version 3.7.11, configuration /etc/postfix"
    found = of(run(services, machine(log=(line.format("verify"),)), "user@example.org"), "postfix.service")
    assert [(o.subject, o.status) for o in found] == [("verify", Status.WARNING)]
    assert lacking(machine(log=(line.format("tlsmgr"),))) == ["tlsmgr"]
    assert lacking(machine(log=(line.format("tlsmgr"), start))) == []  # over since the start
    assert lacking(machine(log=(line.format("bounce"),))) == []  # master.cf has it
    public = MASTER + "proxymap unix n - n - - proxymap\n"
    assert lacking(machine(master=public, log=(line.format("proxymap"),))) == ["proxymap"]


def test_a_service_looked_for_under_another_name() -> None:
    assert lacking(machine({"rewrite_service_name": "trivial"})) == ["rewrite_service_name"]
    assert lacking(machine({"rewrite_service_name": "rewrite"})) == []


def test_a_line_that_cannot_be_read_is_no_missing_service() -> None:
    short = without("smtp") + "smtp unix - - y - -\n"
    found = of(run(services, machine(master=short), "user@example.org"), "postfix.transport")
    assert [(seen.subject, seen.status) for seen in found] == [("smtp", Status.UNKNOWN)]

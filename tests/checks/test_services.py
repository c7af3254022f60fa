"""The check of master.cf's services."""

from checks.postfix.services import services
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

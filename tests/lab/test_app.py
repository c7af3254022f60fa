"""`app test`: an application's settings, tried on a real server from where the application runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from .faults import every
from .internet.world import one_server
from .machine import CHECKOUT, SECRET, Machine
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
ENV = (
    "MAIL_MAILER=smtp\nMAIL_HOST=relay.rhein-mail.de\nMAIL_PORT=587\nMAIL_USERNAME=lab-user\n"
    f'MAIL_PASSWORD="{SECRET}"\nMAIL_FROM_ADDRESS=shop@brightwater-labs.com\n'
)
PLACE = "/srv/shop/.env"
URL = "smtp://lab-user@relay.rhein-mail.de:587"


@pytest.fixture(scope="module")
def machine(able: None) -> Iterator[Machine]:
    """Without Postfix' help: a server with a company CA stands beside those that are well."""
    world = one_server("smtp.rhein-mail.de", tls="unknown")
    with Machine(replace(every()["healthy-idle"], world=world, start=False, then=(), shows="")) as made:
        made.prepare()
        yield made


def asked(machine: Machine, text: str, *more: str) -> dict[str, object]:
    machine.write(PLACE, text)
    done = machine.diagnose("app", "test", PLACE, "--json", *more)
    assert SECRET not in done.stdout + done.stderr
    assert done.stdout, done.stderr
    assert SECRET not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}[report["status"]]
    return report  # type: ignore[no-any-return]


def test_settings_that_work(machine: Machine) -> None:
    report = asked(machine, ENV)
    said = report["dialogue"]
    assert isinstance(said, list)
    assert report["status"] == "ok"
    assert report["diagnoses"] == []
    for line in (
        "C: STARTTLS",
        "C: AUTH PLAIN ********",
        "C: MAIL FROM:<shop@brightwater-labs.com>",
        "C: RSET",
        "C: QUIT",
    ):
        assert line in said
    assert any(line.startswith("S: 235") for line in said)
    assert "accepts its login and the sender shop@brightwater-labs.com" in report["app"]["verdict"]  # type: ignore[index]


def test_a_message_is_sent_only_where_it_was_asked_for(machine: Machine) -> None:
    to = "app-test@northwind-trading.com"
    asked(machine, ENV)
    assert machine.received(to) == 0
    report = asked(machine, ENV, "--send-to", to)
    assert report["sent"]["accepted"] is True  # type: ignore[index]
    assert report["status"] == "ok"
    assert machine.received(to) == 1


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (ENV.replace(SECRET, "wrong-one-77"), "app-credentials-rejected"),
        (ENV.replace("587", "465").replace("MAIL_MAILER=smtp", "MAIL_SCHEME=smtp"), ""),
        (ENV.replace("relay.rhein-mail.de", "smtp.rhein-mail.de"), "app-certificate-untrusted"),
        (ENV.replace("587", "26"), "app-smtp-unreachable"),
    ],
)
def test_the_cause_is_that_of_run(machine: Machine, text: str, cause: str) -> None:
    """Laravel begins TLS at once on 465, whatever else it is told."""
    report = asked(machine, text)
    assert [d["cause"] for d in report["diagnoses"][:1]] == [cause] * bool(cause)  # type: ignore[index]


def test_a_server_of_this_host_that_never_greets_is_no_success(machine: Machine) -> None:
    listens = "import socket, time; s = socket.create_server(('127.0.0.1', 2587)); time.sleep(99)"
    machine.run("sh", "-c", f'setsid /usr/bin/python3 -c "{listens}" >/dev/null 2>&1 </dev/null & sleep 0.5')
    report = asked(machine, ENV.replace("587", "2587").replace("relay.rhein-mail.de", "127.0.0.1"))
    assert [d["cause"] for d in report["diagnoses"][:1]] == ["app-smtp-unreachable"]  # type: ignore[index]


def test_a_refused_login_is_not_tried_again_to_send(machine: Machine) -> None:
    report = asked(machine, ENV.replace(SECRET, "wrong-one-77"), "--send-to", "app-test@northwind-trading.com")
    assert "sent" not in report
    assert report["app"]["verdict"] == "The mail server rejects the application's login."  # type: ignore[index]


def test_mail_for_this_hosts_mailer_depends_on_that(machine: Machine) -> None:
    report = asked(machine, "MAIL_MAILER=sendmail\nMAIL_FROM_ADDRESS=shop@brightwater-labs.com\n")
    assert report["status"] == "failed"
    assert report["app"]["verdict"] == "Postfix is not running."  # type: ignore[index]


def test_a_url_with_the_password_from_standard_input(machine: Machine) -> None:
    for password, code in ((SECRET, 0), ("not-this-one-5", 2)):
        argv = ("app", "test", URL, "--secret-file", "-", "--from", "shop@brightwater-labs.com")
        done = machine.diagnose(*argv, stdin=f"{password}\n")
        assert done.returncode == code, done.stdout + done.stderr
        assert "C: AUTH" in done.stdout
        assert password not in done.stdout + done.stderr


def test_a_password_in_an_argument_is_refused_and_not_repeated(machine: Machine) -> None:
    done = machine.diagnose("app", "test", f"smtp://lab-user:{SECRET}@relay.rhein-mail.de:587")
    assert done.returncode == 3
    assert SECRET not in done.stdout + done.stderr
    assert "--secret-file" in done.stderr


def test_without_a_terminal_the_password_is_asked_for_by_its_option(machine: Machine) -> None:
    done = machine.diagnose("app", "test", URL)
    assert done.returncode == 3
    assert "--secret-file" in done.stderr


def test_an_unknown_format_is_not_judged(machine: Machine) -> None:
    machine.write("/srv/shop/notes.txt", "Remember the milk.\n")
    done = machine.diagnose("app", "test", "/srv/shop/notes.txt")
    assert done.returncode == 3
    assert done.stdout == "Could not tell: /srv/shop/notes.txt: not a format that this tool reads.\n"


def test_from_the_container_of_a_process(machine: Machine) -> None:
    """The host itself reaches none of these servers."""
    machine.write("/app/.env", ENV)
    argv = [sys.executable, "-m", "diagnose", "app", "test", "/app/.env", "--json", "--inside", str(machine.pid)]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["app"]["where"] == f"the container of process {machine.pid}"
    assert any(line.startswith("S: 235") for line in report["dialogue"])


def test_they_are_listed_and_tried_by_name(machine: Machine) -> None:
    machine.write("/var/www/portal/.env", ENV.replace("shop@", "portal@"))
    listed = machine.diagnose("app")
    assert all(len(line) <= 80 for line in listed.stdout.splitlines())
    assert re.search(r"^portal +Laravel - +relay\.rhein-mail\.de:587 +/var/www/portal/\.env$", listed.stdout, re.M)
    done = machine.diagnose("app", "test", "portal")
    assert done.returncode == 0, done.stdout
    assert "C: MAIL FROM:<portal@brightwater-labs.com>" in done.stdout
    assert SECRET not in listed.stdout + done.stdout
    unknown = machine.diagnose("app", "test", "portl")
    assert (unknown.returncode, "did you mean 'portal'?" in unknown.stderr) == (3, True)


def test_a_container_is_tried_from_its_own_network(machine: Machine) -> None:
    """In there is a loopback alone, though the host reaches the server."""
    machine._spawn(*machine.command(("unshare", "--net", "--mount", "sleep", "99.25")))
    machine.run("sh", "-c", "until pgrep -f '^sleep 99.25'; do sleep 0.1; done")
    pid = int(machine.run("pgrep", "-f", "^sleep 99.25").stdout.split()[0])
    variables = [
        "PATH=/bin",
        "SMTP_HOST=relay.rhein-mail.de",
        "SMTP_PORT=587",
        "SMTP_USER=lab-user",
        f"SMTP_PASSWORD={SECRET}",
    ]
    kept = {"State": {"Running": True, "Pid": pid}, "Name": "/desk-web-1", "Config": {"Env": variables}}
    machine.write("/var/lib/docker/containers/0a1b/config.v2.json", json.dumps(kept), 0o600)
    rows = json.loads(machine.diagnose("app", "--json").stdout)
    assert [(row["name"], row["container"], row["pid"]) for row in rows if row["container"]] == [
        ("desk-web-1", True, pid)
    ]
    done = machine.diagnose("app", "test", "desk-web-1", "--json")
    assert SECRET not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["app"]["where"] == f"the container of process {pid}"
    assert report["diagnoses"], done.stdout
    assert done.returncode == 2
    machine.run("rm", "-r", "/var/lib/docker/containers")


def test_on_a_shared_host_nobodys_password_is_tried(machine: Machine) -> None:
    """That of the only application that runs is, once."""
    machine.run("rm", "-rf", "/srv/shop", "/var/www/portal")
    for folder in ("one", "two"):
        machine.write(f"/srv/{folder}/.env", ENV.replace(SECRET, "wrong-one-77"))
    running = machine._spawn(*machine.command(("env", "-C", "/srv/one", "bash", "-c", "exec -a node sleep 98")))
    shared = json.loads(machine.diagnose("run", "--json").stdout)
    assert not [o for run in shared["runs"] for o in run["observations"] if o["sign"] == "app.login"]
    (told,) = [o for run in shared["runs"] for o in run["observations"] if o["sign"] == "app.found"]
    assert told["summary"] == "one by relay.rhein-mail.de:587; two by relay.rhein-mail.de:587"
    machine.run("rm", "-r", "/srv/two")
    alone = json.loads(machine.diagnose("run", "--json").stdout)
    running.kill()
    assert "app-credentials-rejected" in [d["cause"] for d in alone["diagnoses"]]

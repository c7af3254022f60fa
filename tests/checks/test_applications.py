"""Applications with mail settings are found where they usually are, and none's login is tried that was not meant."""

from __future__ import annotations

import json

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from checks.application.applications import applications
from diagnose.check import Settings
from diagnose.facts.applications import Installed, installed, sole
from diagnose.host.query import DialReply, Process
from diagnose.model import Status

from .pretended_application import Machine, usual

LARAVEL = (
    "MAIL_MAILER=smtp\nMAIL_HOST=smtp.gmail.com\nMAIL_PORT=587\nMAIL_USERNAME=shop\nMAIL_PASSWORD=Zq81-nbo-pw\n"
    "MAIL_FROM_ADDRESS=shop@example.net\n"
)
DJANGO = "EMAIL_HOST=localhost\nEMAIL_PORT=25\nDEFAULT_FROM_EMAIL=site@example.net\n"
UNIT = "[Service]\nExecStart=/opt/billing/run\nEnvironmentFile=-/etc/billing.env\n"
COMPOSE = (
    "services:\n  web:\n    image: shop\n    environment:\n      - SMTP_HOST=mail.example.net\n      - SMTP_PORT=587\n"
)
GRAFANA = "[smtp]\nenabled = true\nhost = smtp.gmail.com:587\nuser = g@example.net\npassword = Zq81-nbo-pw\n"


def process(pid: int, *command: str, here: bool = True) -> Process:
    return Process(pid=pid, parent=1, name=command[0].rpartition("/")[2], command=command, here=here)


GUNICORN = process(71, "/srv/site/venv/bin/python3", "/srv/site/venv/bin/gunicorn", "site.wsgi")
FPM = process(72, "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)")


def every(machine: Machine) -> dict[str, Installed]:
    return {each.name: each for each in installed(machine.context())}


def test_by_a_process_and_its_working_directory() -> None:
    machine = Machine({"/srv/site/app/.env": DJANGO}, processes=(GUNICORN,), folders={71: "/srv/site/app"})
    (found,) = every(machine).values()
    assert (found.name, found.title, found.pid, found.running) == ("app", "Django", 71, True)
    assert found.way == ("local", "localhost:25 on this host")


def test_in_the_usual_places_by_units_and_by_compose_files() -> None:
    machine = Machine(
        {
            "/var/www/shop/current/.env": LARAVEL,
            "/etc/systemd/system/billing.service": UNIT,
            "/etc/billing.env": "SMTP_URL=smtps://b:Zq81-nbo-pw@smtp.gmail.com\n",
            "/opt/stack/docker-compose.yml": COMPOSE,
            "/etc/grafana/grafana.ini": GRAFANA,
            "/var/www/notes/.env": "COLOUR=blue\n",
            "/srv/deep/down/below/.env": LARAVEL,
        },
        processes=(FPM, process(9, "/opt/billing/run", "--all")),
    )
    found = every(machine)
    assert set(found) == {"shop", "billing", "stack", "grafana"}
    assert found["shop"].way == ("smtp", "smtp.gmail.com:587")
    assert [found[name].running for name in ("shop", "billing", "stack", "grafana")] == [True, True, False, False]


def test_a_container_by_what_its_runtime_keeps() -> None:
    kept = {
        "State": {"Running": True, "Pid": 4711},
        "Name": "/shop-web-1",
        "Config": {"Env": ["PATH=/bin", "SMTP_HOST=localhost", "SMTP_PORT=25"]},
    }
    machine = Machine({"/var/lib/docker/containers/0123abcd/config.v2.json": json.dumps(kept)})
    (found,) = every(machine).values()
    assert (found.name, found.pid, found.container) == ("shop-web-1", 4711, True)
    assert found.way[0] == "smtp", "in there localhost is not this host"
    assert sole(machine.context()) is None


def test_a_compose_file_by_its_containers_label() -> None:
    label = {"com.docker.compose.project.config_files": "/data/stacks/desk/compose.yml"}
    kept = {"State": {"Pid": 4711}, "Name": "/desk-db-1", "Config": {"Env": ["PATH=/bin"], "Labels": label}}
    files = {"/data/stacks/desk/compose.yml": COMPOSE, "/var/lib/docker/containers/0a/config.v2.json": json.dumps(kept)}
    (found,) = every(Machine(files)).values()
    assert (found.name, found.title, found.way) == ("desk", "compose file", ("smtp", "mail.example.net:587"))


def test_a_program_of_another_name_space_is_not_read_by_path() -> None:
    """Its files are not this host's."""
    strange = process(71, "/usr/bin/node", "server.js", here=False)
    assert not every(Machine({"/app/.env": LARAVEL}, processes=(strange,), folders={71: "/app"}))


def test_nothing_is_said_of_a_host_without_applications() -> None:
    machine = Machine({"/etc/systemd/system/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd\n"}, processes=(FPM,))
    assert "no application" in machine.skipped(applications)
    assert "--app-config" in machine.skipped(application)


def test_they_are_told_in_one_line() -> None:
    machine = Machine({"/var/www/shop/.env": LARAVEL, "/etc/grafana/grafana.ini": GRAFANA}, processes=(FPM,))
    (told,) = machine.run(applications)
    assert (told.status, told.subject) == (Status.OK, "2 applications")
    assert told.summary == "grafana by smtp.gmail.com:587; shop by smtp.gmail.com:587"


def refusing(query: object) -> DialReply:
    raise AssertionError("a server was asked")


@pytest.mark.parametrize(
    "files",
    [
        {"/var/www/shop/.env": LARAVEL, "/var/www/blog/.env": LARAVEL.replace("shop", "blog")},
        {"/etc/grafana/grafana.ini": GRAFANA},  # no process of it
    ],
)
def test_of_several_or_idle_applications_none_is_tried(files: dict[str, str]) -> None:
    machine = Machine(files, server=refusing, processes=(FPM,))
    assert machine.skipped(application_probe)
    assert machine.skipped(application)


def test_the_only_one_is_tried_once() -> None:
    machine = Machine({"/var/www/shop/.env": LARAVEL}, processes=(FPM,))
    context = machine.context()
    found = [o for check in (application, application_probe) for o in check.body(context)]
    assert [o.data["label"] for o in found if o.sign == "app.login"] == ["accepted"]
    assert len([query for query in machine.dialled if query.login]) == 1


def test_not_where_another_was_named() -> None:
    settings = Settings(app_config=("/srv/x/.env",))
    machine = Machine(
        {"/var/www/shop/.env": LARAVEL, "/srv/x/.env": DJANGO}, usual, processes=(FPM,), settings=settings
    )
    assert "was named" in machine.skipped(applications)
    assert not [query for query in machine.dialled if query.login]

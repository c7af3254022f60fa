"""What was changed in a settings file after its process was started is told by name, and of no application that reads it at each request."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from checks.application.application_probe import application_probe
from checks.application.application_process import application_process
from diagnose.check import Dial, DialReply, EnvironmentCompare, Processes, Settings, Skip
from diagnose.host.live import LiveHost
from diagnose.host.query import Process
from diagnose.model import Observation, Status

from .pretended_application import NOW, Machine, met, usual

UNIT = "/etc/systemd/system/shop.service"
FILE = "/etc/default/shop"
UNIT_TEXT = f"[Service]\nEnvironmentFile={FILE}\nExecStart=/usr/bin/shop\n"
SETTINGS = {"SMTP_HOST": "mail.acme-tools.com", "SMTP_PORT": "587", "SMTP_USER": "shop", "SMTP_PASSWORD": "Zr8kLm2vTq"}
ENV = "".join(f"{name}={value}\n" for name, value in SETTINGS.items())
DOTENV = "/srv/shop/.env"

_LABELS = '"com.docker.compose.project.config_files":"{}","com.docker.compose.service":"{}"'


def run(
    path: str, files: Mapping[str, object], command: tuple[str, ...], environment: dict[str, str], **more: object
) -> list[Observation]:
    process = Process(pid=77, parent=1, name=command[0].rpartition("/")[2], command=command, started=NOW - 500)
    machine = Machine(
        files,  # type: ignore[arg-type]
        settings=Settings(app_config=(path,)),
        processes=(process,),
        environments={77: environment},
        **more,  # type: ignore[arg-type]
    )
    try:
        return machine.run(application_process)
    except Skip:
        return []


def test_the_server_is_dialled_as_the_account_that_the_application_runs_as() -> None:
    command = ("/srv/shop/bin/worker",)
    own = Process(pid=77, parent=1, name="worker", command=command, user="shop")
    asking = Process(pid=78, parent=1, name="python3", command=("python3", "mail-diagnose", DOTENV), user="root")

    def forbidden(query: Dial) -> DialReply:
        return met("EPERM") if query.user == "shop" else usual(query)

    text = ENV.replace("SMTP_", "MAIL_") + "MAIL_MAILER=smtp\n"
    machine = Machine(
        {DOTENV: text}, server=forbidden, settings=Settings(app_config=(DOTENV,)), processes=(own, asking)
    )
    (found,) = [o for o in machine.run(application_probe) if o.sign == "app.server"]
    assert (found.status, found.data["outcome"], found.data["works"]) == (Status.FAILED, "local", "")


def test_the_server_is_dialled_in_the_network_of_the_applications_container() -> None:
    compose, made = "/srv/stack/docker-compose.yml", "/var/lib/docker/containers/0123/config.v2.json"
    text = "services:\n  shop:\n    environment:\n" + "".join(
        f"      {key}: '{said}'\n" for key, said in SETTINGS.items()
    )
    state = f'{{"State":{{"Running":true,"Pid":77}},"Name":"/shop","Config":{{"Labels":{{{_LABELS.format(compose, "shop")}}}}}}}'
    machine = Machine(
        {compose: text, made: state},
        server=lambda query: met("ENETUNREACH") if query.network == 77 else usual(query),
        settings=Settings(app_config=(compose,)),
        processes=(Process(pid=77, parent=1, name="shop", command=("/shop",), here=False),),
        environments={77: SETTINGS},
        networks={"77": "net:[2]"},
    )
    (found,) = [o for o in machine.run(application_probe) if o.sign == "app.server"]
    assert (found.status, found.data["others"]) == (Status.FAILED, "open")
    assert "its container" in str(found.data["mend"])


def kinds(found: list[Observation]) -> list[object]:
    return [o.data["kind"] for o in found if o.status is Status.FAILED]


@pytest.mark.parametrize(
    ("environment", "kind", "key"),
    [
        (SETTINGS, None, ""),
        ({**SETTINGS, "SMTP_HOST": "old.acme-tools.com"}, "differs", "SMTP_HOST"),
        ({**SETTINGS, "SMTP_PASSWORD": "older"}, "differs", "SMTP_PASSWORD"),
        ({k: v for k, v in SETTINGS.items() if k != "SMTP_USER"}, "missing", "SMTP_USER"),
    ],
)
def test_a_service_keeps_the_environment_it_was_started_with(
    environment: dict[str, str], kind: str | None, key: str
) -> None:
    files = {UNIT: UNIT_TEXT, FILE: (ENV, 100.0), "/usr/bin/shop": "x"}
    for path in (UNIT, FILE):
        found = run(path, files, ("/usr/bin/shop",), environment)
        assert kinds(found) == ([kind] if kind else []), path
        assert not kind or found[0].data["key"] == key
        assert "Zr8kLm2vTq" not in repr(found)
        assert "older" not in repr(found)


def test_another_unit_of_the_same_interpreter_is_not_meant() -> None:
    unit = f"[Service]\nEnvironmentFile={FILE}\nExecStart=/usr/bin/python3 /srv/shop/serve.py --port 8000\n"
    files = {UNIT: unit, FILE: (ENV, 100.0), "/usr/bin/python3": "x"}
    mine, other = ("/usr/bin/python3", "/srv/shop/serve.py", "--port", "8000"), ("/usr/bin/python3", "/usr/bin/other")
    for path in (UNIT, FILE):
        assert kinds(run(path, files, mine, SETTINGS | {"SMTP_HOST": "old"})) == ["differs"]
        assert kinds(run(path, files, other, {})) == []
        for unit_name, told in (("shop", ["differs"]), ("test", [])):
            group = {"/proc/77/cgroup": f"0::/system.slice/{unit_name}.service\n"}
            assert kinds(run(path, {**files, **group}, mine, SETTINGS | {"SMTP_HOST": "old"})) == told


def test_a_process_that_reads_its_own_file_keeps_what_it_read_at_the_start() -> None:
    node = ("/usr/bin/node", "index.js")
    for age, kind in ((100.0, ["older"]), (900.0, [])):
        assert kinds(run(DOTENV, {DOTENV: (ENV, age)}, node, {}, folders={77: "/srv/shop"})) == kind


def test_a_master_that_was_told_to_reload_starts_new_workers() -> None:
    path = "/srv/shop/application.yml"
    text = "spring.mail:\n  host: mail.acme-tools.com\n  port: 587\n"
    java = ("/usr/bin/java", "-jar", "/srv/shop/shop.jar")
    for begun, kind in ((None, ["older"]), (NOW - 200, ["older"]), (NOW - 50, [])):
        own = [Process(pid=77, parent=1, name="java", command=java, started=NOW - 500)]
        if begun:
            own.append(Process(pid=78, parent=77, name="worker", command=("worker",), started=begun))
        machine = Machine({path: (text, 100.0)}, settings=Settings(app_config=(path,)), processes=tuple(own))
        try:
            found = machine.run(application_process)
        except Skip:
            found = []
        assert kinds(found) == kind


def test_a_container_keeps_the_environment_it_was_made_with() -> None:
    compose = "/srv/stack/docker-compose.yml"
    text = "services:\n  shop:\n    image: shop:1\n    environment:\n" + "".join(
        f"      {name}: '{value}'\n" for name, value in SETTINGS.items()
    )
    made = "/var/lib/docker/containers/0123/config.v2.json"
    state = '{"State":{"Running":true,"Pid":77},"Name":"/shop","Config":{"Env":["SMTP_HOST=old.acme-tools.com","SMTP_PORT=587"]}}'
    files = {compose: (text, 100.0), made: state}
    changed = {**SETTINGS, "SMTP_HOST": "old.acme-tools.com"}
    assert kinds(run(compose, files, ("/shop",), changed)) == ["differs"]
    assert kinds(run(compose, files, ("/shop",), SETTINGS)) == []
    assert kinds(run(compose, files, ("/shop",), {"PATH": "/bin"})) == []


def test_what_never_reached_the_container_that_compose_made_is_told() -> None:
    compose = "/srv/stack/docker-compose.yml"
    text = "services:\n  shop:\n    image: shop:1\n    environment:\n" + "".join(
        f"      - {name}={value}\n" for name, value in SETTINGS.items()
    )
    text += "  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: x\n"
    made = "/var/lib/docker/containers/0123/config.v2.json"

    def said(service: str, file: str, environment: dict[str, str]) -> list[object]:
        state = f'{{"State":{{"Running":true,"Pid":77}},"Name":"/x","Config":{{"Labels":{{{_LABELS.format(file, service)}}}}}}}'
        # The container was made after the file was written.
        return kinds(run(compose, {compose: (text, 900.0), made: state}, ("/shop",), environment))

    assert said("shop", compose, {"PATH": "/bin"}) == ["missing"]
    assert said("shop", compose, SETTINGS) == []
    assert said("db", compose, {"POSTGRES_PASSWORD": "x"}) == []
    assert said("shop", "/srv/other/docker-compose.yml", {"PATH": "/bin"}) == []


def test_a_value_that_two_services_have_otherwise_is_not_compared() -> None:
    compose = "/srv/stack/compose.yaml"
    text = "".join(
        f"  {name}:\n    image: shop:1\n    environment: {{SMTP_HOST: {host}, SMTP_PORT: '587'}}\n"
        for name, host in (("web", "mail.acme-tools.com"), ("test", "mailpit"))
    )
    state = f'{{"State":{{"Pid":77}},"Labels":{{"com.docker.compose.project.config_files":"{compose}","com.docker.compose.service":"web"}}}}'
    files = {compose: f"services:\n{text}", "/var/lib/docker/containers/0123/config.v2.json": state}
    web = {"SMTP_HOST": "mail.acme-tools.com", "SMTP_PORT": "587"}
    assert kinds(run(compose, files, ("/shop",), web)) == []


@pytest.mark.parametrize(
    ("cache", "text", "age", "kind"),
    [
        ("bootstrap/cache/config.php", "'host' => 'mail.acme-tools.com',", 900.0, ["older"]),
        ("bootstrap/cache/config.php", "'host' => 'old.acme-tools.com',", 900.0, ["differs"]),
        ("bootstrap/cache/config.php", "'host' => 'mail.acme-tools.com',", 50.0, []),
        (".env.local.php", "'MAILER_DSN' => 'null://null',", 900.0, ["differs"]),
    ],
)
def test_what_is_kept_of_a_file_and_read_in_its_place_may_be_stale(
    cache: str, text: str, age: float, kind: list[str]
) -> None:
    laravel = "MAIL_MAILER=smtp\nMAIL_HOST=mail.acme-tools.com\nMAIL_PORT=587\n"
    symfony = "MAILER_DSN=smtp://mail.acme-tools.com:587\n"
    files = {DOTENV: (symfony if cache.startswith(".") else laravel, 100.0)}
    found = run(DOTENV, {**files, f"/srv/shop/{cache}": (f"<?php return [{text}];", age)}, ("php-fpm: pool www",), {})
    assert kinds(found) == kind


def test_what_is_read_at_each_request_is_not_claimed() -> None:
    laravel = "MAIL_MAILER=smtp\nMAIL_HOST=mail.acme-tools.com\nMAIL_PORT=587\n"
    symfony = "MAILER_DSN=smtp://u:Zr8kLm2vTq@mail.acme-tools.com:587\n"
    for text in (laravel, symfony):
        found = run(DOTENV, {DOTENV: (text, 100.0)}, ("php-fpm: pool www",), {}, folders={77: "/srv/shop"})
        assert not kinds(found)
    worker = ("/usr/bin/php", "/srv/shop/artisan", "queue:work")
    assert kinds(run(DOTENV, {DOTENV: (laravel, 100.0)}, worker, {})) == ["older"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_real_process_is_compared_by_name_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(ENV)
    environment = {**os.environ, **SETTINGS, "SMTP_HOST": "old.acme-tools.com"}
    del environment["SMTP_USER"]
    with subprocess.Popen([sys.executable, "-c", "input()"], env=environment, stdin=subprocess.PIPE) as process:
        try:
            host = LiveHost()
            while not any(
                p.pid == process.pid and p.command[1:2] == ("-c",)
                for p in host.answer(Processes(), time.monotonic() + 5).processes
            ):
                time.sleep(0.01)
            reply = host.answer(EnvironmentCompare(process.pid, str(file), tuple(SETTINGS)), time.monotonic() + 5)
        finally:
            process.kill()
    assert (reply.differ, reply.missing) == (("SMTP_HOST",), ("SMTP_USER",))
    assert reply.same == ("SMTP_PORT", "SMTP_PASSWORD")
    assert "Zr8kLm2vTq" not in repr(reply)

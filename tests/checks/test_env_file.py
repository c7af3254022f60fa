"""A .env file is read as the program reads it that it belongs to, and judged by the same dialogue as every other."""

from __future__ import annotations

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from diagnose.apps import APPLY, env_file
from diagnose.check import Settings
from diagnose.host.live import tables
from diagnose.host.query import Login
from diagnose.host.secretfile import mask_read
from diagnose.model import Observation, Status
from diagnose.parse.text.masking import Secrets

from .pretended_application import PROPERTIES, TEMPLATE, Machine, refused

PATH = "/srv/www/.env"
LARAVEL = """\
APP_NAME="My shop"
MAIL_MAILER=smtp
MAIL_HOST=smtp.gmail.com
MAIL_PORT=587
MAIL_USERNAME=me@example.net
MAIL_PASSWORD="a long # secret-1"
MAIL_ENCRYPTION=tls
MAIL_FROM_ADDRESS="shop@example.net"
MAIL_FROM_NAME="${APP_NAME}"
"""
DJANGO = """\
export EMAIL_HOST='smtp.gmail.com'
EMAIL_PORT=587
EMAIL_USE_TLS=True
EMAIL_HOST_USER=me@example.net
EMAIL_HOST_PASSWORD=secret-2-secret
"""
NODE = "SMTP_HOST=smtp.gmail.com\nSMTP_PORT=465\nSMTP_SECURE=true\nSMTP_USER=me\nSMTP_PASS=secret-3-secret\n"
DSN = "MAILER_DSN=smtp://me%40example.net:secret%2F4-x@smtp.gmail.com:587\n"
DJANGO_URL = "EMAIL_URL=smtps://me:secret-5-secret@smtp.gmail.com:587\n"


def run(text: str, **more: object) -> tuple[Machine, list[Observation]]:
    machine = Machine({PATH: text}, settings=Settings(app_config=(PATH,)), **more)  # type: ignore[arg-type]
    return machine, machine.run(application) + machine.run(application_probe)


@pytest.mark.parametrize(
    ("text", "port", "tls", "keys"),
    [
        (LARAVEL, 587, "starttls", ("MAIL_USERNAME", "MAIL_PASSWORD")),
        (LARAVEL.replace("587", "465"), 465, "implicit", ("MAIL_USERNAME", "MAIL_PASSWORD")),
        (DJANGO, 587, "starttls", ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")),
        (NODE, 465, "implicit", ("SMTP_USER", "SMTP_PASS")),
        (DSN, 587, "starttls", ("MAILER_DSN", "MAILER_DSN")),
        (DJANGO_URL, 587, "starttls", ("EMAIL_URL", "EMAIL_URL")),
    ],
)
def test_a_right_file_is_not_accused(text: str, port: int, tls: str, keys: tuple[str, str]) -> None:
    machine, found = run(text)
    assert not [o for o in found if o.status in (Status.FAILED, Status.WARNING)]
    dial = next(dial for dial in machine.dialled if dial.login)
    assert (dial.host, dial.port, dial.tls) == ("smtp.gmail.com", port, tls)
    assert dial.login == Login(source="dotenv", table=PATH, keys=keys)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (DJANGO.replace("587", "465"), "EMAIL_PORT=465; EMAIL_USE_SSL=True; EMAIL_USE_TLS=False"),
        (NODE.replace("465", "587"), "SMTP_PORT=587; SMTP_SECURE=false"),
        (LARAVEL + "MAIL_SCHEME=smtps\n", "MAIL_PORT=587; MAIL_SCHEME=smtp"),
        (DJANGO_URL.replace("587", "465"), "EMAIL_URL=smtp+ssl://USER:PASSWORD@smtp.gmail.com:465"),
    ],
)
def test_tls_that_the_port_does_not_take_is_corrected_in_the_programs_words(text: str, advice: str) -> None:
    _, found = run(text)
    told = [o for o in found if o.sign == "app.tls" and o.status is Status.FAILED]
    assert [o.data["setting"] for o in told] == [advice]


def test_mail_that_is_only_written_down_is_the_answer() -> None:
    _, found = run(LARAVEL.replace("MAILER=smtp", "MAILER=log"))
    told = [o for o in found if o.status is Status.FAILED]
    assert [(o.data["problem"], o.data["line"], o.data["proven"]) for o in told] == [("mail-discarded", 2, True)]


@pytest.mark.parametrize(
    "text", ["", "APP_ENV=prod\n", "MAIL_MAILER=ses\n", "SMTP_HOST=mail\n", "SMTP_URL=http://x/\n"]
)
def test_what_cannot_be_told_stays_open(text: str) -> None:
    _, found = run(text)
    assert {(o.sign, o.status) for o in found if o.sign != "app.server"} == {("app.format", Status.UNKNOWN)}


def test_a_server_that_refuses_is_named() -> None:
    _, found = run(DSN, server=refused)
    assert [o.data["outcome"] for o in found if o.sign == "app.server"] == ["refused"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('export MAIL_PASSWORD="abc def#1ghij"\n', "1ghij"),
        ("SMTP_PASS='first9line\nsecond9line'\nMAIL_PORT=25\n", "second9line"),
        ("MAILER_DSN=smtp://user:p@ss/w0rd12@smtp.x.net:587\n", "w0rd12"),
        ("MAIL_PASSWORD = 'half9quoted\n", "half9quoted"),
        ("#MAIL_PASSWORD=old9secret\n", "old9secret"),
    ],
)
def test_no_secret_is_seen_outside_the_host(text: str, secret: str) -> None:
    shown = mask_read(text, "dotenv", Secrets())
    assert secret not in shown
    assert shown.count("\n") == text.count("\n")


def test_the_login_is_found_where_the_file_has_it(tmp_path: object) -> None:
    path = f"{tmp_path}/.env"
    for text, keys, login in (
        (LARAVEL, ("MAIL_USERNAME", "MAIL_PASSWORD"), ("me@example.net", "a long # secret-1")),
        (DSN, ("MAILER_DSN", "MAILER_DSN"), ("me@example.net", "secret/4-x")),
    ):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        assert tables.credentials(Login("dotenv", path, keys), Secrets()) == login
    assert isinstance(env_file.read("MAIL_HOST=${NOWHERE}\nMAIL_PORT=25\n"), str)


def test_commands_of_a_product_stand_only_beside_its_files() -> None:
    codenvy = Machine({PROPERTIES: "mail.host=smtp.gmail.com\nmail.smtp.port=465\n"}).run(application_probe)
    templated = Machine({TEMPLATE: "mail.host=smtp.gmail.com\nmail.smtp.port=465\n"}).run(application_probe)
    _, other = run(DJANGO.replace("587", "465"))
    seen = [next(o.data for o in found if o.sign == "app.tls") for found in (codenvy, templated, other)]
    commands = ["\n".join(APPLY.get(str(data.get("product")), ())) for data in seen]
    assert [("puppet" in one, "codenvy" in one) for one in commands] == [(False, True), (True, True), (False, False)]

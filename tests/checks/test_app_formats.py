"""A settings file is read as the application reads it that it belongs to, and judged by the same dialogue as every other."""

from __future__ import annotations

import time

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from diagnose.apps import APPLY, formats, grammars
from diagnose.check import Settings
from diagnose.host.live import tables
from diagnose.host.query import Login
from diagnose.host.secretfile import mask_read
from diagnose.model import Observation, Status
from diagnose.parse.text.masking import Secrets
from tests.pace import pace

from .app_files import DJANGO, DJANGO_URL, DSN, FILES, LARAVEL, NODE
from .pretended_application import PROPERTIES, TEMPLATE, Machine, refused, usual, with_
from .test_application_settings import cases

PATH = "/srv/www/.env"


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
# Path, text, application, server, beginning of TLS, user.


def test_a_right_file_is_not_accused(text: str, port: int, tls: str, keys: tuple[str, str]) -> None:
    machine, found = run(text)
    assert not [o for o in found if o.status is Status.FAILED]
    dial = next(dial for dial in machine.dialled if dial.login)
    assert (dial.host, dial.port, dial.tls) == ("smtp.gmail.com", port, tls)
    assert dial.login == Login(source="settings", table=PATH, keys=keys)


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


@pytest.mark.parametrize(
    "text",
    [
        NODE.replace("smtp.gmail.com", "smtp.sendgrid.net"),  # whose user is apikey
        NODE.replace("secret-3-secret", '"a secret\'s blank "'),
    ],
)
def test_a_login_that_the_server_takes_is_not_remarked(text: str) -> None:
    remarked = {Status.WARNING, Status.FAILED}
    _, found = run(text)
    assert not [o for o in found if o.sign == "app.settings" and o.status in remarked]
    _, found = run(text, server=lambda dial: with_(usual(dial), auth="535 5.7.8 no"))
    assert [o for o in found if o.sign == "app.settings" and o.status in remarked]


def test_the_older_name_of_laravels_mailer_is_remarked_beside_names_of_the_newer() -> None:
    text = LARAVEL.replace("MAIL_MAILER", "MAIL_DRIVER")
    for more, remarked in (("", False), ("CACHE_STORE=redis\n", True)):
        settings = formats.read(PATH, text + more).settings
        assert settings is not None
        assert any(each.key == "MAIL_DRIVER" for each in settings.problems) == remarked


def test_mail_that_is_only_written_down_is_the_answer() -> None:
    _, found = run(LARAVEL.replace("MAILER=smtp", "MAILER=log"))
    told = [o for o in found if o.status is Status.FAILED]
    assert [(o.data["problem"], o.data["line"], o.data["proven"]) for o in told] == [("mail-discarded", 2, True)]


@pytest.mark.parametrize("text", ["", "APP_ENV=prod\n", "SMTP_HOST=mail\n", "SMTP_URL=http://x/\n"])
def test_what_cannot_be_told_stays_open(text: str) -> None:
    _, found = run(text)
    assert {(o.sign, o.status) for o in found if o.sign != "app.server"} == {("app.format", Status.UNKNOWN)}


def test_a_template_is_no_settings_file_and_what_was_not_rendered_is_told() -> None:
    text = NODE.replace("secret-3-secret", "{{ smtp_password }}")
    assert "template" in formats.read("/srv/templates/.env.j2", text).problem
    settings = formats.read(PATH, text).settings
    assert settings is not None
    assert [(each.kind, each.key) for each in settings.problems] == [("placeholder", "SMTP_PASS")]


def test_a_server_that_refuses_is_named() -> None:
    _, found = run(DSN, server=refused)
    assert [o.data["outcome"] for o in found if o.sign == "app.server"] == ["refused"]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("553 5.7.1 <me@example.net>: Sender address rejected: not owned by user", "sender-not-allowed"),
        ("450 4.1.8 <me@example.net>: Sender address rejected: Domain not found", "sender-domain-not-found"),
    ],
)
def test_a_sender_that_the_server_does_not_take_is_named_with_its_setting(answer: str, label: str) -> None:
    text = LARAVEL + 'MAIL_FROM_ADDRESS="Shop <me@example.net>"\n'
    _, found = run(text, server=lambda dial: with_(usual(dial), mail=answer))
    told = next(o.data for o in found if o.sign == "app.sender")
    assert (told["label"], told["sender"], told["sender_key"]) == (label, "me@example.net", "MAIL_FROM_ADDRESS")
    _, found = run(text, server=lambda dial: with_(usual(dial), mail="554 5.0.0 no"))
    assert [o.status for o in found if o.sign == "app.server"] == [Status.UNKNOWN], "no all-clear"


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
    shown = mask_read(text, "settings", Secrets(), PATH)
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
        assert tables.credentials(Login("settings", path, keys), Secrets()) == login
    assert formats.read(PATH, "MAIL_HOST=${NOWHERE}\nMAIL_PORT=25\n").settings is None


def test_every_application_is_read_right_masked_or_not() -> None:
    """The same server, port, beginning of TLS, login and sender, from the file and from what leaves the host of it."""
    for path, text, id, place, tls, user in FILES:
        found = formats.read(path, text)
        secrets = Secrets()
        shown = mask_read(text, "settings", secrets, path)
        again = formats.read(path, shown)
        for one in (found, again):
            assert one.settings is not None, (path, one.problem)
            got = (one.id, f"{one.settings.host}:{one.settings.port}", one.settings.tls, one.settings.user)
            assert got == (id, place, tls, user), path
            assert not [p for p in one.settings.problems if p.kind != "setting-mild"], path
        assert "geheim" not in shown, path
        if user and "geheim" in text:
            assert formats.credentials(path, text) == (user, "geheim-77xx"), path
    known = {each[2] for each in FILES} | {each["kind"] for each in cases()}
    assert known >= formats.applications().keys() - {"php", "logins"}


@pytest.mark.parametrize(
    ("file", "was", "now", "problem"),
    [
        ("application.yml", "587", "465", "starttls-on-implicit-port"),
        ("settings.py", "587", "465", "starttls-on-implicit-port"),
        ("settings.py", "smtp.EmailBackend", "console.EmailBackend", "mail-discarded"),
        ("production.rb", ":smtp\n", ":test\n", "mail-discarded"),
        ("production.rb", "tls_auto: true", "tls: true, ssl: true", "implicit-on-starttls-port"),
        ("gitlab.rb", "smtp_port'] = 587", "smtp_port'] = 465", "starttls-on-implicit-port"),
        ("gitlab.rb", "geheim-77xx", "CHANGEME", "placeholder"),
        ("/config.php", "=> 'tls'", "=> 'ssl'", "implicit-on-starttls-port"),
        ("grafana.ini", "geheim-77xx", "geheim#77xx", "inline-comment"),
        ("grafana.ini", "enabled = true", "enabled = false", "mail-discarded"),
        ("docker-compose.yml", "smtp.x.com", "localhost", "localhost-in-container"),
        ("docker-compose.yml", "smtp.x.com", "mailpit", "mail-discarded"),
        ("secret.yaml", "Z2VoZWltLTc3eHg=", "Z2VoZWltLTc3eHgK", "trailing-blank"),
        ("application-prod.properties", "geheim-77xx", "geheim-77xx ", "trailing-blank"),
        ("wp-config.php", "'tls'", "'ssl'", "implicit-on-starttls-port"),
        ("msmtprc", "password geheim-77xx\n", "", "credentials-missing"),
        ("msmtprc", "tls on", "tls on\ntls_starttls off", "implicit-on-starttls-port"),
        ("alertmanager.yml", "smtp.x.com", "smtp.example.com", "host-placeholder"),
        ("realm.json", '"starttls":"true"', '"ssl":"true"', "implicit-on-starttls-port"),
        ("mail.js", "secure: false", "secure: true", "implicit-on-starttls-port"),
        ("config.json", "STARTTLS", "TLS", "implicit-on-starttls-port"),
        ("remotes", "--starttls", "--ssl", "implicit-on-starttls-port"),
        ("app.ini", "smtps", "smtp+starttls", "starttls-on-implicit-port"),
        ("ssmtp.conf", ":587", ":465", "starttls-on-implicit-port"),
        ("ssmtp.conf", "geheim-77xx", "geheim#77xx", "inline-comment"),
        ("/srv/.env", '"a long # secret-1"', "geheim#77xx", "inline-comment"),
        ("/srv/.env", '"a long # secret-1"', "geheim #77xx", "inline-comment"),
        ("application.yml", '"geheim-77xx"', "geheim #77xx", "inline-comment"),
        ("grafana.ini", "enabled = true\n", "", "mail-discarded"),
        ("application-prod.properties", "geheim-77xx", '"geheim-77xx"', "quoted-value"),
        ("realm.json", '"from":"k@x.com",', "", "setting-wrong"),
        ("msmtprc", "account default", "account other", "setting-odd"),
    ],
)
def test_what_is_wrong_in_a_file_is_seen_through_the_stars(file: str, was: str, now: str, problem: str) -> None:
    path, text = next((path, text) for path, text, *_ in FILES if path.endswith(file))
    assert was in text
    text = text.replace(was, now)
    for shown in (text, mask_read(text, "settings", Secrets(), path)):
        settings = formats.read(path, shown).settings
        assert settings is not None
        assert [each.kind for each in settings.problems] == [problem]


def test_php_hands_its_mail_to_the_program_that_it_names() -> None:
    for line, program in (
        ("sendmail_path = /usr/bin/msmtp -t", "/usr/bin/msmtp"),
        (";sendmail_path =", "/usr/sbin/sendmail"),
    ):
        settings = formats.read("/etc/php/8.2/fpm/php.ini", f"[mail function]\nSMTP = localhost\n{line}\n").settings
        assert settings is not None
        assert settings.program == program


def test_commands_of_a_product_stand_only_beside_its_files() -> None:
    codenvy = Machine({PROPERTIES: "mail.host=smtp.gmail.com\nmail.smtp.port=465\n"}).run(application_probe)
    templated = Machine({TEMPLATE: "mail.host=smtp.gmail.com\nmail.smtp.port=465\n"}).run(application_probe)
    _, other = run(DJANGO.replace("587", "465"))
    seen = [next(o.data for o in found if o.sign == "app.tls") for found in (codenvy, templated, other)]
    commands = ["\n".join(APPLY.get(str(data.get("product")), ())) for data in seen]
    assert [("puppet" in one, "codenvy" in one) for one in commands] == [(False, True), (True, True), (False, False)]


@pytest.mark.parametrize(
    ("path", "text", "secret"),
    [
        ("application.yml", "x: &p Oregano\nspring:\n  mail:\n    host: h\n    password: *p\n", "Oregano"),
        ("config.php", "<?php\n$CONFIG = ['mail_smtppassword'=>'a','passwordsalt'=>'Oregano'];\n", "Oregano"),
        ("production.rb", "smtp_settings = { address: 'h', password: %q(Oregano leaf) }\n", "Oregano"),
    ],
)
def test_a_secret_is_starred_wherever_the_grammar_lets_it_stand(path: str, text: str, secret: str) -> None:
    shown = mask_read(text, "settings", Secrets(), f"/srv/x/{path}")
    assert secret not in shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "piece",
    [
        "a=(",
        "a:{",
        "'x'=>[",
        "a=",
        "a=+\n",
        "a=1\n",
        "if(a){",
        "config(",
        "env.email(",
        "a=x(createTransport(",
        "=begin\n",
        "/*",
    ],
)
def test_what_nests_without_end_is_read_in_time_that_grows_as_the_text_does(piece: str) -> None:
    spent = []
    for size in (4000, 16000):
        before = time.process_time()
        grammars.entries((piece * size)[:size], "code")
        spent.append(time.process_time() - before)
    assert spent[1] < 9 * spent[0] + 0.2  # four times as long a text; the square would be sixteen


def test_values_far_inside_of_others_are_read() -> None:
    text = (
        "a = {"
        + "'b': {" * 8
        + "'smtp_host': 'mail.x.com', 'smtp_port': 587"
        + "}" * 9
        + "\n"
        + "c = f(1, [2])\n" * 400
    )
    assert [e.value for e in grammars.entries(text, "code") if e.key == "smtp_host"] == ["mail.x.com"]


def test_comments_before_a_document_are_read_once() -> None:
    """Two comments are not also tried as one: that doubled the time with each."""
    began = time.process_time()
    with pytest.raises(grammars.Malformed):  # no YAML, and no JSON either
        list(grammars.entries("/* a */\n" * 26 + "x: 1\n", "yaml"))
    assert time.process_time() - began < 2 * pace()

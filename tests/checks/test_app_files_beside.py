"""What a settings file takes from files beside it, or from elsewhere in itself: drop-ins, .env files, a script's containers, Secrets."""

from __future__ import annotations

import time

import pytest

from diagnose.apps import formats, grammars
from diagnose.apps.wider import MISSING
from diagnose.host.secretfile import mask_read
from diagnose.parse.text.masking import Secrets
from tests.pace import pace


def of_files(path: str, files: dict[str, str]) -> formats.Found:
    """The settings of one of several files."""

    def other(place: str, kind: str) -> tuple[str, str]:
        if kind == "folder":
            return "\n".join(each.removeprefix(f"{place}/") for each in files if each.startswith(f"{place}/")), ""
        return (files[place], "") if place in files else ("", MISSING)

    return formats.read(path, files[path], other)


UNIT = "[Service]\nEnvironment=SMTP_HOST=127.0.0.1 SMTP_PORT=1025 SMTP_USER=u\n"
DROPPED = "[Service]\nEnvironment=SMTP_HOST=smtp.x.com\n"


@pytest.mark.parametrize("path", ["/lib/systemd/system/a.service", "/etc/systemd/system/a.service.d/50-mail.conf"])
def test_a_units_drop_ins_override_it_in_the_order_of_their_names(path: str) -> None:
    files = {
        "/lib/systemd/system/a.service": UNIT,
        "/etc/systemd/system/a.service.d/50-mail.conf": DROPPED,
        "/run/systemd/system/a.service.d/60-port.conf": "[Service]\nEnvironment=SMTP_PORT=587 SMTP_PASSWORD=geheim-77xx\n",
        "/run/systemd/system/a.service.d/10-early.conf": "[Service]\nEnvironment=SMTP_HOST=early.x.com\n",
        "/etc/systemd/system/a.service.d/notes.txt": "[Service]\nEnvironment=SMTP_HOST=notes.x.com\n",
        "/etc/systemd/system/b.service.d/70-other.conf": "[Service]\nEnvironment=SMTP_HOST=b.x.com\n",
    }
    found = of_files(path, files)
    assert found.settings is not None
    assert (found.settings.host, found.settings.port, found.user, found.password) == (
        "smtp.x.com",
        587,
        "u",
        "geheim-77xx",
    )


@pytest.mark.parametrize("path", ["/etc/systemd/system/w@.service", "/etc/systemd/system/w@7.service.d/50-mail.conf"])
def test_an_instance_has_what_its_template_says_and_an_empty_list_begins_anew(path: str) -> None:
    files = {
        "/etc/systemd/system/w@.service": f"{UNIT}Environment=SMTP_PASSWORD=geheim-77xx\n",
        "/etc/systemd/system/w@.service.d/10-mail.conf": "[Service]\nEnvironment=\nEnvironment=SMTP_HOST=smtp.x.com SMTP_PORT=587\n",
        "/etc/systemd/system/w@7.service.d/50-mail.conf": "[Service]\nEnvironment=SMTP_USER=seven\n",
    }
    found = of_files(path, files)
    assert found.settings is not None
    seven = "seven" if "@7" in path else ""
    assert (found.settings.host, found.settings.port, found.user, found.password) == ("smtp.x.com", 587, seven, "")


JSON = '{"mail": {"transport": {"host": "smtp.x.com", "port": 587, "auth": {"user": "u", "pass": "old-pass-1"}}}}'
NEWER = '{"mail": {"transport": {"auth": {"pass": "new-pass-2"}}}}'
NET = '{"Smtp": {"Host": "smtp.x.com", "Port": 587, "UserName": "u", "Password": "old-pass-1"}}'
COMPOSE = """services:
  a:
    image: acme/a
    environment:
      SMTP_HOST: smtp.x.com
      SMTP_PORT: 587
      SMTP_USER: u
      SMTP_PASSWORD: old-pass-1
"""
OVERRIDE = "services:\n  a:\n    environment:\n      SMTP_PASSWORD: new-pass-2\n"
PYTHON = """EMAIL_HOST = "smtp.x.com"
EMAIL_PORT = 587
EMAIL_HOST_USER = "u"
EMAIL_HOST_PASSWORD = "old-pass-1"
"""
LOCAL = "EMAIL_HOST_PASSWORD = 'new-pass-2'\n"
TRIED = "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n"


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("config/default.json", {"config/default.json": JSON, "config/production.json": NEWER}),
        ("config/production.json", {"config/default.json": JSON, "config/production.json": NEWER}),
        ("appsettings.json", {"appsettings.json": NET, "appsettings.Production.json": '{"Smtp": {"Password": "new-pass-2"}}'}),
        ("appsettings.Production.json", {"appsettings.json": NET, "appsettings.Production.json": '{"Smtp": {"Password": "new-pass-2"}}'}),
        ("compose.yaml", {"compose.yaml": COMPOSE, "compose.override.yaml": OVERRIDE}),
        ("docker-compose.override.yml", {"docker-compose.yml": COMPOSE, "docker-compose.override.yml": OVERRIDE}),
        ("a/settings.py", {"a/settings.py": PYTHON + TRIED, "a/local_settings.py": LOCAL}),
        ("a/settings.py", {"a/settings.py": TRIED + PYTHON.replace("old-pass-1", "new-pass-2"), "a/local_settings.py": PYTHON}),
    ],
)  # fmt: skip
def test_files_that_are_read_together_count_in_the_programs_order(path: str, files: dict[str, str]) -> None:
    found = of_files(f"/srv/{path}", {f"/srv/{name}": text for name, text in files.items()})
    assert found.settings is not None
    assert (found.settings.host, found.settings.port, found.user, found.password) == (
        "smtp.x.com",
        587,
        "u",
        "new-pass-2",
    )


@pytest.mark.parametrize(
    ("secrets", "password", "elsewhere"),
    [("[secrets]\nemail_password = geheim-77xx\n", "geheim-77xx", False), ("[secrets]\navatar_salt = x\n", "", False), ("", "", True)],
)  # fmt: skip
def test_a_password_in_the_file_of_secrets(secrets: str, password: str, elsewhere: bool) -> None:
    text = "ZULIP_ADMINISTRATOR = 'a@x.com'\nEMAIL_HOST = 'smtp.x.com'\nEMAIL_PORT = 587\nEMAIL_HOST_USER = 'u'\n"
    files = {"/etc/zulip/settings.py": text, **({"/etc/zulip/zulip-secrets.conf": secrets} if secrets else {})}
    found = of_files("/etc/zulip/settings.py", files)
    assert found.settings is not None
    assert (found.password, bool(found.settings.elsewhere)) == (password, elsewhere)
    told = any(each.kind == "credentials-missing" for each in found.settings.problems)
    assert told == (not password and not elsewhere)


RUBY = "config.action_mailer.smtp_settings = { address: 'smtp.x.com', port: 587, user_name: 'u', password: ENV['SMTP_PASSWORD'] }\n"


@pytest.mark.parametrize(
    ("path", "text", "beside", "password"),
    [
        ("config/environments/production.rb", RUBY, {".env": "one-1", ".env.production": "two-2"}, "two-2"),
        ("config/environments/production.rb", RUBY, {".env.production": "two-2", ".env.local": "three-3"}, "three-3"),
        ("config/environments/staging.rb", RUBY, {".env.production": "two-2", ".env.staging": "four-4"}, "four-4"),
        ("app/settings.py", "load_dotenv('.env.live')\nEMAIL_HOST = 'smtp.x.com'\nEMAIL_HOST_USER = 'u'\n"
         "EMAIL_HOST_PASSWORD = os.environ['SMTP_PASSWORD']\n", {".env.live": "five-5", ".env.production": "two-2"}, "five-5"),
        ("app/settings.py", "EMAIL_HOST = 'smtp.x.com'\nEMAIL_HOST_USER = 'u'\n"
         "EMAIL_HOST_PASSWORD = os.environ['SMTP_PASSWORD']\n", {".env.production": "two-2"}, ""),
    ],
)  # fmt: skip
def test_the_env_file_of_the_stage_counts(path: str, text: str, beside: dict[str, str], password: str) -> None:
    files = {f"/srv/a/{name}": f"SMTP_PASSWORD={value}\n" for name, value in beside.items()}
    assert of_files(f"/srv/a/{path}", {f"/srv/a/{path}": text, **files}).password == password


SCRIPT = """\
#!/bin/sh
# docker run -e SMTP_HOST=old.x.com img
PASS='geheim 77#x'; TAG=1.2
docker stop app
docker run -d --name app \\
  -e SMTP_HOST=smtp.x.com -e "SMTP_PORT=587" \\
  --env SMTP_USER=u --env=SMTP_PASSWORD="$PASS" \\
  img:$TAG serve
"""


def test_what_a_script_hands_to_its_container() -> None:
    found = of_files("/srv/run.sh", {"/srv/run.sh": SCRIPT})
    assert found.settings is not None
    assert (found.settings.host, found.settings.port, found.user, found.password) == (
        "smtp.x.com",
        587,
        "u",
        "geheim 77#x",
    )
    local = SCRIPT.replace("smtp.x.com", "localhost")
    said = of_files("/srv/run.sh", {"/srv/run.sh": local}).settings
    own = of_files("/srv/run.sh", {"/srv/run.sh": local.replace("run -d", "run -d --network=host")}).settings
    assert said is not None
    assert own is not None
    assert len(said.problems) == 1
    assert not own.problems
    shown = mask_read(SCRIPT, "settings", Secrets(), "/srv/run.sh")
    assert "geheim" not in shown
    assert formats.read("/srv/run.sh", shown).settings is not None


def test_a_file_of_docker_runs_env_file_has_no_quotes() -> None:
    script = "podman run --env-file mail.env img\n"
    env = 'SMTP_HOST=smtp.x.com\nSMTP_PORT=587\nSMTP_USER=u\nSMTP_PASSWORD=geheim 77#"x\n'
    found = of_files("/srv/run.sh", {"/srv/run.sh": script, "/srv/mail.env": env})
    assert found.password == 'geheim 77#"x'
    found = of_files("/srv/run.sh", {"/srv/run.sh": script, "/srv/mail.env": env.replace("u\n", '"u"\n')})
    assert found.settings is not None
    assert [each.kind for each in found.settings.problems] == ["setting-wrong"]


def test_javas_escapes_are_read_as_java_reads_them() -> None:
    text = "spring.mail.host=smtp.x.com\nspring.mail.port=587\nspring.mail.username=u\\:1\nspring.mail.password=\\u0067eheim-7\\\\7xx\\\n"
    assert formats.credentials("/srv/application.properties", text) == ("u:1", "geheim-7\\7xx\\")
    assert "eheim" not in mask_read(text, "settings", Secrets(), "/srv/application.properties")


def test_a_table_of_logins_is_read_in_time_that_grows_as_the_text_does() -> None:
    before = time.process_time()
    assert grammars.entries("\n" * 90_000, "logins") == ()
    assert time.process_time() - before < 3 * pace()


def test_a_password_that_jenkins_encrypted_is_said_to_be() -> None:
    text = (
        "<hudson.tasks.Mailer_-DescriptorImpl><smtpHost>smtp.x.com</smtpHost><useSsl>true</useSsl><smtpPort>465</smtpPort>\n"
        "<authentication><username>u</username><password>{AQAAABAAAAAQm1lT0J7hYb0=}</password></authentication>\n"
        "</hudson.tasks.Mailer_-DescriptorImpl>\n"
    )
    path = "/var/lib/jenkins/hudson.tasks.Mailer.xml"
    for given in (text, mask_read(text, "settings", Secrets(), path)):
        settings = formats.read(path, given).settings
        assert settings is not None
        assert "is encrypted" in settings.elsewhere


def test_what_a_pod_takes_from_a_secret_of_the_same_file() -> None:
    text = """\
apiVersion: v1
kind: Secret
metadata: {name: crm-login}
stringData:
  user: u
  word: geheim-77xx
---
kind: Deployment
metadata:
  name: crm
spec:
  containers:
    - image: crm
      env:
        - {name: SMTP_HOST, value: smtp.x.com}
        - {name: SMTP_PORT, value: "587"}
        - name: SMTP_USER
          valueFrom: {secretKeyRef: {name: crm-login, key: user}}
        - name: SMTP_PASSWORD
          valueFrom:
            secretKeyRef: {name: crm-login, key: word}
"""
    assert formats.credentials("/srv/crm.yaml", text) == ("u", "geheim-77xx")
    assert formats.credentials("/srv/crm.yaml", text.replace("name: crm-login, key: w", "name: other, key: w")) is None


def test_a_unit_named_like_a_folder_tells_springs_profile() -> None:
    path, unit = "/srv/billing/config/application.yml", "/etc/systemd/system/billing.service"
    text = "spring.mail.host: localhost\n---\nspring:\n  config.activate.on-profile: prod\n  mail.host: smtp.x.test\n"
    for service, host in (("Environment=SPRING_PROFILES_ACTIVE=prod", "smtp.x.test"), ("User=billing", "localhost")):
        settings = of_files(path, {path: text, unit: f"[Service]\n{service}\n"}).settings
        assert settings is not None
        assert settings.host == host


@pytest.mark.parametrize("profiles", ["default", "!dev", "prod | default", "prod, default", "!dev & !test"])
def test_springs_default_profile_is_active_if_none_is_named(profiles: str) -> None:
    text = f'spring.mail.host: localhost\n---\nspring:\n  config.activate.on-profile: "{profiles}"\n  mail.host: smtp.x.test\n'
    settings = formats.read("/srv/application.yml", text).settings
    assert settings is not None
    assert settings.host == "smtp.x.test"


def test_several_names_of_one_value() -> None:
    text = 'EMAIL_HOST = MAIL_HOST = "smtp.x.test"\nSERVER_EMAIL = DEFAULT_FROM_EMAIL = "a@x.test"\n'
    settings = formats.read("/srv/shop/settings.py", text).settings
    assert settings is not None
    assert (settings.host, settings.sender) == ("smtp.x.test", "a@x.test")

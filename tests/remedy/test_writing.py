"""An application's file changed in its own grammar: the lines that change, and files that are left alone."""

from __future__ import annotations

import pytest

from diagnose.apps.writing import Change, applied, changes

SPRING = """\
server:
  port: 8080
spring:
  mail:
    host: smtp.relay.test
    port: 465
    password: '********'
    properties:
      mail.smtp.starttls.enable: true
"""
IMPLICIT = (
    "spring.mail.port: 465; spring.mail.properties.mail.smtp.ssl.enable: true;"
    " spring.mail.properties.mail.smtp.starttls.enable: false"
)
DJANGO = "EMAIL_HOST = 'smtp.relay.test'\nEMAIL_PORT = 587\nEMAIL_USE_TLS = True\nEMAIL_USE_SSL = True\n"
NEXTCLOUD = "<?php\n$CONFIG = array (\n  'mail_smtphost' => 'smtp.relay.test',\n  'mail_smtpport' => '587',\n);\n"
GRAFANA = "[smtp]\nenabled = true\nhost = smtp.relay.test:578\nuser = me\n\n[log]\nlevel = info"
REDMINE = """\
production:
  email_delivery:
    smtp_settings:
      address: smtp.relay.test
      port: 465
      enable_starttls_auto: true
      user_name: me"""
GHOST = """\
{
  "server": {"port": 2368},
  "mail": {
    "transport": "SMTP",
    "options": {
      "host": "localhost",
      "port": 587
    }
  }
}
"""


@pytest.mark.parametrize(
    ("path", "text", "wanted", "lines"),
    [
        ("/opt/application.yml", SPRING, IMPLICIT, {9: "      mail.smtp.starttls.enable: false", 10: "spring.mail.properties.mail.smtp.ssl.enable: true"}),
        ("/srv/settings.py", DJANGO, "EMAIL_PORT=587; EMAIL_USE_SSL=False; EMAIL_USE_TLS=True", {4: "EMAIL_USE_SSL = False"}),
        ("/w/config/config.php", NEXTCLOUD, "'mail_smtpport' => '465', 'mail_smtpsecure' => 'ssl',", {4: "  'mail_smtpport' => '465', 'mail_smtpsecure' => 'ssl',"}),
        ("/etc/grafana/grafana.ini", GRAFANA, "host = smtp.relay.test:587; startTLS_policy = MandatoryStartTLS", {3: "host = smtp.relay.test:587", 4: "startTLS_policy = MandatoryStartTLS", 5: "user = me", 6: "", 7: "[log]", 8: "level = info"}),
        ("/srv/redmine/config/configuration.yml", REDMINE, "port: 465, ssl: true, enable_starttls_auto: false", {6: "      enable_starttls_auto: false", 7: "      ssl: true", 8: "      user_name: me"}),
        ("/w/config.production.json", GHOST, '"port": 465, "secure": true', {7: '      "port": 465, "secure": true'}),
    ],
)  # fmt: skip
def test_the_lines_that_change(path: str, text: str, wanted: str, lines: dict[int, str]) -> None:
    made = changes(path, text, wanted)
    assert made is not None
    before, after = (each.split("\n") for each in (text, applied(text, list(made))))
    before += [""] * (len(after) - len(before))
    assert {n: new for n, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new} == lines


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("/opt/application.yml", SPRING + "---\nspring.config.activate.on-profile: test\n", IMPLICIT),
        ("/srv/settings.py", "import os\nEMAIL_HOST = 'relay.test'\nEMAIL_PORT = os.environ['PORT']\n", "EMAIL_PORT=587"),
        ("/w/config/config.php", NEXTCLOUD, "what the server's operator says"),
        ("/w/config.production.json", "{ not json", '"port": 465'),
        ("/etc/x.unknown", "port 25", "port: 25"),
    ],
)  # fmt: skip
def test_a_file_whose_place_cannot_be_told_is_left_alone(path: str, text: str, wanted: str) -> None:
    assert changes(path, text, wanted) is None


def test_only_what_differs_is_changed() -> None:
    assert changes("/srv/settings.py", DJANGO, "EMAIL_PORT=465; EMAIL_USE_TLS=True") == (
        Change(line=2, find="EMAIL_PORT = 587", put="EMAIL_PORT = 465"),
    )

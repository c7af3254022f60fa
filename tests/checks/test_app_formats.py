"""A settings file is read as the application reads it that it belongs to, and judged by the same dialogue as every other."""

from __future__ import annotations

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from diagnose.apps import APPLY, formats
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

# Path, text, application, server, beginning of TLS, user.
FILES = (
    (
        "/srv/application.yml",
        "spring:\n  mail:\n    host: smtp.x.com\n    port: 587\n    username: u\n    password: \"geheim-77xx\"\n    properties:\n"
        "      mail:\n        smtp:\n          auth: true\n          starttls:\n            enable: true\n            required: true\n"
        "---\nspring:\n  config:\n    activate:\n      on-profile: test\n  mail:\n    host: localhost\n    port: 1025\n",
        *("spring", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/application-prod.properties",
        "spring.mail.host=smtp.x.com\nspring.mail.port=465\nspring.mail.username=u\nspring.mail.password=geheim-77xx\n"
        "spring.mail.properties.mail.smtp.ssl.enable=true\n",
        *("spring", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/srv/app/settings.py",
        "EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\nEMAIL_HOST = 'smtp.x.com'\nEMAIL_PORT = 587\n"
        "EMAIL_USE_TLS = True\nEMAIL_HOST_USER='u'\nEMAIL_HOST_PASSWORD = os.environ.get('PW', 'geheim-77xx')\nDEFAULT_FROM_EMAIL = 'a@x.com'\n",
        *("django", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/config/environments/production.rb",
        "Rails.application.configure do\n  config.action_mailer.delivery_method = :smtp\n  config.action_mailer.smtp_settings = {\n"
        "    address: 'smtp.x.com',\n    port: 587,\n    user_name: 'u',\n    password: 'geheim-77xx',\n    enable_starttls_auto: true\n  }\nend\n",
        *("rails", "smtp.x.com:587", "starttls", "u"),
    ),
    ("/srv/.env", LARAVEL, "laravel", "smtp.gmail.com:587", "starttls", "me@example.net"),
    ("/srv/.env.local", DSN, "symfony", "smtp.gmail.com:587", "starttls", "me@example.net"),
    ("/srv/.env", NODE, "environment", "smtp.gmail.com:465", "implicit", "me"),
    (
        "/var/www/wp-config.php",
        "<?php\ndefine( 'WPMS_ON', true );\ndefine( 'WPMS_SMTP_HOST', 'smtp.x.com' );\ndefine( 'WPMS_SMTP_PORT', 587 );\n"
        "define( 'WPMS_SSL', 'tls' );\ndefine( 'WPMS_SMTP_USER', 'u' );\ndefine( 'WPMS_SMTP_PASS', 'geheim-77xx' );\n",
        *("wordpress", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/mail.js",
        "const t = nodemailer.createTransport({\n  host: 'smtp.x.com',\n  port: 587,\n  secure: false,\n"
        "  auth: { user: 'u', pass: 'geheim-77xx' },\n});\n",
        *("nodemailer", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/home/mastodon/live/.env.production",
        "SMTP_SERVER=smtp.x.com\nSMTP_PORT=587\nSMTP_LOGIN=u\nSMTP_PASSWORD='geheim-77xx'\nSMTP_AUTH_METHOD=plain\nSMTP_ENABLE_STARTTLS=always\n",
        *("mastodon", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/discourse/containers/app.yml",
        "env:\n  DISCOURSE_SMTP_ADDRESS: smtp.x.com\n  DISCOURSE_SMTP_PORT: 587\n  DISCOURSE_SMTP_USER_NAME: u\n  DISCOURSE_SMTP_PASSWORD: geheim-77xx # x\n",
        *("discourse", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/gitlab/gitlab.rb",
        "gitlab_rails['smtp_enable'] = true\ngitlab_rails['smtp_address'] = \"smtp.x.com\"\ngitlab_rails['smtp_port'] = 587\n"
        "gitlab_rails['smtp_user_name'] = \"u\"\ngitlab_rails['smtp_password'] = \"geheim-77xx\"\n# gitlab_rails['smtp_tls'] = true\n",
        *("gitlab", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/var/www/nextcloud/config/config.php",
        "<?php\n$CONFIG = array (\n  'mail_smtpmode' => 'smtp',\n  'mail_smtphost' => 'smtp.x.com',\n  'mail_smtpport' => '587',\n"
        "  'mail_smtpsecure' => 'tls',\n  'mail_smtpauth' => 1,\n  'mail_smtpname' => 'u',\n  'mail_smtppassword' => 'geheim-77xx',\n);\n",
        *("nextcloud", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/realm.json",
        '{"realm":"x","smtpServer":{"host":"smtp.x.com","port":"587","from":"k@x.com","auth":"true","starttls":"true","user":"u","password":"**********"}}',
        *("keycloak", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/grafana/grafana.ini",
        "[smtp]\nenabled = true\nhost = smtp.x.com:587\nuser = u\npassword = geheim-77xx\n;skip_verify = false\n",
        *("grafana", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/gitea/app.ini",
        "[mailer]\nENABLED = true\nPROTOCOL = smtps\nSMTP_ADDR = smtp.x.com\nSMTP_PORT = 465\nFROM = a@x.com\nUSER = u\nPASSWD = `geheim-77xx`\n",
        *("gitea", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/opt/mattermost/config/config.json",
        '{"EmailSettings": {"FeedbackEmail":"a@x.com","SMTPServer":"smtp.x.com","SMTPPort":"587","EnableSMTPAuth":true,"SMTPUsername":"u",'
        '"SMTPPassword":"geheim-77xx","ConnectionSecurity":"STARTTLS"}}',
        *("mattermost", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/www/ghost/config.production.json",
        '{"mail":{"transport":"SMTP","options":{"host":"smtp.x.com","port":587,"secure":false,"auth":{"user":"u","pass":"geheim-77xx"}}}}',
        *("ghost", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/odoo/odoo.conf",
        "[options]\nsmtp_server = smtp.x.com\nsmtp_port = 587\nsmtp_ssl = True\nsmtp_user = u\nsmtp_password = geheim-77xx\n",
        *("odoo", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/lib/jenkins/hudson.tasks.Mailer.xml",
        "<?xml version='1.1'?>\n<hudson.tasks.Mailer_-DescriptorImpl>\n<smtpHost>smtp.x.com</smtpHost>\n<useTls>true</useTls>\n"
        "<smtpPort>587</smtpPort>\n<authentication><username>u</username><password>{AQAAABAAAAAQ}</password></authentication>\n</hudson.tasks.Mailer_-DescriptorImpl>\n",
        *("jenkins", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/alertmanager/alertmanager.yml",
        "global:\n  smtp_smarthost: 'smtp.x.com:587'\n  smtp_from: a@b.c\n  smtp_auth_username: u\n  smtp_auth_password: geheim-77xx\n",
        *("alertmanager", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/appsettings.json",
        '{"Smtp":{"Host":"smtp.x.com","Port":587,"EnableSsl":true,"Username":"u","Password":"geheim-77xx"}}',
        *("dotnet", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/docker-compose.yml",
        "services:\n  web:\n    image: x\n    environment:\n      - SMTP_HOST=smtp.x.com\n      - SMTP_PORT=587\n"
        "      - SMTP_USER=u\n      - SMTP_PASSWORD=geheim-77xx\n",
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/secret.yaml",
        "kind: Secret\ndata:\n  SMTP_HOST: c210cC54LmNvbQ==\n  SMTP_PORT: NTg3\n  SMTP_USER: dQ==\n  SMTP_PASSWORD: Z2VoZWltLTc3eHg=\n",
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/systemd/system/app.service",
        '[Service]\nEnvironment="SMTP_HOST=smtp.x.com" SMTP_PORT=587 SMTP_USER=u\nEnvironment=SMTP_PASSWORD=geheim-77xx\n',
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/msmtprc",
        "defaults\nauth on\ntls on\naccount other\nhost smtp.y.com\naccount a\nhost smtp.x.com\nport 587\nfrom a@b.c\nuser u\n"
        "password geheim-77xx\naccount default : a\n",
        *("msmtp", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/nullmailer/remotes",
        "smtp.x.com smtp --port=587 --starttls --user=u --pass=geheim-77xx\n",
        *("nullmailer", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/ssmtp/ssmtp.conf",
        "root=a@b.c\nmailhub=smtp.x.com:587\nUseSTARTTLS=YES\nAuthUser=u\nAuthPass=geheim-77xx\n",
        *("ssmtp", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/exim4/update-exim4.conf.conf",
        "dc_eximconfig_configtype='smarthost'\ndc_smarthost='smtp.x.com::587'\n",
        *("exim", "smtp.x.com:587", "starttls", ""),
    ),
    (
        "/var/www/contact.php",
        "<?php\n$mail = new PHPMailer(true);\n$mail->isSMTP();\n$mail->Host = 'smtp.x.com';\n$mail->SMTPAuth = true;\n$mail->Username = 'u';\n"
        "$mail->Password = 'geheim-77xx';\n$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS;\n$mail->Port = 465;\n",
        *("phpmailer", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/var/www/moodle/config.php",
        "<?php\n$CFG->smtphosts = 'smtp.x.com:587';\n$CFG->smtpsecure = 'tls';\n$CFG->smtpuser='u';\n$CFG->smtppass='geheim-77xx';\n",
        *("moodle", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/tool/config.toml",
        '[smtp]\nhost = "smtp.x.com"\nport = 587\nusername = "u"\npassword = "geheim-77xx"\n',
        *("general", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/gitlab/docker-compose.yml",
        "services:\n  gitlab:\n    image: gitlab/gitlab-ce\n    environment:\n      GITLAB_OMNIBUS_CONFIG: |\n        gitlab_rails['smtp_enable'] = true\n"
        "        gitlab_rails['smtp_address'] = 'smtp.x.com'\n        gitlab_rails['smtp_port'] = 587\n        gitlab_rails['smtp_user_name'] = 'u'\n"
        "        gitlab_rails['smtp_password'] = 'geheim-77xx'\n",
        *("gitlab", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/redmine/configuration.yml",
        "production:\n  email_delivery:\n    delivery_method: :smtp\n    smtp_settings:\n      address: smtp.x.com\n      port: 587\n"
        "      user_name: u\n      password: geheim-77xx\n",
        *("rails", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/site/web.config",
        '<?xml version="1.0"?>\n<configuration><system.net><mailSettings><smtp from="a@b.c">\n<network host="smtp.x.com" port="587" userName="u" '
        'password="geheim-77xx" enableSsl="true" /></smtp></mailSettings></system.net></configuration>\n',
        *("dotnet", "smtp.x.com:587", "starttls-required", "u"),
    ),
    ("/srv/mail.url", "smtp://u:geheim-77xx@smtp.x.com:587\n", *("url", "smtp.x.com:587", "starttls", "u")),
    ("/etc/dma/dma.conf", "SMARTHOST smtp.x.com\nPORT 587\nSECURETRANSFER\nSTARTTLS\n", *("dma", "smtp.x.com:587", "starttls-required", "")),
)  # fmt: skip


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


def test_mail_that_is_only_written_down_is_the_answer() -> None:
    _, found = run(LARAVEL.replace("MAILER=smtp", "MAILER=log"))
    told = [o for o in found if o.status is Status.FAILED]
    assert [(o.data["problem"], o.data["line"], o.data["proven"]) for o in told] == [("mail-discarded", 2, True)]


@pytest.mark.parametrize("text", ["", "APP_ENV=prod\n", "SMTP_HOST=mail\n", "SMTP_URL=http://x/\n"])
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
            assert one.settings.problems == (), path
        assert "geheim" not in shown, path
        if user and "geheim" in text:
            assert formats.credentials(path, text) == (user, "geheim-77xx"), path
    assert {each[2] for each in FILES} >= formats.applications().keys() - {"php", "logins"}


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

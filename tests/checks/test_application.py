"""The settings of the application are judged as Java reads them, and by what its server makes of them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from checks.application.application import application
from diagnose.check import Settings
from diagnose.host.query import DialReply, Listener, ResolveReply
from diagnose.model import HostInfo, Observation, Outcome, Report, Run, SignSpec, Status, Target

from .pretended_application import PROPERTIES, TEMPLATE, Machine, refused, timed_out, usual

STARTTLS = """\
mail.smtp.host=smtp.gmail.com
mail.smtp.port=587
mail.smtp.auth=true
mail.smtp.auth.username=me@example.net
mail.smtp.auth.password=a-long-secret-1
mail.smtp.starttls.enable=true
mail.smtp.starttls.required=true
mail.smtp.timeout=9000
"""
DOCUMENTED = """\
mail.host=smtp.gmail.com
mail.port=465
mail.transport.protocol=smtp
mail.smtp.auth=true

mail.smtp.auth.username=me@gmail.com
mail.smtp.auth.password=abcd efgh ijkl mnop
mail.smtp.socketFactory.port=465
mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory
mail.smtp.socketFactory.fallback=false\\
"""
LOCAL = "mail.host=localhost\nmail.port=25\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n"


def failed(found: list[Observation], sign: str = "app.settings") -> dict[str, Observation]:
    return {
        str(o.data.get("problem", o.data.get("kind"))): o for o in found if o.sign == sign and o.status is Status.FAILED
    }


def test_a_host_without_an_application_is_left_alone() -> None:
    assert "--app-config" in Machine({}).skipped(application)


@pytest.mark.parametrize("text", [STARTTLS, DOCUMENTED, STARTTLS.replace("mail.", "che.mail.")])
def test_settings_that_work_are_not_accused(text: str) -> None:
    """The documented example ends in a backslash, which does no harm at the file's end."""
    machine = Machine({PROPERTIES: text})
    found = machine.run(application)
    assert not [o for o in found if o.status is Status.FAILED]
    assert [o.data["direct"] for o in found if o.sign == "app.route"] == [True]


@pytest.mark.parametrize(
    ("text", "problem", "proven"),
    [
        (DOCUMENTED.replace("me@gmail.com", "YOUR_GMAIL_LOGIN@gmail.com"), "placeholder", True),
        (STARTTLS.replace("smtp.gmail.com", "smtp.example.com"), "host-placeholder", True),
        (STARTTLS.replace("mail.smtp.port=587", "mail.port=587"), "port-ignored", True),
        (STARTTLS.replace("=587", "=587 "), "port-not-a-number", True),
        (STARTTLS.replace("mail.smtp.auth=true", "mail.smtp.auth=true "), "auth-not-boolean", True),
        (STARTTLS.replace("=587", "=587\\"), "swallowed-line", True),
        (STARTTLS.replace("a-long-secret-1", r"C:\users\u12"), "not-loadable", True),
        (STARTTLS.replace("smtp.gmail.com", "<%= @mail_host %>"), "unrendered", True),
        ("greeting=hello\n", "not-configured", True),
        # What does not stop the mail now is said, and not claimed.
        (STARTTLS.replace("=9000", "=9000\\\nmail.debug=true"), "swallowed-line", False),
    ],
)
def test_what_java_makes_of_a_line(text: str, problem: str, proven: bool) -> None:
    found = failed(Machine({PROPERTIES: text}, addresses=_no_example).run(application))
    assert problem in found
    assert found[problem].data["proven"] is proven
    assert found[problem].data["path"] == PROPERTIES


def _no_example(name: str) -> ResolveReply:
    known = name == "smtp.gmail.com"
    return ResolveReply(addresses=("192.0.2.7",)) if known else ResolveReply(problem="name not known")


def test_no_secret_is_said() -> None:
    for text in (STARTTLS.replace("=true\n", "=true \n"), STARTTLS.replace("=a-long", "=\\u12 a-long")):
        assert "a-long-secret-1" not in repr(Machine({PROPERTIES: text}).run(application))


def test_the_correction_names_a_way_that_works() -> None:
    found = failed(Machine({PROPERTIES: STARTTLS.replace("mail.smtp.port=587", "mail.port=587")}).run(application))
    assert "mail.smtp.port=587; mail.smtp.starttls.enable=true" in str(found["port-ignored"].data["setting"])


def test_a_host_of_a_name_that_resolves_is_no_placeholder() -> None:
    found = Machine({PROPERTIES: STARTTLS.replace("smtp.gmail.com", "relay.corp.example")}, server=timed_out).run(
        application
    )
    assert "host-placeholder" not in failed(found)


def test_templates_are_rendered_with_the_manifests_values() -> None:
    template = "mail.host=<%= scope.lookupvar('codenvy::mail_host') %>\nmail.smtp.port=587\nmail.smtp.auth=false\n"
    manifest = '$mail_host = getValue("CODENVY_MAIL_HOST","smtp.example.com")\n'
    files = {TEMPLATE: template, "/etc/puppet/manifests/nodes/codenvy/codenvy.pp": manifest}
    assert "host-placeholder" in failed(Machine(files, addresses=_no_example).run(application))
    files["/etc/codenvy/codenvy.env"] = "CODENVY_MAIL_HOST=smtp.gmail.com\n"
    assert not failed(Machine(files, addresses=_no_example).run(application))


def test_values_that_only_puppet_knows_are_unknown_not_wrong() -> None:
    template = "mail.host=<%= scope.lookupvar('codenvy::mail_host') %>\nmail.port=<%= @port %>\nmail.smtp.auth=false\n"
    machine = Machine({TEMPLATE: template})
    found = machine.run(application)
    assert not failed(found)
    assert any(o.status is Status.UNKNOWN and "mail.host" in o.summary for o in found)
    assert machine.dialled == []


def test_a_cyrillic_letter_in_a_variables_name() -> None:
    files = {PROPERTIES: STARTTLS, "/etc/codenvy/codenvy.env": "\u0421ODENVY_MAIL_HOST=smtp.gmail.com\n"}
    found = failed(Machine(files).run(application))
    assert found["name-not-ascii"].data["path"] == "/etc/codenvy/codenvy.env"


def _here(query: object) -> DialReply:
    return DialReply(address="127.0.0.1", banner="220 app ESMTP Postfix", ehlo="250-app\n250 SIZE", stage="quit")


def test_an_application_that_uses_this_hosts_postfix() -> None:
    found = Machine({PROPERTIES: LOCAL}, server=_here).run(application)
    assert not [o for o in found if o.status is Status.FAILED]
    assert [o.data["direct"] for o in found if o.sign == "app.route"] == [False]


def test_a_local_port_where_nothing_listens() -> None:
    found = failed(Machine({PROPERTIES: LOCAL}, server=refused).run(application), "app.smtp-listener-missing")
    assert found["none"].data["port"] == 25
    elsewhere = Machine({PROPERTIES: LOCAL}, server=refused, listeners=(Listener(address="192.168.1.4", port=25),))
    assert "not-loopback" in failed(elsewhere.run(application), "app.smtp-listener-missing")


def test_without_network_the_listeners_tell() -> None:
    for listeners, wrong in (((), 1), ((Listener(address="0.0.0.0", port=25),), 0)):
        machine = Machine({PROPERTIES: LOCAL}, settings=Settings(network=False), listeners=listeners)
        assert len(failed(machine.run(application), "app.smtp-listener-missing")) == wrong


def test_the_users_own_file_comes_first() -> None:
    settings = Settings(app_config=("/srv/mail.properties",))
    files = {PROPERTIES: STARTTLS.replace("587", "nonsense"), "/srv/mail.properties": STARTTLS}
    found = Machine(files, server=usual, settings=settings).run(application)
    assert {str(o.data.get("path")) for o in found} == {"/srv/mail.properties"}


def test_an_unreadable_file_is_said_to_be_one() -> None:
    settings = Settings(app_config=("/srv/absent.properties",))
    found = Machine({}, settings=settings).run(application)
    assert [(o.status, "not found" in o.summary) for o in found] == [(Status.UNKNOWN, True)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/smtpd.conf", 'table secrets file:/etc/secrets\naction "out" relay host smtp+tls://relay@smtp.example.net\n'),
        ("/srv/mailer.lua", 'return { host = { "smtp.example.net" }, port = { 587 } }\n'),
        ("/srv/application.yml", "spring:\n  mail:\n    properties:\n      mail.smtp.auth: true\n"),
        ("/etc/php.ini", "mail.add_x_header = On\nmail.log = /var/log/phpmail.log\nSMTP = localhost\n"),
        ("/srv/gone.properties", ""),
    ],
)  # fmt: skip
def test_a_named_file_that_is_not_read_leaves_the_question_open(path: str, text: str) -> None:
    """Neither an accusation nor "nothing wrong", even where other mail was seen to flow."""
    machine = Machine({path: text} if text else {}, settings=Settings(app_config=(path,)))
    found = machine.run(application)
    assert [(o.sign, o.status, o.subject) for o in found] == [("app.format", Status.UNKNOWN, path)]
    check = Run(check="application", outcome=Outcome.COMPLETED, observations=tuple(found), signs=application.signs)
    flow = Observation(sign="log.flow", status=Status.OK, subject="log", summary="sent")
    log = Run(check="log", outcome=Outcome.COMPLETED, observations=(flow,), signs=(SignSpec("log.flow", gauge="flow"),))
    report = Report(
        version="0", host=HostInfo(), target=Target(), started=datetime.now(timezone.utc), seconds=0, runs=(log, check)
    )
    assert report.status is Status.UNKNOWN


def test_an_application_of_its_own_hands_user_and_password_to_javamail() -> None:
    text = STARTTLS.replace("auth.username", "user").replace("auth.password", "password")
    named = Machine({"/srv/app/mail.properties": text}, settings=Settings(app_config=("/srv/app/mail.properties",)))
    assert not failed(named.run(application))
    login = next(dial.login for dial in named.dialled if dial.login)
    assert login.keys == ("mail.smtp.user", "mail.smtp.password")
    # Codenvy itself reads the login from its own keys alone.
    assert "credentials-under-other-key" in {
        str(o.data.get("problem")) for o in Machine({PROPERTIES: text}).run(application)
    }

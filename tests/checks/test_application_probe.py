"""The application's server is tried as JavaMail would try it, and what stops the mail is named by its stage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from diagnose.check import Dial, Settings
from diagnose.host.query import DialReply, Process, ResolveReply, TlsInfo
from diagnose.knowledge.causes import by_id
from diagnose.model import Observation, Status
from diagnose.rank import fill

from .pretended_application import (
    GOOD_TLS,
    PROPERTIES,
    TEMPLATE,
    Machine,
    refused,
    timed_out,
    usual,
    with_,
)
from .test_application import DOCUMENTED, LOCAL, STARTTLS, _here

STORE = "/opt/jdk/lib/security/cacerts"


def said(found: list[Observation], status: Status = Status.FAILED) -> dict[str, Observation]:
    return {o.sign: o for o in found if o.status is status}


def probe(text: str, server: Callable[[Dial], DialReply] = usual, **more: object) -> dict[str, Observation]:
    return said(Machine({PROPERTIES: text}, server=server, **more).run(application_probe))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [STARTTLS, DOCUMENTED])
def test_what_works_is_said_to_work(text: str) -> None:
    found = Machine({PROPERTIES: text}).run(application_probe)
    assert not said(found)
    assert {"app.server", "app.tls", "app.certificate", "app.login"} <= said(found, Status.OK).keys()


@pytest.mark.parametrize(("server", "outcome"), [(refused, "refused"), (timed_out, "timeout")])
def test_a_server_that_does_not_answer(server: Callable[[Dial], DialReply], outcome: str) -> None:
    found = probe(STARTTLS, lambda q: server(q) if q.port == 587 else usual(q))
    assert found["app.server"].data["outcome"] == outcome
    assert found["app.server"].data["local"] is False
    assert "465 (implicit)" in str(found["app.server"].data["works"])
    assert found["app.server"].data["answers"] is True


def test_where_no_port_answers_none_is_advised() -> None:
    data = probe(STARTTLS, refused)["app.server"].data
    said = fill(by_id("app-smtp-unreachable").remedy, data)
    assert said.startswith(f"Correct host and port in {PROPERTIES} (now {data['host']}:{data['port']}). Then restart")


def test_a_name_that_does_not_exist_and_one_that_nobody_could_tell() -> None:
    missing = Machine({PROPERTIES: STARTTLS}, addresses=lambda n: ResolveReply(problem="name not known"))
    assert said(missing.run(application_probe))["app.server"].data["outcome"] == "name-not-found"
    silent = Machine({PROPERTIES: STARTTLS}, addresses=lambda n: ResolveReply(problem="temporary failure"))
    assert not said(silent.run(application_probe))


@pytest.mark.parametrize(
    ("text", "kind", "works"),
    [
        (STARTTLS.replace("587", "465"), "plain-on-implicit", "mail.smtp.port=465; mail.smtp.ssl.enable=true"),
        (DOCUMENTED.replace("465", "587"), "tls-on-plain", "mail.smtp.port=587; mail.smtp.starttls.enable=true"),
        (STARTTLS.replace("starttls.", "no."), "starttls-needed", "mail.smtp.port=587; mail.smtp.starttls.enable=true"),
    ],
)
def test_tls_that_begins_the_wrong_way(text: str, kind: str, works: str) -> None:
    found = probe(text)
    assert found["app.tls"].data["kind"] == kind
    assert str(found["app.tls"].data["setting"]).startswith(works)


def test_starttls_that_is_required_and_not_offered() -> None:
    def bare(query: Dial) -> DialReply:
        return with_(
            usual(query),
            ehlo="250-relay\n250 SIZE",
            starttls="",
            tls=None,
            error="not tried: the connection is not encrypted",
        )

    assert probe(STARTTLS, bare)["app.tls"].data["kind"] == "starttls-not-offered"
    # Without `required` JavaMail goes on in the clear, and so does the mail where the server takes it.
    assert "app.tls" not in probe(STARTTLS.replace("required=true", "required=false"), bare)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("unable to get local issuer certificate", "unknown-ca"),
        ("self-signed certificate", "self-signed"),
        ("self-signed certificate in certificate chain", "unknown-ca"),
        ("certificate has expired", "expired"),
    ],
)
def test_a_certificate_that_java_would_refuse(error: str, why: str) -> None:
    def bad(query: Dial) -> DialReply:
        reply = usual(query)
        info = with_tls(GOOD_TLS, verified=False, verify_error=error)
        return (
            with_(reply, tls=info, auth="", error=f"not tried: the certificate is not verified ({error})")
            if reply.tls
            else reply
        )

    assert probe(STARTTLS, bad)["app.certificate"].data["why"] == why
    trusting = Machine({PROPERTIES: STARTTLS + "mail.smtp.ssl.trust=smtp.gmail.com\n"}, server=usual)
    assert not said(trusting.run(application_probe))
    assert all(query.trust for query in trusting.dialled)


def with_tls(info: TlsInfo, **fields: object) -> TlsInfo:
    import dataclasses

    return dataclasses.replace(info, **fields)  # type: ignore[arg-type]


def foreign(query: Dial) -> DialReply:
    reply = usual(query)
    if reply.tls is None or query.verify_name:
        return reply
    info = with_tls(
        GOOD_TLS, verified=False, names=("*.hosting.net",), verify_error="Hostname mismatch, certificate is not valid"
    )
    return with_(reply, tls=info, auth="")


def test_another_name_matters_only_where_it_is_checked() -> None:
    assert "app.certificate" not in probe(STARTTLS, foreign)
    checked = probe(STARTTLS + "mail.smtp.ssl.checkserveridentity=true\n", foreign)
    assert checked["app.certificate"].data["why"] == "wrong-name"


def test_javas_own_trust_store_counts_where_java_runs() -> None:
    def by_store(query: Dial) -> DialReply:
        reply = usual(query)
        if not query.ca_file or reply.tls is None:
            return reply
        return with_(
            reply, tls=with_tls(GOOD_TLS, verified=False, verify_error="unable to get local issuer certificate")
        )

    files = {PROPERTIES: STARTTLS, STORE: "store", "/opt/jdk/bin/java": "program"}
    idle = Machine(files, server=by_store)
    assert not said(idle.run(application_probe))
    running = Machine(
        files,
        server=by_store,
        processes=(Process(pid=9, parent=1, name="java", command=("/opt/jdk/bin/java", "-jar", "a.jar")),),
    )
    assert said(running.run(application_probe))["app.certificate"].data["store"] == STORE


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        (
            "535-5.7.8 Username and Password not accepted.\n535 5.7.8 https://support.google.com/mail/?p=BadCredentials",
            "relay-credentials-rejected",
        ),
        ("534-5.7.9 Application-specific password required.\n534 5.7.9 see", "relay-app-password-required"),
    ],
)
def test_a_login_that_is_refused(reply: str, label: str) -> None:
    found = probe(STARTTLS, lambda q: with_(usual(q), auth=reply) if q.login else usual(q))
    assert found["app.login"].data["label"] == label


def test_a_login_put_off_for_now_is_not_one_refused() -> None:
    assert "app.login" not in probe(
        STARTTLS, lambda q: with_(usual(q), auth="454 4.7.0 Too many login attempts") if q.login else usual(q)
    )


def test_a_login_that_is_wanted_and_not_made() -> None:
    found = probe(STARTTLS.replace("auth=true", "auth=false"))
    assert found["app.login"].data["kind"] == "not-configured"


def test_a_named_application_whose_login_is_not_known_leaves_the_question_open() -> None:
    path, text = (
        "/srv/application.properties",
        "spring.mail.host=smtp.x.test\nspring.mail.port=587\nspring.mail.username=u\n",
    )
    text += "spring.mail.password=${WORD}\nspring.mail.properties.mail.smtp.auth=true\n"
    text += "spring.mail.properties.mail.smtp.starttls.enable=true\n"
    for auth in (True, False):
        settings = Settings(app_config=(path,), auth=auth)
        found = said(Machine({path: text}, settings=settings).run(application), Status.UNKNOWN)
        assert ("app.passes" in found) == auth


def test_logins_switched_off_are_not_tried() -> None:
    machine = Machine({PROPERTIES: STARTTLS}, settings=Settings(auth=False))
    assert not said(machine.run(application_probe))
    assert not [query for query in machine.dialled if query.login]


def test_protocols_that_nobody_takes() -> None:
    assert probe(STARTTLS + "mail.smtp.ssl.protocols=TLSv1 TLSv1.1\n")["app.protocol"].data["kind"] == "settings"
    assert "app.protocol" not in probe(STARTTLS + "mail.smtp.ssl.protocols=TLSv1.2\n")
    assert probe(STARTTLS, java='java version "1.7.0_80"')["app.protocol"].data["kind"] == "runtime"
    assert "app.protocol" not in probe(STARTTLS, java='openjdk version "17.0.9" 2023-10-17')


def test_credentials_from_puppet_are_not_logged_in_with() -> None:
    template = STARTTLS.replace("a-long-secret-1", "<%= @mail_password %>")
    machine = Machine({TEMPLATE: template, "/etc/puppet/manifests/nodes/codenvy/codenvy.pp": '$mail_password = "x"\n'})
    assert not said(machine.run(application_probe))
    assert not [query for query in machine.dialled if query.login]


@pytest.mark.parametrize(
    ("said_at_rcpt", "denied"),
    [
        ("454 4.7.1 <someone@example.com>: Relay access denied", True),  # Postfix' own default, which only puts it off
        ("554 5.7.1 <unknown[10.88.1.2]>: Client host rejected: Not from the test network", True),
        ("450 4.2.0 <someone@example.com>: Recipient address rejected: Greylisted", False),
        (
            "556 5.1.10 <someone@example.com>: Recipient address rejected: Domain example.com does not accept mail",
            False,
        ),
    ],
)
def test_whether_a_server_of_the_own_network_relays_is_asked_at_rcpt(said_at_rcpt: str, denied: bool) -> None:
    asked: list[str] = []

    def server(query: Dial) -> DialReply:
        asked.append(query.recipient)
        met = {"address": "10.88.0.2", "stage": "quit", "banner": "220 mailer ESMTP Postfix", "ehlo": "250 mailer"}
        return DialReply(**met, mail="250 2.1.0 Ok", rcpt=said_at_rcpt)  # type: ignore[arg-type]

    text = "mail.smtp.host=mailer\nmail.smtp.port=25\nmail.smtp.from=noreply@brightwater-labs.com\n"
    found = probe(text, server, addresses=lambda name: ResolveReply(addresses=("10.88.0.2",)))
    assert asked[0] == "someone@example.com"
    assert [o.data["label"] for o in found.values() if o.sign == "app.sender"] == ["relay-access-denied"] * denied
    probe(text, server, addresses=lambda name: ResolveReply(addresses=("45.76.51.22",)))
    assert asked[-1] == ""


def test_an_application_that_uses_this_host() -> None:
    assert not said(Machine({PROPERTIES: LOCAL}, server=_here).run(application_probe))
    found = probe(LOCAL, refused)
    assert found["app.server"].data["local"] is True


def test_without_network_only_what_contradicts_itself_is_told() -> None:
    machine = Machine({PROPERTIES: STARTTLS.replace("587", "465")}, settings=Settings(network=False))
    found = said(machine.run(application_probe))
    assert found["app.tls"].data["proven"] is False
    assert not said(Machine({PROPERTIES: STARTTLS}, settings=Settings(network=False)).run(application_probe))
    assert machine.dialled == []

"""The relay's name, port, TLS and login."""

from __future__ import annotations

import pytest

from checks.relay.relay_certificate import relay_certificate
from checks.relay.relay_envelope import relay_envelope
from checks.relay.relay_greeting import relay_greeting
from checks.relay.relay_login import relay_login
from checks.relay.relay_mechanism import relay_mechanism
from checks.relay.relay_name import relay_name
from checks.relay.relay_protocol import relay_protocol
from checks.relay.relay_reachable import relay_reachable
from checks.relay.relay_session import relay_session
from checks.relay.relay_starttls import relay_starttls
from checks.relay.relay_wrapper import relay_wrapper
from diagnose.check import Dial, Lookup
from diagnose.host.memo import FakeHost
from diagnose.host.query import Attempt, DialReply, DnsReply, MapReply, TlsInfo
from diagnose.model import Observation, Status
from tests.checks.pretended_postfix import failed, of, run
from tests.checks.pretended_relay import EHLO, GOOD_TLS, HOP, HOST, answered, relayed

RELAY = (relay_name, relay_reachable, relay_greeting)
LOGIN = (relay_mechanism, relay_login, relay_envelope)
TLS = (relay_wrapper, relay_starttls, relay_protocol, relay_certificate)
ME, YOU = "noreply@example.net", "maria@example.com"


def kinds(found: list[Observation], sign: str, status: Status = Status.FAILED) -> list[object]:
    return [o.data.get("kind") for o in of(found, sign) if o.status is status]


def run_relay(host: FakeHost, *who: str) -> list[Observation]:
    return [observation for check in RELAY for observation in run(check, host, *who)]


def run_login(host: FakeHost, *who: str) -> list[Observation]:
    return [observation for check in LOGIN for observation in run(check, host, *who)]


def run_tls(host: FakeHost, *who: str) -> list[Observation]:
    return [observation for check in TLS for observation in run(check, host, *who)]


# --- name and port


def test_all_is_well() -> None:
    host = relayed()
    assert failed(run_relay(host)) == failed(run_tls(host)) == failed(run_login(host)) == []


def test_direct_delivery_has_no_relay() -> None:
    host = relayed({"relayhost": None})
    assert run_relay(host) == run_login(host) == []


def test_refused_at_ehlo_under_a_name_that_is_none() -> None:
    later = answered(ehlo="421 4.7.0 Try again later", stage="ehlo", mechanisms=(), tls=None, starttls="", auth="")
    for name, named in (("localhost", False), ("app.example.com", True), ("[192.0.2.1]", True)):
        (found,) = of(run(relay_session, relayed({"smtp_helo_name": name}, dial=later)), "relay.session")
        assert (found.data["stage"], found.data["kind"], found.data["named"]) == ("EHLO", "later", named)


def test_keywords_that_postfix_does_not_hear() -> None:
    told = {"smtp_discard_ehlo_keywords": "STARTTLS, silent-discard"}
    assert kinds(run_tls(relayed(told)), "relay.starttls") == ["unheard"]
    # Mail may go in the clear, and nobody wants a login.
    assert (
        failed(run_tls(relayed({**told, "relayhost": "[mx.example.org]:25", "smtp_tls_security_level": "may"}))) == []
    )
    found = of(run_login(relayed({"smtp_discard_ehlo_keywords": "dsn, auth"})), "relay.mechanism")
    assert [(o.data["kind"], o.data["parameter"]) for o in found] == [("unheard", "smtp_discard_ehlo_keywords")]
    assert failed(run_login(relayed({"smtp_discard_ehlo_keywords": "dsn, chunking"}))) == []


@pytest.mark.parametrize(
    ("next_hop", "kind"),
    [
        ("smtp://smtp.example.com:587", "spelling"),
        ("[smtp.example.com:587]", "spelling"),
        ('"[smtp.example.com]:587"', "spelling"),
        ("[smtp.sendgrid.net]:587\\", "pasted"),
        ("[smtp.gone.example]:587", "nxdomain"),
    ],
)
def test_next_hop_that_leads_nowhere(next_hop: str, kind: str) -> None:
    assert kinds(run_relay(relayed({"relayhost": next_hop})), "relay.name") == [kind]


def test_port_that_no_service_has() -> None:
    host = relayed({"relayhost": "[smtp.sendgrid.net]:smtptls"}, files={"/etc/services": "smtp 25/tcp mail\n"})
    assert kinds(run_relay(host), "relay.name") == ["port-name"]
    fine = relayed({"relayhost": "[smtp.sendgrid.net]:msa"}, files={"/etc/services": "submission 587/tcp msa\n"})
    assert failed(run_relay(fine)) == []


@pytest.mark.parametrize(
    ("addresses", "protocols", "kind"),
    [
        ({"AAAA": ("2001:db8::7",)}, "ipv4", "family"),
        ({"A": ("192.0.2.7",)}, "ipv6", "family"),
        ({"A": ("192.0.2.7", "192.0.2.8", "192.0.2.9"), "AAAA": ("2001:db8::7",)}, "ipv6", ""),
        ({"AAAA": ("2001:db8::7",)}, "all", ""),
        ({"A": ("0.0.0.0",)}, "all", "sinkhole"),
        ({"A": ("0.0.0.0",), "AAAA": ("::",)}, "ipv4", "sinkhole"),
    ],
)
def test_addresses_that_postfix_does_not_use(addresses: dict[str, tuple[str, ...]], protocols: str, kind: str) -> None:
    names = {f"{HOST} {rtype}": found for rtype, found in addresses.items()}
    found = run(relay_name, relayed({"inet_protocols": protocols}, names=names))
    assert kinds(found, "relay.name") == ([kind] if kind else [])


def test_family_that_nobody_answers_for_accuses_nobody() -> None:
    def resolve(query: Lookup) -> DnsReply:
        return DnsReply(rcode="NOERROR", answers=("2001:db8::7",)) if query.rtype == "AAAA" else DnsReply(problem="-")

    found = run(relay_name, relayed({"inet_protocols": "ipv4"}, by_kind={Lookup: resolve}))
    assert failed(found) == []


def test_silent_resolver_accuses_nobody() -> None:
    host = relayed(by_kind={Lookup: lambda q: DnsReply(problem="timed out")})
    found = run_relay(host)
    assert failed(found) == []
    assert of(found, "relay.name")[0].status is Status.UNKNOWN


def test_without_brackets_the_exchangers_count() -> None:
    names = {"relay.example.org MX": ("10 gone.example.org.",), "relay.example.org A": ("192.0.2.9",)}
    host = relayed({"relayhost": "relay.example.org:587"}, names=names)
    assert kinds(run_relay(host), "relay.name") == ["brackets"]
    no_mx = relayed({"relayhost": f"{HOST}:587"})
    assert failed(run_relay(no_mx)) == []


@pytest.mark.parametrize(("error", "outcome"), [("ETIMEDOUT", "timeout"), ("ECONNREFUSED", "refused")])
def test_relay_that_does_not_answer(error: str, outcome: str) -> None:
    reply = DialReply(stage="connect", error=error, attempts=(Attempt(address="192.0.2.7", error=error, seconds=3.5),))
    (found,) = of(run_relay(relayed(dial=reply)), "relay.reachable")
    assert (found.status, found.data["outcome"]) == (Status.FAILED, outcome)


def test_relay_that_hangs_up_before_its_greeting() -> None:
    reply = DialReply(address="192.0.2.7", stage="banner", error="connection closed")
    (found,) = of(run_relay(relayed(dial=reply)), "relay.reachable")
    assert found.data["outcome"] == "closed"


def test_network_switched_off_is_unknown() -> None:
    found = run_relay(relayed(dial=DialReply(problem="network probes are switched off")))
    assert failed(found) == []


# --- TLS


def implicit_only(query: Dial) -> DialReply:
    if query.tls == "implicit":
        return answered(ehlo=f"250 {HOST}", starttls="")
    return DialReply(address="192.0.2.7", stage="banner", error="timed out")


def starttls_only(query: Dial) -> DialReply:
    if query.tls == "implicit":
        return DialReply(
            address="192.0.2.7", stage="tls", error="wrong version number", tls=TlsInfo(error="wrong version number")
        )
    return answered()


@pytest.mark.parametrize("port", [465, 5465])
def test_implicit_tls_without_wrapper_mode(port: int) -> None:
    host = relayed({"relayhost": f"[{HOST}]:{port}"}, dial=implicit_only)
    assert kinds(run_tls(host), "relay.wrapper") == ["needed"]
    wrapped = relayed({"relayhost": f"[{HOST}]:{port}", "smtp_tls_wrappermode": "yes"}, dial=implicit_only)
    assert failed(run_tls(wrapped)) == []


def test_wrapper_mode_on_a_starttls_port() -> None:
    found = run_tls(relayed({"smtp_tls_wrappermode": "yes"}, dial=starttls_only))
    assert kinds(found, "relay.wrapper") == ["unwanted"]


def test_wrapper_mode_without_a_level() -> None:
    settings = {"relayhost": f"[{HOST}]:465", "smtp_tls_wrappermode": "yes", "smtp_tls_security_level": "may"}
    assert kinds(run_tls(relayed(settings, dial=implicit_only)), "relay.wrapper") == ["level"]


def test_starttls_missing() -> None:
    reply = answered(ehlo=f"250-{HOST}\n250 PIPELINING", starttls="", tls=None)
    assert kinds(run_tls(relayed(dial=reply)), "relay.starttls") == ["not-offered"]
    assert failed(run_tls(relayed({"smtp_tls_security_level": "may"}, dial=reply))) == []


def test_relay_demands_what_is_off_here() -> None:
    reply = answered(
        starttls="", tls=None, mechanisms=(), auth="", mail="530 5.7.0 Must issue a STARTTLS command first"
    )
    host = relayed({"smtp_tls_security_level": "none"}, dial=reply)
    assert kinds(run_tls(host, YOU, ME), "relay.starttls") == ["demanded"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("certificate has expired", "expired"),
        ("self-signed certificate", "self-signed"),
        ("Hostname mismatch", "wrong-name"),
    ],
)
def test_certificate_counts_only_where_it_must_verify(error: str, why: str) -> None:
    reply = answered(tls=TlsInfo(version="TLSv1.3", cipher="X", verify_error=error))
    (bad,) = of(run_tls(relayed({"smtp_tls_security_level": "secure"}, dial=reply)), "relay.certificate")
    assert (bad.status, bad.data["why"], bad.data["verifies"]) == (Status.FAILED, why, True)
    assert failed(run_tls(relayed(dial=reply))) == []


def test_versions_that_nobody_speaks() -> None:
    assert kinds(run_tls(relayed({"smtp_tls_mandatory_protocols": "TLSv1"})), "relay.protocol") == ["own-protocols"]
    assert kinds(run_tls(relayed({"smtp_tls_mandatory_protocols": "TLSv1.2+"})), "relay.protocol") == ["invalid-list"]
    assert failed(run_tls(relayed({"smtp_tls_protocols": "TLSv1"}))) == []


def test_handshake_without_common_ground() -> None:
    reply = answered(
        tls=TlsInfo(error="tlsv1 alert protocol version"), stage="starttls", error="tlsv1 alert protocol version"
    )
    assert kinds(run_tls(relayed(dial=reply)), "relay.protocol") == ["no-common"]


# --- login


def test_credentials_rejected() -> None:
    reply = answered(auth="535 5.7.8 Error: authentication failed", stage="auth")
    (found,) = of(run_login(relayed(dial=reply)), "relay.login")
    assert (found.status, found.data["label"], found.data["code"]) == (Status.FAILED, "relay-credentials-rejected", 535)


def test_application_password() -> None:
    said = "534-5.7.9 Application-specific password required. For more information, go to\n534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor x - gsmtp"
    (found,) = of(run_login(relayed(dial=answered(auth=said, stage="auth"))), "relay.login")
    assert found.data["label"] == "relay-app-password-required"


def test_a_passing_trouble_of_the_server_is_no_rejection() -> None:
    reply = answered(auth="421 4.3.2 Service not available, try later", stage="auth")
    assert failed(run_login(relayed(dial=reply))) == []


@pytest.mark.parametrize(
    ("offered", "settings", "plugins", "kind"),
    [
        (("PLAIN", "LOGIN"), {"smtp_sasl_security_options": "noplaintext, noanonymous"}, True, "options"),
        (("PLAIN", "LOGIN"), {"smtp_sasl_mechanism_filter": "cram-md5"}, True, "filter"),
        (("XOAUTH2",), {}, True, "token-only"),
        (("PLAIN", "LOGIN"), {}, False, "plug-in"),
    ],
)
def test_why_no_mechanism_is_left(offered: tuple[str, ...], settings: dict[str, str], plugins: bool, kind: str) -> None:
    reply = answered(mechanisms=offered, auth="", stage="auth", error="no usable mechanism")
    host = relayed(settings, dial=reply) if plugins else relayed(settings, dial=reply, plugins=())
    assert kinds(run_login(host), "relay.mechanism") == [kind]


def test_a_refusal_after_the_login_is_about_the_account() -> None:
    for said, label in (("530 Log in", "relay-account-restricted"), ("550 5.7.0 x", "policy-refused")):
        (found,) = of(run_login(relayed(dial=answered(mail=said)), YOU, ME), "relay.envelope")
        assert (found.data["label"], found.data["signed_in"]) == (label, True)


def test_unreadable_map_is_unknown_and_no_refusal_is_provoked() -> None:
    asked: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        asked.append(query)
        return answered(auth="")

    host = relayed(dial=dial, lookup=MapReply(problem="permission denied"))
    found = run_login(host, YOU, ME)
    assert failed(found) == []
    assert of(found, "relay.login")[0].status is Status.UNKNOWN
    assert {query.say for query in asked} == {"ehlo"}


def test_no_password_is_said_in_the_clear_where_tls_is_demanded() -> None:
    asked: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        asked.append(query)
        return answered(
            ehlo=f"250-{HOST}\n250 AUTH PLAIN",
            starttls="",
            tls=None,
            auth="",
            stage="auth",
            error="not tried: the connection is not encrypted",
        )

    run_login(relayed(dial=dial))
    assert asked
    assert not any(query.trust for query in asked)


def test_an_unverified_certificate_is_trusted_as_postfix_would() -> None:
    def dial(query: Dial) -> DialReply:
        if query.trust:
            return answered()
        unverified = TlsInfo(version="TLSv1.3", cipher="X", verify_error="self-signed certificate")
        return answered(tls=unverified, auth="", stage="auth", error="not tried: the certificate is not verified (x)")

    (found,) = of(run_login(relayed(dial=dial)), "relay.login")
    assert found.status is Status.OK
    strict = run_login(relayed({"smtp_tls_security_level": "secure"}, dial=dial))
    assert of(strict, "relay.login")[0].status is Status.UNKNOWN


def test_session_is_one_for_all_three_checks() -> None:
    assert EHLO
    assert GOOD_TLS.verified
    seen: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        seen.append(query)
        return answered()

    host = relayed(dial=dial)
    for check in (*RELAY, *TLS, *LOGIN):
        run(check, host)
    assert len(set(seen)) == 1
    assert seen[0].login is not None
    assert seen[0].login.keys == (HOP.lower(),)


def test_of_several_relays_the_first_that_greets_counts() -> None:
    def dial(query: Dial) -> DialReply:
        if query.host == "dead.example.org":
            return DialReply(
                stage="connect", error="ECONNREFUSED", attempts=(Attempt(address="192.0.2.1", error="ECONNREFUSED"),)
            )
        return answered()

    host = relayed({"relayhost": f"[dead.example.org]:587, {HOP}"}, dial=dial)
    found = run_relay(host)
    assert failed(found) == []
    assert [o.subject for o in of(found, "relay.reachable") if o.status is Status.WARNING] == ["[dead.example.org]:587"]
    assert of(run_login(host), "relay.login")[0].status is Status.OK


def test_test_servers_deliver_nothing() -> None:
    name = "sandbox.smtp.mailtrap.io"
    host = relayed({"relayhost": f"[{name}]:587"}, names={f"{name} A": ("192.0.2.7",)})
    assert [o.status for o in of(run_relay(host), "relay.catch-all")] == [Status.WARNING]
    assert of(run_relay(relayed()), "relay.catch-all") == []


def test_servfail_for_the_relay_alone_is_a_hint() -> None:
    host = relayed(by_kind={Lookup: lambda q: DnsReply(rcode="SERVFAIL")})
    found = run_relay(host)
    assert kinds(found, "relay.name", Status.WARNING) == ["servfail"]


def test_a_mechanism_that_this_tool_does_not_speak_is_a_proof_that_was_not_obtained() -> None:
    """But not where mail is seen to pass: that shows that Postfix speaks it."""
    none = {"auth": "", "mechanism": "", "stage": "auth", "error": "no usable mechanism"}
    host = relayed(dial=answered(mechanisms=("GSSAPI",), **none))
    (found,) = of(run(relay_login, host), "relay.login")
    assert (found.status, found.data["proof"], found.data["one_of_many"]) == (Status.UNKNOWN, "tried", True)


def test_a_login_that_is_put_off_is_not_called_refused() -> None:
    host = relayed(dial=answered(auth="451 4.3.0 later", mechanism="PLAIN", stage="auth"))
    (found,) = of(run(relay_login, host), "relay.login")
    assert "is put off: 451 4.3.0 later" in found.summary

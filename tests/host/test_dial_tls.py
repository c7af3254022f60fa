"""Certificates, handshakes and logins, good and bad."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from diagnose.facts.dialogue import Break, broken
from diagnose.host.live import certificate
from diagnose.host.live.dial import dial
from diagnose.host.query import Dial
from diagnose.parse.text.masking import Secrets
from tests.host.caller import LOGIN, NAME, PASSWORD, USER, ask, context
from tests.host.server import Smtp, serving


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(days=3))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
    cert = builder.sign(key, hashes.SHA256())
    pem = tmp_path / "self.pem"
    pem.write_bytes(
        cert.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


# TLS


def test_pins_are_as_openssl_makes_them(ca: trustme.CA, ca_file: str) -> None:
    """Of the certificate, and of its public key as it stands there."""
    issued = ca.issue_cert(NAME)
    cert = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    with serving(Smtp(tls=context(issued))) as port:
        tls = ask(port, tls="starttls", ca_file=ca_file, verify_name=NAME).tls
    key = cert.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert tls is not None
    assert set(tls.pins) > {cert.fingerprint(hashes.SHA1()).hex(), hashlib.sha256(key).hexdigest()}


def test_a_good_certificate_is_verified(ca: trustme.CA, ca_file: str) -> None:
    server = Smtp(tls=context(ca.issue_cert(NAME, "alt.example.org")), over_tls=("AUTH PLAIN LOGIN",))
    with serving(server) as port:
        reply = ask(port, tls="starttls", ca_file=ca_file, verify_name=NAME)
    assert (reply.stage, reply.error, reply.starttls) == ("quit", "", "220 go ahead")
    assert reply.offers_starttls
    assert reply.mechanisms == ("PLAIN", "LOGIN")
    assert reply.tls is not None
    assert (reply.tls.verified, reply.tls.verify_error, reply.tls.error) == (True, "", "")
    assert reply.tls.version.startswith("TLSv1.")
    assert set(reply.tls.names) == {NAME, "alt.example.org"}
    assert reply.tls.not_before < time.time() < reply.tls.not_after
    assert "O=trustme" in reply.tls.issuer
    assert server.heard.count("CONNECT") == 1


def test_the_dialogue_goes_on_after_a_bad_certificate(ca: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    expired = context(ca.issue_cert(NAME, not_before=past, not_after=past + datetime.timedelta(days=9)))
    for server_tls, text in (
        (self_signed(tmp_path), "self-signed"),
        (expired, "expired"),
        (context(ca.issue_cert("other.example.org")), "mismatch"),
        (context(trustme.CA().issue_cert(NAME)), "local issuer"),
    ):
        for implicit in (False, True):
            server = Smtp(tls=server_tls, implicit=implicit, over_tls=("AUTH PLAIN",))
            with serving(server) as port:
                mode = "implicit" if implicit else "starttls"
                reply = ask(port, tls=mode, ca_file=ca_file, verify_name=NAME, say="auth", login=LOGIN)
            assert reply.tls is not None
            assert text in reply.tls.verify_error.replace("self signed", "self-signed")
            assert not reply.tls.verified
            assert reply.tls.not_after > 0
            assert reply.mechanisms == ("PLAIN",)
            assert (reply.stage, reply.auth) == ("auth", "")
            assert reply.error.startswith("not tried: the certificate is not verified")
            assert server.heard.count("CONNECT") == 2
            assert server.heard[-1] == "QUIT"


def test_a_missing_bundle_is_the_reason(ca: trustme.CA) -> None:
    with serving(Smtp(tls=context(ca.issue_cert(NAME)))) as port:
        reply = ask(port, tls="starttls", ca_file="/etc/pki/tls/no-such.crt", verify_name=NAME)
        directory = ask(port, tls="starttls", ca_path="/no/such/directory", verify_name=NAME)
    assert reply.tls is not None
    assert "/etc/pki/tls/no-such.crt: No such file" in reply.tls.verify_error
    assert (reply.stage, reply.tls.verified) == ("quit", False)
    assert directory.tls is not None
    assert "/no/such/directory cannot be read" in directory.tls.verify_error


def test_tls_where_none_is_spoken() -> None:
    with serving(Smtp()) as port:
        reply = ask(port, tls="implicit")
    assert (reply.stage, reply.error) == ("tls", "wrong version number")
    assert reply.tls is not None
    assert reply.tls.error == "wrong version number"


def test_plain_where_tls_is_spoken(ca: trustme.CA) -> None:
    with serving(Smtp(tls=context(ca.issue_cert(NAME)), implicit=True)) as port:
        reply = ask(port, timeout=0.3)
    assert (reply.stage, reply.error) == ("banner", "timed out")


def test_starttls_refused_or_not_offered_goes_on_in_the_clear() -> None:
    with serving(Smtp()) as port:
        reply = ask(port, tls="starttls")
    assert (reply.stage, reply.error, reply.starttls, reply.tls) == ("quit", "", "", None)
    refusing = Smtp(extensions=("STARTTLS",), replies={"STARTTLS": "454 4.7.0 TLS not available"})
    with serving(refusing) as port:
        reply = ask(port, tls="starttls")
    assert (reply.stage, reply.error, reply.starttls) == ("quit", "", "454 4.7.0 TLS not available")


def test_an_old_protocol_is_told_by_openssl() -> None:
    def serve(conn: socket.socket) -> None:
        conn.recv(4096)
        conn.sendall(bytes.fromhex("15 0301 0002 02 46"))  # alert: protocol version

    with serving(serve) as port:
        reply = ask(port, tls="implicit")
    assert reply.stage == "tls"
    assert "protocol version" in reply.error


# AUTH


@pytest.fixture(scope="module")
def secure(ca: trustme.CA) -> ssl.SSLContext:
    return context(ca.issue_cert(NAME))


def test_plain_accepted_and_refused(secure: ssl.SSLContext, ca_file: str) -> None:
    for verdict in ("235 2.7.0 welcome", "535-5.7.8 Username and Password\r\n535 5.7.8 not accepted"):
        server = Smtp(tls=secure, over_tls=("AUTH LOGIN PLAIN XOAUTH2",), replies={"AUTH PLAIN": verdict})
        with serving(server) as port:
            reply = ask(port, tls="starttls", ca_file=ca_file, verify_name=NAME, say="auth", login=LOGIN)
        assert (reply.stage, reply.error, reply.mechanism) == ("quit", "", "PLAIN")
        assert reply.auth == verdict.replace("\r\n", "\n")
        blob = next(line for line in server.heard if line.startswith("AUTH")).split()[2]
        assert base64.b64decode(blob) == f"\0{USER}\0{PASSWORD}".encode()


def test_login_answers_two_challenges(secure: ssl.SSLContext, ca_file: str) -> None:
    server = Smtp(
        tls=secure,
        implicit=True,
        over_tls=("AUTH=LOGIN",),
        challenges={"AUTH LOGIN": ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 5.7.8 no"]},
    )
    with serving(server) as port:
        reply = ask(port, tls="implicit", ca_file=ca_file, verify_name=NAME, say="rcpt", login=LOGIN, sender="a@b.c")
    assert (reply.stage, reply.error, reply.auth, reply.mail) == ("auth", "", "535 5.7.8 no", "")
    assert base64.b64decode(server.heard[-2]).decode() == PASSWORD
    assert server.heard[-1] == "QUIT"


def test_cram_md5_never_sends_the_password() -> None:
    challenge = b"<1896.697170952@mx.example.org>"
    server = Smtp(
        extensions=("AUTH PLAIN CRAM-MD5",),
        challenges={"AUTH CRAM-MD5": [f"334 {base64.b64encode(challenge).decode()}", "235 ok"]},
    )
    with serving(server) as port:
        reply = ask(port, say="auth", login=LOGIN, trust=True)
    assert (reply.mechanism, reply.auth, reply.stage) == ("CRAM-MD5", "235 ok", "quit")
    digest = hmac.new(PASSWORD.encode(), challenge, hashlib.md5).hexdigest()
    assert base64.b64decode(server.heard[-3]).decode() == f"{USER} {digest}"
    assert server.heard[-2:] == ["RSET", "QUIT"]  # some servers accept a login, and then close
    assert digest not in repr(reply)


def test_no_login_in_the_clear() -> None:
    server = Smtp(extensions=("AUTH PLAIN",))
    with serving(server) as port:
        reply = ask(port, say="auth", login=LOGIN)
    assert (reply.stage, reply.error, reply.auth) == ("auth", "not tried: the connection is not encrypted", "")
    assert not any("AUTH" in line for line in server.heard)


def test_what_stands_in_the_way_of_a_login() -> None:
    with serving(Smtp(extensions=("AUTH XOAUTH2 GSSAPI",))) as port:
        assert ask(port, say="auth", login=LOGIN, trust=True).error == "no usable mechanism"
        assert ask(port, say="auth", login=LOGIN, trust=True, password=None).error == "no credentials found"
    with serving(Smtp(extensions=("AUTH PLAIN LOGIN",))) as port:
        restricted = ask(port, say="auth", login=LOGIN, trust=True, mechanisms=("CRAM-MD5",))
    assert restricted.error == "no usable mechanism"


@pytest.mark.parametrize("password", [PASSWORD, "kurz", "päss wörd:€€"])
def test_a_server_that_echoes_the_password_is_not_repeated(password: str) -> None:
    blob = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()
    coded = base64.b64encode(password.encode()).decode()
    echo = f"535 bad login {password} {coded} {blob} ({password})"
    with serving(Smtp(extensions=("AUTH PLAIN",), replies={"AUTH PLAIN": echo})) as port:
        reply = ask(port, say="auth", login=LOGIN, trust=True, password=password)
    assert reply.auth.startswith("535 bad login ***")


def test_an_oauth_error_is_read_and_taken_back() -> None:
    error = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}').decode()
    server = Smtp(extensions=("AUTH PLAIN",), challenges={"AUTH PLAIN": [f"334 {error}", "535 5.7.8 denied"]})
    with serving(server) as port:
        reply = ask(port, say="auth", login=LOGIN, trust=True)
    assert reply.auth == "334-status=400 schemes=Bearer scope=https://mail.example/\n535 5.7.8 denied"
    assert "*" in server.heard


@pytest.mark.parametrize("end", ["334 more", "501 5.7.0 cancelled", "500 what"])
def test_a_login_without_end_judges_no_credentials(end: str) -> None:
    server = Smtp(extensions=("AUTH PLAIN",), challenges={"AUTH PLAIN": ["334 more", end]})
    with serving(server) as port:
        reply = ask(port, say="auth", login=LOGIN, trust=True)
    assert (reply.stage, reply.error, reply.auth) == ("auth", "the login never ends", "")
    assert broken(reply) == Break("auth", "nonsense", "asks for more after the complete login")


def test_secrets_of_this_run_are_hidden_wherever_they_turn_up() -> None:
    secrets = Secrets()
    secrets.add(PASSWORD)
    with serving(Smtp(banner=f"220 {PASSWORD}\x1b[2J\u202e hello")) as port:
        reply = ask(port, secrets=secrets)
    assert reply.banner == r"220 ********[2J\u202e hello"


# Reading certificates


def test_a_malformed_certificate_reads_as_empty(ca: trustme.CA) -> None:
    der = ssl.PEM_cert_to_DER_cert(ca.issue_cert(NAME, "192.0.2.7").cert_chain_pems[0].bytes().decode())
    whole = certificate.read(der)
    assert set(whole.names) == {NAME, "192.0.2.7"}
    for length in range(0, len(der) - 1, 7):
        certificate.read(der[:length])
    assert certificate.read(b"\x30\x84\xff\xff\xff\xff") == certificate.Certificate()


def test_silence_after_starttls(ca_file: str) -> None:
    def serve(conn: socket.socket) -> None:
        for answer in (b"220 hello\r\n", b"250-hello\r\n250 STARTTLS\r\n", b"220 go\r\n"):
            conn.sendall(answer)
            conn.recv(4096)
        time.sleep(1.5)

    with serving(serve) as port:
        reply = ask(port, tls="starttls", ca_file=ca_file, timeout=0.3)
    assert (reply.stage, reply.error, reply.problem) == ("starttls", "timed out", None)
    assert reply.tls is not None
    assert reply.tls.error == "timed out"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_what_was_said_is_told_without_the_login(ca: trustme.CA, ca_file: str, mechanism: str) -> None:
    """Also where the server says the password again."""
    challenge = base64.b64encode(b"<1@mx.example.org>").decode()
    questions = {
        "PLAIN": [f"535 5.7.8 no: {PASSWORD}"],
        "LOGIN": ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", f"535 {PASSWORD}"],
    }
    asked = questions.get(mechanism, [f"334 {challenge}", f"535 5.7.8 no {PASSWORD[::-1]}"])
    server = Smtp(
        tls=context(ca.issue_cert(NAME)), over_tls=(f"AUTH {mechanism}",), challenges={f"AUTH {mechanism}": asked}
    )
    told: list[tuple[str, ...]] = []
    with serving(server) as port:
        query = Dial(
            host="127.0.0.1", port=port, tls="starttls", say="auth", login=LOGIN, ca_file=ca_file, verify_name=NAME
        )
        dial(
            query, time.monotonic() + 8, lambda _: (USER, PASSWORD), Secrets(), heard=lambda *each: told.append(each[2])
        )
    (lines,) = told
    assert f"C: AUTH {mechanism} ********" in lines
    assert any(line.startswith("S: 535") for line in lines)
    assert [line for line in lines if line.startswith("* TLSv1.") and line.endswith(", verified")]
    assert lines[-2:] == ("C: QUIT", "S: 221 bye")
    for form in (PASSWORD, PASSWORD[::-1], base64.b64encode(PASSWORD.encode()).decode(), challenge):
        assert form not in "\n".join(lines)

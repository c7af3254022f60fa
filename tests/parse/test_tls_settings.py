"""TLS parameters."""

import pytest

from diagnose.parse.postfix.tls_settings import certificate_problem, handshake_problem, policy, versions


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("", ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")),
        ("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", ("TLSv1.2", "TLSv1.3")),
        (">=TLSv1.2", ("TLSv1.2", "TLSv1.3")),
        (">=TLSv1, <=TLSv1.2", ("TLSv1", "TLSv1.1", "TLSv1.2")),
        (">=0303", ("TLSv1.2", "TLSv1.3")),
        ("TLSv1", ("TLSv1",)),
        ("tlsv1.2:tlsv1.3", ("TLSv1.2", "TLSv1.3")),
        ("TLSv1.2+", None),
        ("TLS1.2", None),
        (">TLSv1.2", None),
    ],
)
def test_versions(value: str, left: tuple[str, ...] | None) -> None:
    assert versions(value) == left


def test_bounds_are_refused_before_3_6() -> None:
    assert versions(">=TLSv1.2", (3, 5)) is None
    assert versions("!SSLv3", (3, 5)) is not None


def test_policy() -> None:
    entry = policy("secure match=.example.com:nexthop protocols=>=TLSv1.2")
    assert (entry.level, entry.get("match"), entry.valid) == ("secure", ".example.com:nexthop", True)
    assert not policy("encrypted").valid
    assert not policy("").valid
    assert not policy("encrypt high").valid


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("certificate has expired", "expired"),
        ("certificate is not yet valid", "not-yet-valid"),
        ("self-signed certificate", "self-signed"),
        ("self signed certificate in certificate chain", "unknown-ca"),
        ("unable to get local issuer certificate", "unknown-ca"),
        ("Hostname mismatch, certificate is not valid for 'a.example'.", "wrong-name"),
        ("whatever", "other"),
    ],
)
def test_certificate_problem(text: str, kind: str) -> None:
    assert certificate_problem(text) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("wrong version number", "wrong-version"),
        ("tlsv1 alert protocol version", "mismatch"),
        ("unsupported protocol", "mismatch"),
        ("sslv3 alert handshake failure", "mismatch"),
        ("dh key too small", "mismatch"),
        ("connection closed", "closed"),
        ("timed out", "timeout"),
    ],
)
def test_handshake_problem(text: str, kind: str) -> None:
    assert handshake_problem(text) == kind

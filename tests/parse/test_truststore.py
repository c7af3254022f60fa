"""Java's key stores give their certificates, and nothing else makes them fail."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import trustme

from diagnose.host.live import tls
from diagnose.parse.system import truststore


def der() -> bytes:
    import ssl

    return ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode())


def jks(*certificates: bytes) -> bytes:
    """As java.security.KeyStore writes it, with a made-up digest."""
    out = b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, len(certificates))
    for number, certificate in enumerate(certificates):
        alias = f"root-{number}".encode()
        out += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">Q", 1_700_000_000_000)
        out += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(certificate)) + certificate
    return out + b"\0" * 20


def test_a_jks_file_gives_its_certificates() -> None:
    one, two = der(), der()
    assert truststore.certificates(jks(one, two)) == (one, two)


def test_what_is_cut_off_or_no_store_at_all_is_said_to_be_none() -> None:
    whole = jks(der())
    assert all(truststore.certificates(whole[:size]) is None for size in range(12, len(whole) - 20, 7))
    assert truststore.certificates(b"-----BEGIN CERTIFICATE-----\n") is None
    assert truststore.certificates(b"\x30\x82") is None
    assert truststore.certificates(b"") is None


@pytest.mark.skipif(shutil.which("keytool") is None, reason="needs Java's keytool")
@pytest.mark.parametrize("encrypted", [True, False])
def test_keytools_pkcs12_is_read_where_its_certificates_are_not_encrypted(tmp_path: Path, encrypted: bool) -> None:
    (tmp_path / "ca.der").write_bytes(certificate := der())
    options = (
        ()
        if encrypted
        else ("-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-J-Dkeystore.pkcs12.macAlgorithm=NONE")
    )
    subprocess.run(
        ["keytool", *options, "-importcert", "-noprompt", "-keystore", tmp_path / "store", "-storetype", "PKCS12",
         "-storepass", "changeit", "-alias", "root", "-file", tmp_path / "ca.der"],
        check=True, capture_output=True,
    )  # fmt: skip
    found = truststore.certificates((tmp_path / "store").read_bytes())
    assert found == (None if encrypted else (certificate,))


def test_a_key_store_may_be_what_a_dial_verifies_against(tmp_path: Path) -> None:
    (tmp_path / "cacerts").write_bytes(jks(der()))
    (tmp_path / "broken").write_bytes(b"\xfe\xed\xfe\xed\0")
    assert tls.bundle_problem(str(tmp_path / "cacerts"), "") == ""
    assert "CA file" in tls.bundle_problem(str(tmp_path / "broken"), "")

"""A published DKIM key against the key that signs; openssl makes both."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from diagnose.parse.sender import dkim


def key(path: Path, *how: str) -> str:
    """A new private key's public part, as openssl prints it."""
    subprocess.run(["openssl", "genpkey", *how, "-out", str(path)], check=True, capture_output=True)
    made = subprocess.run(["openssl", "pkey", "-in", str(path), "-pubout"], check=True, capture_output=True, text=True)
    return made.stdout


RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def test_the_record_of_a_key_is_that_keys(tmp_path: Path) -> None:
    for how in (RSA, ("-algorithm", "ED25519")):
        own = dkim.of_private(key(tmp_path / "key", *how))
        other = dkim.of_private(key(tmp_path / "other", *how))
        found = dkim.published((dkim.record(own),))
        assert found.problem == ""
        assert dkim.same(own, found.public)
        assert not dkim.same(other, found.public)


def test_an_rsa_key_may_be_published_without_its_algorithm(tmp_path: Path) -> None:
    own = dkim.of_private(key(tmp_path / "key", *RSA))
    shown = subprocess.run(
        ["openssl", "rsa", "-in", str(tmp_path / "key"), "-RSAPublicKey_out", "-outform", "DER"],
        check=True,
        capture_output=True,
    )
    bare = dkim.published((f"v=DKIM1; p={base64.b64encode(shown.stdout).decode()}",))
    assert dkim.same(own, bare.public)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ((), "missing"),
        (("v=spf1 -all",), "missing"),
        (("v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"), "several"),
        (("v=DKIM1; k=rsa; p=",), "revoked"),
        (("v=DKIM2; p=AAAA",), "syntax"),
        (("k=rsa; v=DKIM1; p=AAAA",), "syntax"),
        (("v=DKIM1; k=dsa; p=AAAA",), "syntax"),
        (("v=DKIM1; p=MIIB%%%",), "syntax"),
        (("v=DKIM1; s=tlsrpt; p=AAAA",), "syntax"),
        (("p=AAAA",), ""),
        (("v=DKIM1; h=sha256; k=rsa; s=email; t=s; p=AA AA",), ""),
    ],
)
def test_what_is_published(texts: tuple[str, ...], problem: str) -> None:
    assert dkim.published(texts).problem == problem


def test_a_domain_that_only_tests() -> None:
    assert dkim.published(("v=DKIM1; t=y:s; p=AAAA",)).testing
    assert not dkim.published(("v=DKIM1; t=s; p=AAAA",)).testing

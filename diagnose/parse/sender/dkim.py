"""Compares a published DKIM key with the signing key. RFC 6376 section 3.6.1, RFC 8463."""

from __future__ import annotations

import base64
import binascii
import re

from diagnose.parse.sender.dmarc import tags
from diagnose.record import frozen

_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----(?P<body>[A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
_ED25519 = bytes.fromhex("302a300506032b6570032100")  # precedes the 32 octets of the key in a SubjectPublicKeyInfo


@frozen
class Key:
    """A published key. problem: missing, several, syntax, revoked, or "" if it is valid; why: the problem in words;
    testing: t=y."""

    problem: str = ""
    why: str = ""
    public: bytes = b""
    testing: bool = False


def published(texts: tuple[str, ...]) -> Key:
    """The key in the TXT records of selector._domainkey.domain."""
    records = [text for text in texts if re.search(r"(?:^|;)\s*p\s*=", text)]
    if not records:
        return Key(problem="missing", why="no key is published")
    if len(records) > 1:
        return Key(problem="several", why=f"{len(records)} records are published there, where one is allowed")
    said = tags(records[0])
    testing = "y" in re.split(r"\s*:\s*", said.get("t", ""))
    if said.get("v", "DKIM1") != "DKIM1" or ("v" in said and not re.match(r"\s*v\s*=", records[0])):
        return Key(problem="syntax", why="its record does not begin with v=DKIM1", testing=testing)
    if said.get("k", "rsa").lower() not in ("rsa", "ed25519"):
        return Key(problem="syntax", why=f"its record names an unknown kind of key, k={said['k']}", testing=testing)
    if not said["p"]:
        return Key(problem="revoked", why="its record says that the key is revoked (p= is empty)", testing=testing)
    services = re.split(r"\s*:\s*", said.get("s", "*"))
    if not {"*", "email"} & set(services):
        return Key(
            problem="syntax", why=f"its record says that the key is not for mail (s={said['s']})", testing=testing
        )
    try:
        public = base64.b64decode(re.sub(r"\s", "", said["p"]), validate=True)
    except (binascii.Error, ValueError):
        return Key(problem="syntax", why="its p= is not base64", testing=testing)
    return Key(public=public, testing=testing)


def of_private(pem: str) -> bytes:
    """The public key in the output of `openssl pkey -pubout`, as DKIM publishes it; b"" if there is none."""
    found = _PEM.search(pem)
    if found is None:
        return b""
    try:
        der = base64.b64decode(re.sub(r"\s", "", found["body"]), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return der.removeprefix(_ED25519) if der.startswith(_ED25519) else der


def same(one: bytes, other: bytes) -> bool:
    """Whether two public keys are the same. An RSA key may be published with or without its algorithm (RFC 6376
    errata 3017)."""
    return bool(one) and bool(other) and (one == other or one.endswith(other) or other.endswith(one))


def record(public: bytes) -> str:
    """The text to publish."""
    kind = "ed25519" if len(public) == 32 else "rsa"
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"

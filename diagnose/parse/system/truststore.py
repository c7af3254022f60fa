"""Reads the trusted certificates in Java key stores, without a password.

JKS as java.security.KeyStore writes it (magic FEEDFEED; its certificates are not encrypted), and PKCS #12 (RFC 7292)
if its certificate bags are not encrypted, as in the cacerts of Java 18 and later.
"""

from __future__ import annotations

import struct

_JKS = b"\xfe\xed\xfe\xed"
_TRUSTED, _KEY = 2, 1
# A bag of type x509Certificate: the object identifier 1.2.840.113549.1.9.22.1, then [0] with an octet string.
_CERTIFICATE_BAG = bytes.fromhex("060a2a864886f70d01091601")
MOST = 2000


def certificates(data: bytes) -> tuple[bytes, ...] | None:
    """The trusted certificates in DER; None if this is not a key store, or one that needs a password."""
    try:
        if data.startswith(_JKS):
            return _jks(data)
        if data[:1] == b"\x30":
            return _pkcs12(data) or None
    except (struct.error, IndexError, ValueError):
        return None
    return None


def _jks(data: bytes) -> tuple[bytes, ...]:
    version, count = struct.unpack_from(">II", data, 4)
    at = 12
    found: list[bytes] = []

    def text() -> None:
        nonlocal at
        at += 2 + int(struct.unpack_from(">H", data, at)[0])

    def blob() -> bytes:
        nonlocal at
        size = int(struct.unpack_from(">I", data, at)[0])
        at += 4 + size
        if at > len(data):
            raise ValueError("cut off")
        return data[at - size : at]

    def certificate() -> bytes:
        if version == 2:
            text()
        return blob()

    for _ in range(min(count, MOST)):
        tag = struct.unpack_from(">I", data, at)[0]
        at += 4
        text()
        at += 8
        if tag == _TRUSTED:
            found.append(certificate())
        elif tag == _KEY:
            blob()
            chain = int(struct.unpack_from(">I", data, at)[0])
            at += 4
            for _ in range(min(chain, 100)):
                certificate()
        else:
            raise ValueError("not an entry")
    return tuple(found)


def _pkcs12(data: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = data.find(_CERTIFICATE_BAG)
    while at >= 0 and len(found) < MOST:
        at += len(_CERTIFICATE_BAG)
        tag, _, inside = _header(data, at)
        if tag == 0xA0:
            tag, size, start = _header(data, inside)
            if tag == 0x04 and data[start : start + 1] == b"\x30":
                found.append(data[start : start + size])
        at = data.find(_CERTIFICATE_BAG, at)
    return tuple(found)


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """(tag, length, offset of the contents) of a DER element."""
    first = data[at + 1]
    if first < 0x80:
        return data[at], first, at + 2
    width = first & 0x7F
    return data[at], int.from_bytes(data[at + 2 : at + 2 + width], "big"), at + 2 + width

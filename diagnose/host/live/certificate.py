"""Reads a certificate's fields from DER, tolerantly: the ssl module parses none that does not verify.

Sources: X.690 (DER), RFC 5280 sections 4.1 and 4.2.1.6.
"""

from __future__ import annotations

import calendar
import ipaddress
import time
from collections.abc import Iterator

from diagnose.parse.text.masking import plain
from diagnose.record import frozen

_MAX_NAMES = 100
_MAX_TEXT = 300
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
_ATTRIBUTES = {bytes.fromhex("5504" + code): name for code, name in (
    ("03", "CN"), ("06", "C"), ("07", "L"), ("08", "ST"), ("0a", "O"), ("0b", "OU"),
)}  # fmt: skip
_SEQUENCE, _SET, _OID, _OCTETS, _BMP = 0x30, 0x31, 0x06, 0x04, 0x1E


@frozen
class Certificate:
    """subject, issuer: "CN=…, O=…"; names: DNS names and addresses; not_before, not_after: epoch seconds, 0 unknown;
    key: its SubjectPublicKeyInfo in DER."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_before: float = 0.0
    not_after: float = 0.0
    key: bytes = b""


def read(der: bytes) -> Certificate:
    """The readable fields of a certificate; all fields empty if it is malformed."""
    try:
        return _read(der[:65_536])
    except (ValueError, IndexError, OverflowError, StopIteration):
        return Certificate()


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents, one level deep; raises ValueError where a length leads beyond the data."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("unsupported length")
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            raise ValueError("truncated")
        yield tag, data[at : at + length]
        at += length


def _read(der: bytes) -> Certificate:
    outer = next(_items(der))[1]
    fields = list(_items(next(_items(outer))[1]))
    if fields and fields[0][0] == 0xA0:  # the version is optional
        fields = fields[1:]
    _serial, _algorithm, issuer, validity, subject, key, *rest = fields
    begins, ends = list(_items(validity[1]))[:2]
    names: list[str] = []
    for tag, content in rest:
        if tag == 0xA3:
            names = _alternatives(content)
    return Certificate(
        subject=_name(subject[1]),
        issuer=_name(issuer[1]),
        names=tuple(names),
        not_before=_moment(*begins),
        not_after=_moment(*ends),
        key=_encoded(*key),
    )


def _encoded(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, size) if size < 0x80 else (tag, 0x80 | len(length), *length)) + content


def _name(data: bytes) -> str:
    parts = []
    for tag, group in _items(data):
        for inner, pair in _items(group) if tag == _SET else ():
            items = list(_items(pair)) if inner == _SEQUENCE else []
            if len(items) >= 2 and items[0][0] == _OID:
                label = _ATTRIBUTES.get(items[0][1])
                text = items[1][1].decode("utf-16-be" if items[1][0] == _BMP else "utf-8", "replace")
                if label:
                    parts.append(f"{label}={_line(text)}")
    return ", ".join(parts)[:_MAX_TEXT]


def _alternatives(data: bytes) -> list[str]:
    names: list[str] = []
    for _, extension in _items(next(_items(data))[1]):
        items = list(_items(extension))
        if items and items[0] == (_OID, _SUBJECT_ALT_NAME) and items[-1][0] == _OCTETS:
            for tag, content in _items(next(_items(items[-1][1]))[1]):
                if tag == 0x82:
                    names.append(_line(content.decode("ascii", "replace")))
                elif tag == 0x87 and len(content) in (4, 16):
                    names.append(str(ipaddress.ip_address(content)))
    return names[:_MAX_NAMES]


def _moment(tag: int, content: bytes) -> float:
    text = content.decode("ascii", "replace").rstrip("Z")
    if tag == 0x17:  # UTCTime: 50 and above is the last century's
        text = ("19" if text[:2] >= "50" else "20") + text
    return float(calendar.timegm(time.strptime(text[:14], "%Y%m%d%H%M%S")))


def _line(text: str) -> str:
    return plain(text).replace("\n", " ").replace("\t", " ")[:_MAX_TEXT]

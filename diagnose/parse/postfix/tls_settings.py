"""Postfix's TLS parameters: lists of protocol versions, and a policy table's entry. Syntax: postconf(5), TLS_README."""

import re

from diagnose.record import frozen

VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_BY_NAME = {name.lower(): name for name in VERSIONS} | {"tlsv1.0": "TLSv1"}
# Wire versions; since Postfix 3.6 a bound may be given as one in hexadecimal.
_BY_CODE = {0x300: "SSLv3", 0x301: "TLSv1", 0x302: "TLSv1.1", 0x303: "TLSv1.2", 0x304: "TLSv1.3"}
LEVELS = ("none", "may", "encrypt", "fingerprint", "verify", "secure", "dane", "dane-only", "half-dane")


@frozen
class Policy:
    """A policy table's entry: its level, and its attributes by name (match, protocols, ciphers, exclude, tafile …)."""

    level: str
    attributes: tuple[tuple[str, str], ...]
    valid: bool

    def get(self, name: str) -> str:
        return next((value for key, value in self.attributes if key == name), "")


def policy(text: str) -> Policy:
    """Parse `level name=value …`."""
    words = text.replace(",", " ").split()
    pairs = tuple((key.lower(), value) for key, equals, value in (word.partition("=") for word in words[1:]) if equals)
    level = words[0].lower() if words else ""
    whole = all("=" in word for word in words[1:])
    return Policy(level=level, attributes=pairs, valid=level in LEVELS and whole)


def pins(entry: str, default: str) -> tuple[str, ...]:
    """The fingerprints in a policy table's entry, else those in `default` (smtp_tls_fingerprint_cert_match), in
    lower case without colons; () if one of them is not valid hexadecimal."""
    matches = [value for key, value in policy(entry).attributes if key == "match"] or re.split(r"[,\s]+", default)
    found = [word.replace(":", "").lower() for value in matches for word in value.split("|") if word]
    return tuple(found) if all(re.fullmatch(r"(?:[0-9a-f]{2}){16,64}", word) for word in found) else ()


def versions(value: str, postfix: tuple[int, int] = (3, 7)) -> tuple[str, ...] | None:
    """The protocol versions that a list allows, oldest first; None for a list that Postfix refuses.

    A name includes a version, !name excludes it, >= and <= bound the range (Postfix 3.6 and later).
    """
    included: set[str] = set()
    excluded: set[str] = set()
    low, high = 0, len(VERSIONS) - 1
    for word in re.split(r"[,:\s]+", value.strip()):
        if not word:
            continue
        bound = re.fullmatch(r"(>=|<=)(.+)", word)
        negated = word.startswith("!")
        name = _version(bound[2] if bound else word.lstrip("!"))
        if name == "" or (bound and postfix < (3, 6)) or (bound is None and word.startswith((">", "<"))):
            return None
        if bound and bound[1] == ">=":
            low = max(low, VERSIONS.index(name))
        elif bound:
            high = min(high, VERSIONS.index(name))
        elif negated:
            excluded.add(name)
        else:
            included.add(name)
    chosen = [name for name in VERSIONS if name not in excluded and (not included or name in included)]
    return tuple(name for name in chosen if low <= VERSIONS.index(name) <= high)


def _version(text: str) -> str:
    if re.fullmatch(r"(?:0x)?03[0-9a-fA-F]{2}", text):
        return _BY_CODE.get(int(text, 16), "")
    return _BY_NAME.get(text.lower(), "")


def certificate_problem(verify_error: str) -> str:
    """The kind of an OpenSSL verification error: expired, not-yet-valid, self-signed, wrong-name, unknown-ca or other."""
    text = verify_error.lower()
    for kind, words in (
        ("expired", ("has expired",)),
        ("not-yet-valid", ("not yet valid",)),
        ("wrong-name", ("hostname mismatch", "ip address mismatch", "doesn't match", "is not valid for")),
        ("self-signed", ("self-signed certificate", "self signed certificate")),
        ("unknown-ca", ("unable to get", "unable to verify", "issuer certificate", "in certificate chain")),
    ):
        if any(word in text for word in words):
            # An untrusted root at the end of the chain is an unknown CA, not a self-signed server certificate.
            return "unknown-ca" if kind == "self-signed" and "in certificate chain" in text else kind
    return "other"


def handshake_problem(error: str) -> str:
    """The kind of a handshake error: wrong-version (no TLS there), mismatch (versions, ciphers, keys), closed,
    timeout or other."""
    text = error.lower()
    if (
        "wrong version number" in text
        or "unknown protocol" in text
        or "http request" in text
        or "packet length" in text
    ):
        return "wrong-version"
    mismatch = ("protocol version", "unsupported protocol", "no shared cipher", "handshake failure", "key too small",
                "no protocols available", "no ciphers", "insufficient security", "too small", "internal error",
                "legacy", "version too low", "inappropriate fallback", "wrong signature type", "alert")  # fmt: skip
    if any(word in text for word in mismatch):
        return "mismatch"
    if "closed" in text or "econnreset" in text or "eof" in text:
        return "closed"
    return "timeout" if "timed out" in text else "other"

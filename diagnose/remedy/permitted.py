"""Which change of a parameter of Postfix may be made at all."""

from __future__ import annotations

import ipaddress
import re

from diagnose.nearest import near
from diagnose.parse.postfix.setting_types import RESTRICTIONS, items, restricts
from diagnose.remedy.values import restriction

_NEVER = re.compile(
    r"mynetworks(_style)?|(smtpd|postscreen)_\w*(restrictions?\w*|access\w*|sasl\w*|client_\w+)|\w*milters?|milter_\w+|content_filter"
    r"|smtpd_proxy_filter|receive_override_options|relay_domains|authorized_\w+|permit_mx_backup_networks|inet_interfaces"
    r"|(smtpd?_|lmtp_)?(header|body|mime_header|nested_header|milter_header)_checks"
)
# A setting as a person wrote it, though Postfix may not read it: behind a list's mark or a number, with += or a colon.
WRITTEN = re.compile(r"(?!#)[^\w#]*(?:\d+\s+)?(\w+)\s*(?:\+?=|:)\s*(.*)")
LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure")
_TLS = re.compile(
    r"(smtp|smtpd|lmtp)_(tls_security_level|enforce_tls|use_tls|tls_per_site|tls_policy_maps|tls_enforce_peername)"
)


def _words(value: str | None) -> list[str]:
    """The items of a list; those in braces one by one as well."""
    return [word for item in items(value or "") for word in items(item.strip("{}"))]


def _network(word: str, strict: bool = False) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(re.sub(r"[\[\]]", "", word), strict=strict)
    except ValueError:
        return None


def _within(word: str, given: list[str]) -> bool:
    """Whether an address or network is one of those given, or a part of one. This host's loopback also counts if a
    malformed one given begins with 127. or ::1."""
    if word in given:
        return True
    inner = _network(word, strict=True)
    if inner is None:
        return False
    for other in given:
        outer = _network(other)
        if outer is None and inner.is_loopback and other.lstrip("[").startswith(("127.", "::1")):
            return True
        if outer is None:
            continue
        if inner.version == outer.version and inner.subnet_of(outer):  # type: ignore[arg-type]
            return True
    return False


_ACCOUNT = re.compile(r"[a-z_][\w-]*")
_PATTERNS = ("regexp", "pcre")
_INDEXED = ("hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash")
_SOCKET = re.compile(r"(?:unix|local):[\w./-]+")
_LOOPBACK = re.compile(r"([\w-]+:(?:localhost|127\.\d+\.\d+\.\d+|\[(?:localhost|127\.\d+\.\d+\.\d+|::1)\]):)\d+")


def _same_filter(was: str, value: str) -> bool:
    """Whether it is the same table under another type that reads it alike, or the same milter at another port or
    socket of this host, or with its transport."""
    (old, _, path), (new, _, same) = was.partition(":"), value.partition(":")
    if was.startswith("/") and was == same:
        return new in _PATTERNS
    if path.startswith("/") and path == same:
        return (new in _PATTERNS and old not in (*_INDEXED, "cidr")) or {old, new} <= {*_INDEXED}
    if value == f"inet:{was}":
        return True
    if _SOCKET.fullmatch(was) and _SOCKET.fullmatch(value):
        return True
    ports = _LOOPBACK.fullmatch(was), _LOOPBACK.fullmatch(value)
    return all(ports) and ports[0][1] == ports[1][1]  # type: ignore[index]


def _same_filters(was: str | None, value: str | None) -> bool:
    before, after = _words(re.sub(r":\s+(?=/)", ":", was or "")), _words(value)
    pairs = list(zip(before, after, strict=False))
    return len(before) == len(after) == len(pairs) and all(a == b or _same_filter(a, b) for a, b in pairs)


def _one_account(old: list[str], new: list[str]) -> bool:
    """Whether one account is appended, or the spelling of one is corrected."""
    if len(new) == len(old):
        changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
        return (
            len(changed) == 1
            and all(map(_ACCOUNT.fullmatch, changed[0]))
            and bool(near(changed[0][0], changed[0][1:], 0.8))
        )
    return new[:-1] == old != [] and bool(_ACCOUNT.fullmatch(new[-1]))


def permitted(name: str, was: str | None, value: str | None) -> bool:
    """Whether the parameter may be changed so. was, value: None for unset; what opens the host may only be narrowed, but for
    authorized_submit_users, which may get one account more or have one spelt right; of smtpd's restrictions only a
    misspelt one's name, and of filters only the spelling of their place may change. A list of tables must be one that Postfix reads as it is meant: a path with a blank
    would be two."""
    if name.endswith("_maps") and any(":" not in item and not item.startswith("$") for item in items(value or "")):
        return False
    if was and value and was != value and was.strip(" \"',;\\") == value:
        return True
    if name == "mynetworks" and was is None:
        return bool(value) and all(re.match(r"127\.|\[(?:::1\]|::ffff:127\.)", word) for word in _words(value))
    if name in ("mynetworks", "inet_interfaces"):
        return value == "loopback-only" or (bool(value) and all(_within(word, _words(was)) for word in _words(value)))
    if name == "authorized_submit_users":
        return _one_account(_words(was), _words(value))
    if restricts(name):
        if name == "smtpd_relay_restrictions" and was == "":
            return "unauth_destination" in (value or "")  # Postfix's default; without one of these smtpd ends
        pairs = zip(_words(was), _words(value), strict=False)
        alike = len(_words(was)) == len(_words(value)) > 0
        return alike and all(a == b or (a not in RESTRICTIONS and restriction(a) == b) for a, b in pairs)
    if re.fullmatch(r"milter_\w+_timeout|smtpd_client_\w+_limit", name):
        return bool(was) and not re.fullmatch(r"0*[1-9]\d*[smhdw]?", was or "")  # what Postfix refuses limits nothing
    if _NEVER.fullmatch(name):
        return name.endswith(("_checks", "_milters", "_filter")) and bool(was) and _same_filters(was, value)
    if name.endswith("tls_security_level"):
        if was is None or was not in LEVELS:
            return value in LEVELS and value != "none"
        return value in LEVELS and LEVELS.index(value) >= LEVELS.index(was)
    return not (_TLS.fullmatch(name) and value in (None, "", "no") and was not in (None, "", "no"))

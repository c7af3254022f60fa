"""Keeps secrets and control characters out of whatever leaves the host object."""

from __future__ import annotations

import re
import threading
from typing import Any

STARS = "********"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PATTERNS = (
    # static:user:password and static:{user:password}, inline:{ key=user:password }
    re.compile(r"(static:\{?\s*[^\s:{}]+:)[^\s}]+"),
    re.compile(r"(inline:\{)[^}]*(?=\})"),
    re.compile(r"(inline:\{)[^}]*$", re.M),
    # an SMTP client's own words, and debug logs of the same
    re.compile(
        r"(\bAUTH\s+(?:PLAIN|LOGIN|CRAM-MD5|X?OAUTH\w*|NTLM|DIGEST-MD5|SCRAM-[\w-]+)\s+)[A-Za-z0-9+/=]{4,}", re.I
    ),
    # key = value where the key says that the value is secret
    re.compile(
        r"((?:pass(?:word|wd|phrase)?|secret|api[_-]?key|apikey|token|credential)s?[\w.-]*[\"']?\s*[=:]\s*[\"']?)"
        r"(?!hash:|lmdb:|texthash:|btree:|cdb:|dbm:|proxy:|static:|inline:|regexp:|pcre:|mysql:|pgsql:|ldap:|sqlite:|\*{4}|<)"
        r"[^\s\"',;&}]+",
        re.I,
    ),
    # user:password@ in addresses
    re.compile(r"(\w{1,30}://[^\s:/@]+:)[^\s@/]+(?=@)"),
)
# Parameters of Postfix whose tables hold addresses and routes, never passwords: their inline: entries stay.
_ROUTES = re.compile(
    r"(?!\S*(?:sasl|pass|secret|cred))(?:\S+/)?(?:(?:virtual|sender_dependent|recipient|sender|transport|relocated|relay|local|alias|canonical|smtpd|"
    r"smtp_generic|smtp_tls_policy|default_transport)\w*_(?:maps|domains)|alias_maps|canonical_maps|transport_maps|"
    r"relocated_maps|mydestination|mynetworks|relay_domains|\w+_checks)\s*="
)
_PATHLIKE = re.compile(r"(?:pass(?:word|wd)?|sasl)[\w.-]*_(?:maps|file|path|format|attr)", re.I)


def plain(text: str) -> str:
    """Without control characters other than line feed and tab, and without invisible or bidirectional marks."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def mask(text: str) -> str:
    """Text with what looks like a secret replaced by stars. Settings that merely name a file stay."""
    lines = []
    for line in text.split("\n"):
        named = _PATHLIKE.match(line.lstrip())
        routes = _ROUTES.match(line.lstrip())
        for index, pattern in enumerate(_PATTERNS):
            if (named and index == 4) or (routes and index in (1, 2)):
                continue
            line = pattern.sub(lambda m: m.group(1) + STARS, line)
        lines.append(line)
    return "\n".join(lines)


_NO_SECRETS = frozenset(
    "password passwd passphrase secret apikey api_key api-key username user_name changeme example postfix token "
    "your_password your-password your_api_key your-api-key smtp_password smtp_username mail_password".split()
)


class Secrets:
    """The secrets met in this run: whatever text leaves the host afterwards has them replaced."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def add(self, *values: str) -> None:
        import base64

        with self._lock:
            for value in values:
                # Shorter ones, and words that are no secret, would blank out half of the report.
                if len(value) >= 5 and value.lower().strip("<>{}\\\"'") not in _NO_SECRETS:
                    self._known.add(value)
                    self._known.add(base64.b64encode(value.encode()).decode())

    def hide_data(self, data: Any) -> Any:
        """The same for plain data, keys left alone."""
        if isinstance(data, str):
            return self.hide(data)
        if isinstance(data, dict):
            return {key: self.hide_data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.hide_data(value) for value in data]
        return data

    def hide(self, text: str) -> str:
        with self._lock:
            known = sorted(self._known, key=len, reverse=True)
        for value in known:
            if value in text:
                text = text.replace(value, STARS)
        return text

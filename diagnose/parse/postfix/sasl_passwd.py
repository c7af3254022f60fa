"""The SASL password file: its lines as Postfix reads them, and the keys that Postfix looks up.

No password leaves this module: entries hold its Shape.
"""

import difflib
import re
from collections.abc import Callable, Iterable

from diagnose.parse.postfix.main_cf import logical_lines
from diagnose.parse.text.address import without_extension
from diagnose.parse.text.finding import Finding
from diagnose.parse.text.paste import MARKS, artifacts
from diagnose.parse.text.secret import Shape, placeholder, shape
from diagnose.record import frozen

# Its usual places below Postfix's configuration directory.
USUAL_NAMES = ("sasl_passwd", "sasl/passwd", "sasl/sasl_passwd", "sasl_password", "saslpass")
_SPACE = " \t\r\n\v\f"
_SERVER_KEY = re.compile(r"\[?[\w.-]+\]?(?::(?:\d{1,5}|smtps?|submissions?|urd|lmtp))?$")


@frozen
class Entry:
    """One line: the key as written, the user, and the password's shape. `line` counts from 1."""

    line: int
    key: str
    user: str
    secret: Shape
    user_placeholder: bool = False


@frozen
class SaslPasswd:
    """The entries in order (postmap keeps the first of a duplicate key) and the findings by line."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    def get(self, key: str) -> Entry | None:
        """The entry that a lookup of this key finds, ignoring case as postmap does; None if there is none."""
        return next((entry for entry in self.entries if entry.key.lower() == key.lower()), None)


@frozen
class NearMiss:
    """A key of the file that nearly matches one that Postfix tries.

    `difference`: brackets, port, brackets-and-port, domain (the key names the domain, or another host of it), spelling.
    """

    line: int
    key: str
    wanted: str
    difference: str


def parse(text: str) -> SaslPasswd:
    """Read the source of a password table.

    Kinds of finding: key-without-value, no-colon (the value is no user:password), empty-user, empty-password,
    whole-line-quoted, quoted-value, equals-sign (`key = value`, `key=value`), colon-after-key (`key: value`),
    no-key-separator (`host:587:user:password`), indented (joined to the line before, or ignored), duplicate,
    placeholder, url-key, and those of paste.artifacts. Postfix trims a CR at the end, so 'cr' alone is no fault.
    """
    entries: list[Entry] = []
    known: set[str] = set()
    findings: list[Finding] = []

    def find(line: int, kind: str, text: str) -> None:
        findings.append(Finding(line=line, kind=kind, text=text))

    for line in logical_lines(text):
        for number, part in line.parts:
            for kind in artifacts(part):
                find(number, kind, "")
        if line.text[0] in _SPACE:
            find(line.number, "indented", "ignored: an entry must not begin with a blank")
            continue
        for number, _ in line.parts[1:]:
            find(number, "indented", f"joined to line {line.number}")
        key, value = _split(line.text)
        if key.startswith('"') and not value:
            find(line.number, "whole-line-quoted", "")
            continue
        if not value:
            joined = re.match(r"\[?[\w.-]+\]?(?::\d+)?[:=]\S+", key) and not _SERVER_KEY.match(key)
            kind = "no-key-separator" if joined else "key-without-value"
            if "=" in key:
                kind = "equals-sign"
            find(line.number, kind, _lone(key))
            continue
        if value.startswith("=") or key.endswith("="):
            find(line.number, "equals-sign", _safe_key(key))
        if key.endswith(":"):
            find(line.number, "colon-after-key", _safe_key(key))
        if re.match(r"\w+://", key):
            find(line.number, "url-key", _safe_key(key))
        entry = _entry(line.number, key, value, find)
        if key.lower() in known:
            find(line.number, "duplicate", _safe_key(key))
        known.add(entry.key.lower())
        entries.append(entry)
    findings.sort(key=lambda finding: (finding.line, finding.kind))
    return SaslPasswd(entries=tuple(entries), findings=tuple(findings))


def _entry(line: int, key: str, value: str, find: Callable[[int, str, str], None]) -> Entry:
    user, colon, password = value.removeprefix("=").lstrip().partition(":")
    if not colon:
        find(line, "no-colon", _safe_key(key))
        return Entry(line=line, key=_safe_key(key), user="", secret=shape(value))
    if len(value) > 1 and value[0] in "\"'\u201c\u2018" and value[-1] in "\"'\u201d\u2019":
        find(line, "quoted-value", _safe_key(key))
    if not user.strip():
        find(line, "empty-user", _safe_key(key))
    if not password:
        find(line, "empty-password", _safe_key(key))
    secret = shape(password)
    if secret.has("placeholder") or placeholder(user):
        find(line, "placeholder", _safe_key(key))
    return Entry(line=line, key=_safe_key(key), user=user, secret=secret, user_placeholder=placeholder(user))


def parse_value(key: str, value: str) -> Entry:
    """The entry of a looked-up or inline value; the key is '' for `static:user:password`."""
    return _entry(0, key, value.strip(_SPACE), lambda line, kind, text: None)


def _split(text: str) -> tuple[str, str]:
    """Key and value, split as postmap does: at the first blank outside double quotes. The quotes stay part of the key."""
    text = text.strip(_SPACE)
    match = re.match(r'(?:"[^"]*"|[^ \t\r\n\v\f"]|"(?=[^"]*$))+', text)
    end = match.end() if match else 0
    key, value = text[:end], text[end:].strip(_SPACE)
    return key, value


def _safe_key(key: str) -> str:
    """The key without secrets: one that contains user and password is cut off after host and port."""
    if "@" in key and not re.match(r"\w+://", key) and ":" not in key and "=" not in key:
        return key
    if _SERVER_KEY.match(key.rstrip(":=").lstrip(MARKS)):
        return key
    match = re.match(r"(?:\w+://)?\[?[A-Za-z0-9.-]+\]?(?::\d+)?", key)
    return (match[0] if match else "") + "…"


def _lone(key: str) -> str:
    """The part of a lone word that is evidently a server name; the rest may be a password and becomes "…"."""
    match = re.match(
        r"\[[a-z0-9.-]+\](?::\d+)?|(?=[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,12}(?::\d{1,5})?(?=[:=]|$)", key
    )
    shown = match[0] if match else ""
    return shown if shown == key else shown + "…"


def keys_tried(
    nexthop: str, *, hosts: Iterable[str] = (), sender: str = "", sender_dependent: bool = False, delimiter: str = ""
) -> tuple[str, ...]:
    """The keys that smtp(8) looks up in its password map, in order, without duplicates.

    With smtp_sender_dependent_authentication the sender (then without its extension, then @domain); the server's
    host name (the name in brackets, else each exchanger in `hosts`); the next hop as configured, with brackets and
    port. Source: smtp_sasl_glue.c of Postfix, SASL_README.
    """
    keys: list[str] = []
    if sender_dependent and "@" in sender:
        local, _, domain = sender.rpartition("@")
        keys.append(sender)
        if (cut := without_extension(local, delimiter)) not in ("", local):
            keys.append(f"{cut}@{domain}")
        keys.append(f"@{domain}")
    inside = re.match(r"\[(?:ipv6:)?([^\]]+)\]", nexthop, re.I)
    names = [inside[1]] if inside else list(hosts) or [nexthop.partition(":")[0]]
    keys.extend(names)
    keys.append(nexthop)
    return tuple(dict.fromkeys(key.lower() for key in keys if key))


def near_misses(entries: Iterable[Entry], wanted: Iterable[str]) -> tuple[NearMiss, ...]:
    """Entries that match no wanted key but are evidently meant for one, with the difference, in the file's order."""
    wanted = tuple(key.lower() for key in wanted)
    found: list[NearMiss] = []
    for entry in entries:
        key = entry.key.lower()
        if key in wanted or not key:
            continue
        # The last wanted key is the full next hop, the one to recommend.
        for target in reversed(wanted):
            difference = _difference(key, target)
            if difference:
                found.append(NearMiss(line=entry.line, key=entry.key, wanted=target, difference=difference))
                break
    return tuple(found)


def _parts(key: str) -> tuple[str, bool, str]:
    match = re.match(r"(\[?)([^\[\]:]*)\]?:?(\w*)", key)
    return (match[2], bool(match[1]), match[3]) if match else (key, False, "")


def _difference(key: str, target: str) -> str:
    if "@" in key or "@" in target:
        return "spelling" if "@" in key and "@" in target and _alike(key, target) else ""
    (host, brackets, port), (host2, brackets2, port2) = _parts(key), _parts(target)
    if not host or not host2:
        return ""
    if host == host2:
        if brackets != brackets2 and port != port2:
            return "brackets-and-port"
        return "brackets" if brackets != brackets2 else "port" if port != port2 else ""
    if host.endswith("." + host2) or host2.endswith("." + host):
        return "domain"
    if _alike(host, host2):
        return "spelling"
    return "domain" if host.split(".")[-2:] == host2.split(".")[-2:] and "." in host else ""


def _alike(a: str, b: str) -> bool:
    return len(a) < 256 and len(b) < 256 and difflib.SequenceMatcher(None, a, b).ratio() >= 0.85

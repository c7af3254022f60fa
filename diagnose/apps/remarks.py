"""Finds odd values in an application's settings, whatever the file format; reports them to a Reader as problems."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from diagnose.apps.entry import Entry
from diagnose.knowledge.recognise import identify
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, STARTTLS_PORTS
from diagnose.parse.text.secret import placeholder
from diagnose.patterns import late

_CATCHERS = late(
    r"^(?:mailpit|mailhog|maildev|mailcatcher|smtp4dev|inbucket|papercut|greenmail)\b|mailtrap\.io$|\.ethereal\.email$"
)
_HERE = late(r"^(?:localhost(?:\.localdomain)?|127\.\d+\.\d+\.\d+|::1|\[::1\])$")
_EXAMPLE = late(r"(?:^|\.)example(?:\.(?:com|net|org))?$|\.invalid$|^smtp\.server$|^(?:your|my)[-_.]")
_NOBODY = late(r"(?:^|\.)example(?:\.(?:com|net|org))?$|\.invalid$")
_ADDRESS = late(r"[^\s@<>]+@(?P<domain>[^\s@<>]+)")


class Remarks(Protocol):
    table: Mapping[str, Any]
    contained: bool
    entries: list[Entry]

    def problem(self, kind: str, entry: Entry | None, text: str, key: str = "") -> None: ...

    def comment(self, entry: Entry) -> re.Match[str] | None: ...


def spoken(pattern: str) -> str:
    """A table's name pattern as a plain name, for people."""
    return pattern.lstrip("*.->").replace("?", ".")


def is_here(host: str) -> bool:
    """Whether a host is localhost or a loopback address."""
    return _HERE.match(host.lower()) is not None


def host(reader: Remarks, host: str, entry: Entry | None) -> None:
    if _CATCHERS.search(host.lower()):
        reader.problem("mail-discarded", entry, f"{host} catches mail for developers to look at; nothing is sent on")
    elif re.search(r"[\s/]", host):
        reader.problem("host-has-blank", entry, "a blank or a scheme is part of the name, which then does not resolve")
    elif len(host) > 1 and host[0] == host[-1] and host[0] in "\"'":
        reader.problem("setting-wrong", entry, "the quotes are part of the name, which then does not resolve")
    elif re.fullmatch(r"[^:\[\]]+:[^:\[\]]*", host):
        reader.problem("setting-wrong", entry, f"{host} is taken as the name: set the port separately, as a number")
    elif placeholder(host) or _EXAMPLE.search(host.lower()):
        reader.problem("host-placeholder", entry, f"{host} is an example's name")
    elif is_here(host) and reader.contained:
        reader.problem("localhost-in-container", entry, f"{host} is the container itself, where no mail server runs")


def login(
    reader: Remarks, host: str, user: str, user_entry: Entry | None, secret: str, secret_entry: Entry | None
) -> None:
    sample = user.lower() in ("user", "username") and secret.lower() in ("pass", "password")
    for entry, value in ((user_entry, user), (secret_entry, secret)):
        if entry is not None and (placeholder(value) or sample):
            reader.problem("placeholder", entry, f"{entry.key} still has a placeholder")
    if user_entry is not None and user != user.strip():
        reader.problem("setting-odd", user_entry, f"{user_entry.key} begins or ends in a blank, which is part of it")
    known = identify(host)
    fixed = known.login.user if known is not None and known.login is not None else ""
    if known is not None and fixed and user and user != fixed and not re.search(r"[<>@ ]", fixed):
        reader.problem("login-name", user_entry, f"the user name at {known.name} is always {fixed}")
    _secret(reader, secret_entry, secret)


_LOGIN = late(r"user|login|account|pass|pwd|secret|credential|token|api_?key", re.I)
_NAMED = ("host", "at", "url", "port", "user", "password", "sender", "sender_domain", "marks")


def unmarked(reader: Remarks) -> bool:
    """Whether the table is general, and no entry has one of its marks."""
    marks = [name.lower() for name in reader.table.get("marks", ())]
    names = [f"{each.within}.{each.key}".lower().strip(".") for each in reader.entries if each.value != ""]
    shown = any(fnmatch.fnmatchcase(name, mark) for name in names for mark in marks)
    return bool(marks and reader.table.get("general")) and not shown


def perhaps(reader: Remarks, login: str, host: Entry | None) -> str:
    """A remark on an entry that may be an unknown program's login under another name; "" if none."""
    if login or host is None or not reader.table.get("general"):
        return ""
    known = [name.lower() for field in _NAMED for name in reader.table.get(field, ())]
    section = f"{host.within}.{host.key}".lower().strip(".").rpartition(".")[0]
    for each in reader.entries:
        full = f"{each.within}.{each.key}".lower().strip(".")
        near = re.search("mail|smtp", full) or (section and full.rpartition(".")[0] == section)
        strange = not any(fnmatch.fnmatchcase(one, name) for one in (full, each.key.lower()) for name in known)
        if each.value != "" and near and _LOGIN.search(each.key) and strange:
            return f"{each.key} may be its login, under a name that is not known here"
    return ""


def _secret(reader: Remarks, entry: Entry | None, secret: str) -> None:
    if entry is None or entry.value is None or not secret:
        return
    comment = reader.comment(entry)
    if re.match(r"\s+#\S", entry.tail) or (
        comment is not None and not entry.value[: comment.start()].endswith((" ", "\t"))
    ):
        reader.problem("inline-comment", entry, f"{entry.key} ends at the comment sign in it: put the value in quotes")
    elif len(secret) > 2 and secret[0] in "\"'" and (secret[0] == secret[-1] and not entry.quote):
        reader.problem("quoted-value", entry, f"the quotes of {entry.key} are part of its value here")
    elif secret[0] in "\"'" and not entry.quote and secret.count(secret[0]) == 1:
        reader.problem("quoted-value", entry, f"the quote at the start of {entry.key} is not closed")
    elif secret != secret.rstrip("\r\n"):
        reader.problem("trailing-blank", entry, f"{entry.key} ends in a line break, which is part of the password")
    elif secret != secret.strip():
        reader.problem("trailing-blank", entry, f"{entry.key} begins or ends in a blank, which is part of the password")


def tls(reader: Remarks, port: int, tls: str, auth: bool, entries: Mapping[str, Entry | None]) -> None:
    if tls == "implicit" and port in STARTTLS_PORTS:
        text = f"TLS from the first byte, on port {port}, which starts in plain text"
        reader.problem("implicit-on-starttls-port", entries["port"], text)
    elif tls != "implicit" and port in IMPLICIT_TLS_PORTS:
        kind = "plain-on-implicit-port" if tls == "none" else "starttls-on-implicit-port"
        text = f"port {port} expects TLS from the first byte, but these settings start in plain text"
        reader.problem(kind, entries["port"], text)
    elif tls == "none" and auth and port in STARTTLS_PORTS:
        reader.problem("starttls-not-enabled", entries["user"], "the login is sent without TLS, or is refused")


def sender(reader: Remarks, sender: str, entry: Entry | None, host: str, local: bool) -> None:
    """Reports a sender that servers refuse: not an address, or with an impossible domain."""
    bare = sender.rpartition("<")[2].strip("> \"'")
    if not bare or entry is None or re.search(r"[%$#{]", bare):
        return
    found = _ADDRESS.fullmatch(bare)
    if found is None and not re.search(r"name", entry.key, re.I):
        reader.problem("from-invalid", entry, f"{entry.key} is not an address of the form user@domain")
    elif found and not local and re.search(r"(?:^|\.)localhost$|(?:^|\.)localdomain$|^[^.]+$", found["domain"].lower()):
        reader.problem("from-invalid", entry, f"no server accepts {found['domain']} as a sender's domain")
    elif found and not _EXAMPLE.search(host.lower()) and _NOBODY.search(found["domain"].lower()):
        text = f"{found['domain']} is an example's domain (RFC 2606): recipients refuse its mail"
        reader.problem("setting-mild", entry, text)


_AUTHORITIES = late(
    r"(?:^|[._-])ca[._-]?(?:certs?|certificates?|bundle)?[._-]?(?:file|path)?$|x509cafile$|tls_trust_file$", re.I
)


def authorities(entries: Sequence[Entry], host: Entry | None) -> dict[str, Any]:
    """ca_file, ca_key and ca_line of the first CA file in the settings for mail, or beside the server's; {} without one."""
    section = f"{host.within}.{host.key}".strip(".").rpartition(".")[0] if host is not None else ""
    for each in entries:
        full = f"{each.within}.{each.key}".strip(".")
        near = re.search(r"smtp|mail|x509cafile$|^tls_", full, re.I) or (section and full.rpartition(".")[0] == section)
        if near and _AUTHORITIES.search(each.key) and (each.value or "").startswith("/"):
            return {"ca_file": each.value, "ca_key": each.key, "ca_line": each.line}
    return {}


_MEANT = (
    (r"hostname|server|address|addr|smarthost|host", "host"),
    (r"username|login|user", "user"),
    (r"passwords|password|passphrase|passwd|passwort|pass|pwd", "pass"),
)


def _canonical(name: str) -> str:
    plain = re.sub(r"[^a-z0-9*]", "", name.lower())
    for pattern, word in _MEANT:
        plain = re.sub(pattern, word, plain)
    return plain


def misspelt(
    table: Mapping[str, Any], entries: Sequence[Entry], meant: Callable[[str, Entry], bool]
) -> Iterator[tuple[str, Entry, str]]:
    """(kind, entry, text) of settings whose name resembles one in the table that is not set."""
    title, general = str(table.get("title", "the application")), int(table.get("general", 0))
    names = {field: table.get(field, ()) for field in ("host", "at", "url", "user", "password", "port", "sender")}
    every = [name for field in names.values() for name in field]
    conditions = [
        row[0] for rows in ("tls", "off", "local", "wrong", "odd", "unverified", "api") for row in table.get(rows, ())
    ]
    asked = [re.split("!?~", each.lstrip("!"))[0] for each in conditions if each and not each.startswith("port=")]
    asked += [str(table.get("login", "")).partition("~")[0], *table.get("marks", ())]
    asked = [each for each in dict.fromkeys(asked) if each]
    server = any(meant(name, each) for each in entries for name in (*names["host"], *names["at"], *names["url"]))
    unknown = [e for e in entries if e.value != "" and not any(meant(name, e) for name in (*every, *asked))]
    for field, those in names.items():
        if (
            not those
            or any(meant(name, each) for each in entries for name in those)
            or (field in ("at", "host", "url") and server)
        ):
            continue
        for entry in unknown:
            full = f"{entry.within}.{entry.key}".lstrip(".")
            name = next((n for n in those if _near(full if "." in n else entry.key, n, general)), "")
            if name:
                kind = "setting-wrong" if field in ("host", "at", "url", "user", "password") else "setting-odd"
                if general or (field == "sender" and _canonical(entry.key) == _canonical(name)):
                    kind = "setting-mild"  # another program may use this name
                yield kind, entry, f"{title} does not read {entry.key}: it reads {spoken(name)}"
                break
    for name in asked:
        if general or any(meant(name, each) for each in entries):
            continue
        for entry in unknown:
            if distance(entry.key.lower(), name.lower()) == 1:
                yield "setting-odd", entry, f"{title} does not read {entry.key}: it reads {spoken(name)}"


_SECTION = late(r"e?mails?|mailer|smtp", re.I)


def displaced(table: Mapping[str, Any], entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """(entry, right section) of settings in the wrong section: [email] for Grafana's [smtp], `mail:` beside `spring:`."""
    wanted: dict[str, set[str]] = {}
    for field in ("host", "at", "user", "password", "port", "sender"):
        for name in () if table.get("general") else table.get(field, ()):
            section, _, last = name.rpartition(".")
            if section and "*" not in name:
                wanted.setdefault(section.lower(), set()).add(last.lower())
    for section, names in wanted.items():
        given: dict[str, list[Entry]] = {}
        for each in entries:
            above, _, last = each.key.lower().rpartition(".")
            if last in names:
                given.setdefault(above, []).append(each)
        inner = f"{section.rpartition('.')[2]}.properties."  # Spring: applications may have their own `mail:`
        for above, those in given.items():
            strange = (
                above not in wanted and _SECTION.fullmatch(above) and not section.startswith(f"{above}.properties")
            )
            sure = "spring" not in section or any(each.key.lower().startswith(inner) for each in entries)
            if section not in given and strange and sure and len({each.key for each in those}) > 1:
                yield those[0], section


def _near(key: str, name: str, general: int) -> bool:
    parent, _, last = name.rpartition(".")
    above, _, own = key.rpartition(".")
    wild, last = last.startswith("*"), last.lstrip("*").lower()
    if not above.lower().endswith(parent.lstrip("*.").lower()) or "*" in last or "?" in last or len(last) < 4:
        return False
    own = own.lower()
    if own == last:
        return False
    if not general and not wild and _canonical(own) == _canonical(last):
        return True
    return 0 < distance(own, last) <= (1 if general or len(last) < 8 else 2)


def distance(a: str, b: str) -> int:
    """The edit distance, a swap of neighbours counting as one; at most 3."""
    if abs(len(a) - len(b)) > 2:
        return 3
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
        if min(row) > 2:
            return 3
    return min(rows[-1][-1], 3)


def encryption(query: Mapping[str, str]) -> str:
    """How TLS begins by a URL's query, "" if it does not say: Swift Mailer's encryption=, dj-email-url's ssl= and
    tls=, django-environ's EMAIL_USE_SSL=."""
    for tls, names in (("implicit", ("ssl", "email_use_ssl")), ("starttls-required", ("tls", "email_use_tls"))):
        if query.get("encryption") == names[0] or any(re.match("1|y|t|on", query.get(n, ""), re.I) for n in names):
            return tls
    return ""


def url(value: str) -> str:
    """What is wrong with the login in a URL, "" if nothing."""
    found = re.match(r"[\w+.-]+://(?P<authority>[^/?#]*)(?P<rest>.*)", value, re.S)
    if found and re.search(r"^[/#][^?@]*@|^\?[^=]*@", found["rest"]):
        return "percent-encode the special characters of user and password: the URL's host ends at the first of / ? #"
    return ""

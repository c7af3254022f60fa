"""Applications' settings files: which application's a file is, and what its settings come to in that application.

read(path, text)            the application and its settings, or why nothing can be said
masked(path, text, secrets) the text with its passwords starred, their shape kept
credentials(path, text)     user and password as the application finds them

An application is a table in `diagnose/knowledge/applications/<id>.toml`:

title       what it is called; place: where its file usually lies (a pattern; it settles which of several is meant)
grammars    the grammars (`diagnose.apps.grammars`) its settings come in; has: a pattern that the text must hold
host, port, user, password, sender
            names that the value may stand under, the first that is set counts (* for any characters; letters' case does not count)
at          the names that hold host:port together; url: those that hold a URL
defaults    host, port, and ssl_port where TLS begins at once
tls         pairs of a condition and what it means: none, starttls, starttls-required or implicit; the first that holds counts
off, local  pairs of a condition and a sentence: nothing is sent then; and a program that takes the mail ("=": the value)
login       a condition without which the login is not used; elsewhere: user and password stand in another file;
            hidden: what stands in an export for a password
comment     what ends a bare value (a pattern)
read_when   request, start, build or cache; restart: the sentence on how changed settings take effect
write       what to set for TLS at once ("implicit") and by STARTTLS, with {port}; tested_from: host or container
source      where this is documented

A condition is `name~pattern` (the value, whole, letters' case ignored), `!name` (not set), `port=N`, or "" (always).
"""

from __future__ import annotations

import base64
import fnmatch
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

from diagnose.apps import grammars
from diagnose.apps.grammars import Entry
from diagnose.apps.settings import MailSettings, Problem
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, STARTTLS_PORTS
from diagnose.parse.text.masking import STARS, Secrets, mask
from diagnose.parse.text.secret import placeholder, shape

SECRET_KEY = re.compile(r"(?:pass(?:word|wd|phrase)?|passwd|pwd|secret|token|api[._-]?key|credentials?)$", re.I)
_URL_LOGIN = re.compile(r"(://[^\s:/@]*:)(.+)@")
_CATCHERS = re.compile(r"^(?:mailpit|mailhog|maildev|mailcatcher|smtp4dev|inbucket|papercut|greenmail)\b|mailtrap\.io$")
_HERE = re.compile(r"^(?:localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$")
_FIELDS = ("host", "port", "user", "password", "sender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The settings of a file. id: the application's; problem: why nothing can be said of them."""

    id: str = ""
    settings: MailSettings | None = None
    problem: str = ""
    user: str = ""
    password: str = ""


@functools.cache
def applications() -> Mapping[str, Mapping[str, Any]]:
    """Every application's table by its id."""
    from diagnose import toml

    folder = files("diagnose.knowledge") / "applications"
    return {
        place.name.removesuffix(".toml"): toml.loads(place.read_text("utf-8"))
        for place in sorted(folder.iterdir(), key=lambda each: each.name)
        if place.name.endswith(".toml")
    }


def known(path: str, text: str) -> bool:
    """Whether the file is in a grammar that is read here."""
    return grammars.grammar_of(path, text) is not None


def read(path: str, text: str) -> Found:
    """The settings of a file, whose text may be masked."""
    try:
        reader = _reader(path, text)
    except grammars.Malformed as why:
        return Found(problem=f"it does not load: {why}")
    return replace(reader.read(), id=reader.id) if reader is not None else Found(problem="it names no mail server")


def masked(path: str, text: str, secrets: Secrets, starred: Callable[[str, Secrets], str]) -> str:
    """The text with every password in it starred and remembered; its shape, line and quotes are kept.

    starred: gives a password's stand-in, and remembers it."""
    grammar = grammars.grammar_of(path, text)
    try:
        entries = grammars.entries(text, grammar) if grammar else ()
        reader = _reader(path, text)
    except grammars.Malformed:
        return mask(text)
    names = {name.lower() for table in applications().values() for name in table.get("password", ())}
    hidden = reader.table.get("hidden") if reader is not None else None
    out, at = [], 0
    for entry in sorted(entries, key=lambda each: each.start):
        if entry.start < at or not entry.value or (hidden and re.fullmatch(hidden, entry.value)):
            continue
        if SECRET_KEY.search(entry.key) or any(_named(name, entry.key) for name in names):
            comment = reader.comment(entry) if reader is not None else None
            if comment is None:
                shown = starred(entry.value, secrets)
            else:
                # That a comment sign cuts it must still be seen.
                secrets.add(entry.value, entry.value[: comment.start()], entry.value[comment.end() :])
                shown = f"{STARS}{comment[0]}{STARS}"
        elif "://" in entry.value and (login := _URL_LOGIN.search(entry.value)):
            secrets.add(login[2], unquote(login[2]))
            kept = login[2] if placeholder(login[2]) else STARS
            shown = f"{entry.value[: login.start(2)]}{kept}{entry.value[login.end(2) :]}"
        else:
            continue
        shown = _quoted(shown, entry, grammar)
        shown += "\n" * (text.count("\n", entry.start, entry.end) - shown.count("\n"))
        out += [_between(text[at : entry.start], at == 0), shown]
        at = entry.end
    return "".join([*out, _between(text[at:], at == 0)])


def _between(text: str, whole: bool) -> str:
    """What stands between passwords: whole lines and comments masked, names and signs of the grammar left as they are."""
    head, *rest = text.split("\n")
    sign = re.search(r"[#;]|//|/\*|<!--", head)
    if whole and rest:
        head = mask(head)
    elif sign is not None:
        head = head[: sign.start()] + mask(head[sign.start() :])
    return "\n".join([head, *(mask(line) for line in rest[:-1]), *rest[-1:]])


def _reader(path: str, text: str) -> _Reader | None:
    grammar = grammars.grammar_of(path, text)
    if grammar is None:
        return None
    every = grammars.entries(text, grammar)
    entries = _current(every)
    fitting = [(id, table) for id, table in applications().items() if _fits(table, text, grammar, entries)]
    if not fitting:
        return None
    id, table = max(fitting, key=lambda each: _closeness(each[1], path, entries))
    return _Reader(table, entries, _contained(every), id)


def credentials(path: str, text: str) -> tuple[str, str] | None:
    """User and password of an unmasked file as its application finds them."""
    found = read(path, text)
    return (found.user, found.password) if found.user and found.password else None


def lines(id: str, settings: MailSettings, port: int, tls: str) -> str:
    """What to write into the file for another port and beginning of TLS, "; " between the lines."""
    write = applications().get(id, {}).get("write", {})
    if settings.user_key and settings.user_key == settings.password_key:
        scheme = write.get("schemes", {}).get(tls, "smtps" if tls == "implicit" else "smtp")
        return f"{settings.user_key}={scheme}://USER:PASSWORD@{settings.host}:{port}"
    return str(write.get("implicit" if tls == "implicit" else "starttls", "")).format(port=port, host=settings.host)


# --- which application -----------------------------------------------------------------------------------------------


def _named(pattern: str, key: str) -> bool:
    return fnmatch.fnmatchcase(key.lower(), pattern.lower())


def _entry(names: Sequence[str], entries: Sequence[Entry]) -> Entry | None:
    """The last entry under the first name that is set."""
    for name in names:
        hits = [each for each in entries if _named(name, each.key)]
        filled = [each for each in hits if each.value != ""]
        if filled:
            return filled[-1]
    return None


def _fits(table: Mapping[str, Any], text: str, grammar: str, entries: Sequence[Entry]) -> bool:
    if grammar not in table["grammars"] or (table.get("has") and not re.search(table["has"], text)):
        return False
    names = [*table.get("host", ()), *table.get("at", ()), *table.get("url", ())]
    if _entry(names, entries) is not None:
        return True
    reader = _Reader(table, entries)
    return any(reader.holds(condition) for condition, _ in (*table.get("off", ()), *table.get("local", ())))


def _closeness(table: Mapping[str, Any], path: str, entries: Sequence[Entry]) -> tuple[bool, bool, int]:
    """A file of the usual name, a table that is not the general one, and how many of its names the file sets."""
    names = [name for field in (*_FIELDS, "at", "url") for name in table.get(field, ())]
    placed = bool(table.get("place") and re.search(table["place"], path))
    return placed, not table.get("general"), sum(_entry([name], entries) is not None for name in names)


def _current(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Without the documents that are for a profile of their own, where another document is not."""
    own = {
        e.part for e in entries if re.search(r"(?:^|\.)(?:on-profile|spring\.profiles|spring\.config\.activate)", e.key)
    }
    kept = tuple(each for each in entries if each.part not in own)
    return kept or tuple(entries)


def _contained(entries: Sequence[Entry]) -> bool:
    """Whether the settings are those of containers: a compose file's or a pod's."""
    return any(re.match(r"services\.[\w.-]+\.(?:image|build|environment)|spec\.|kind$", each.key) for each in entries)


# --- what it comes to ------------------------------------------------------------------------------------------------


class _Reader:
    """The entries of a file as one application's table reads them."""

    def __init__(
        self, table: Mapping[str, Any], entries: Sequence[Entry], contained: bool = False, id: str = ""
    ) -> None:
        self.table, self.entries, self.contained, self.id = table, entries, contained, id
        self.problems: list[Problem] = []

    def entry(self, field: str) -> Entry | None:
        return _entry(self.table.get(field, ()), self.entries)

    def value(self, entry: Entry | None) -> str:
        if entry is None or entry.value is None:
            return ""
        comment = self.comment(entry)
        value = entry.value[: comment.start()] if comment is not None else entry.value
        return value if entry.quote else value.strip(" \t")

    def comment(self, entry: Entry) -> re.Match[str] | None:
        """The sign in a bare value that makes the rest of it a comment."""
        cut = self.table.get("comment")
        return re.search(cut, entry.value) if cut and entry.value and not entry.quote else None

    def holds(self, condition: str, port: int | None = None) -> bool:
        if not condition:
            return True
        if condition.startswith("port="):
            return port == int(condition[5:])
        if condition.startswith("!"):
            return _entry([condition[1:]], self.entries) is None
        name, _, pattern = condition.partition("~")
        entry = _entry([name], self.entries)
        return entry is not None and re.fullmatch(pattern, self.value(entry).strip(), re.I) is not None

    def first(self, rows: Sequence[Sequence[str]], port: int | None = None) -> tuple[str, str]:
        """Condition and meaning of the first row that holds, ("", "") without one."""
        return next(((c, meaning) for c, meaning in rows if self.holds(c, port)), ("", ""))

    def problem(self, kind: str, entry: Entry | None, text: str, key: str = "") -> None:
        self.problems.append(
            Problem(kind=kind, key=entry.key if entry else key, line=entry.line if entry else 0, text=text)
        )

    def read(self) -> Found:
        condition, why = self.first(self.table.get("off", ()))
        if why:
            return self._off(_entry([condition.partition("~")[0].lstrip("!")], self.entries), why)
        condition, program = self.first(self.table.get("local", ()))
        if program:
            named = self.value(_entry([condition.partition("~")[0]], self.entries)).split()
            return Found(settings=_settings(program=named[0] if program == "=" and named else program))
        url = self.entry("url")
        if url is not None:
            return self._of_url(url)
        at, host_entry, port_entry = self.entry("at"), self.entry("host"), self.entry("port")
        defaults = self.table.get("defaults", {})
        host, port = self.value(host_entry), self.value(port_entry)
        if at is not None:
            found = re.fullmatch(r"\[?(.+?)\]?(?:::?(\d+))?", self.value(at).strip())
            host, port, host_entry = (found[1], found[2] or port, at) if found else ("", port, at)
            port_entry = at if found and found[2] else port_entry
        for entry in (host_entry, port_entry):
            if entry is not None and entry.value is None:
                return Found(problem=f"{entry.key} comes from a variable that this file does not set")
        if not host:
            host = str(defaults.get("host", ""))
        if not host:
            return Found(problem="it names no mail server")
        if port and not (port.strip().isdigit() and 0 < int(port) < 65536):
            self.problem(
                "port-not-a-number",
                port_entry,
                f"{port_entry.key if port_entry else 'the port'} is no port number ({port[:20]!r})",
            )
            port = ""
        _, tls = self.first(self.table.get("tls", ()), int(port) if port else None)
        usual = defaults.get("ssl_port") if tls == "implicit" else None
        number = int(port) if port else int(usual or defaults.get("port", 0))
        if not number:
            return Found(problem="no port is set, and its default is the program's own")
        return self._judged(host, number, tls or "none", host_entry, port_entry)

    def _judged(self, host: str, port: int, tls: str, host_entry: Entry | None, port_entry: Entry | None) -> Found:
        user_entry, secret_entry = self.entry("user"), self.entry("password")
        user, secret = self.value(user_entry), self.value(secret_entry)
        elsewhere = bool(self.table.get("elsewhere")) or any(
            e is not None and e.value is None for e in (user_entry, secret_entry)
        )
        login = self.table.get("login")
        hidden = self.table.get("hidden")
        if hidden and re.fullmatch(hidden, secret):
            secret, elsewhere = "", True
        wants = login is None or self.holds(login)
        self._remark_host(host, host_entry)
        for entry, value in ((user_entry, user), (secret_entry, secret)):
            if entry is not None and placeholder(value):
                self.problem("placeholder", entry, f"{entry.key} still has a placeholder")
        if user and not secret and wants and not elsewhere:
            self.problem(
                "credentials-missing",
                secret_entry,
                f"{user_entry.key if user_entry else 'the user'} is set and no password is",
                str((*self.table.get("password", ()), "")[0]),
            )
        if (user or secret) and login is not None and not wants:
            self.problem(
                "credentials-unused",
                user_entry or secret_entry,
                f"a login is given, but {login.partition('~')[0]} does not ask for one",
            )
        self._remark_secret(secret_entry, secret)
        if tls == "implicit" and port in STARTTLS_PORTS:
            self.problem(
                "implicit-on-starttls-port",
                port_entry,
                f"TLS from the first byte, on port {port} which begins in plain",
            )
        elif tls != "implicit" and port in IMPLICIT_TLS_PORTS:
            kind = "plain-on-implicit-port" if tls == "none" else "starttls-on-implicit-port"
            self.problem(
                kind, port_entry, f"port {port} expects TLS from the first byte, these settings begin in plain text"
            )
        settings = _settings(
            host=host,
            port=port,
            tls=tls,
            auth=wants and (bool(user) or elsewhere),
            user=user,
            user_key=user_entry.key if user_entry else str((*self.table.get("user", ()), "")[0]),
            password=shape(secret) if secret else None,
            password_key=secret_entry.key if secret_entry else str((*self.table.get("password", ()), "")[0]),
            sender=self._sender(),
            problems=tuple(self.problems),
        )
        return Found(settings=settings, user=user, password=secret)

    def _sender(self) -> str:
        sender = self.value(self.entry("sender"))
        domain = self.value(self.entry("sender_domain"))
        return f"{sender}@{domain}" if sender and domain and "@" not in sender else sender

    def _remark_host(self, host: str, entry: Entry | None) -> None:
        if _CATCHERS.search(host.lower()):
            self.problem("mail-discarded", entry, f"{host} catches mail for developers to look at; nothing is sent on")
        elif placeholder(host) or re.search(r"(?:^|\.)example(?:\.(?:com|net|org))?$|\.invalid$", host.lower()):
            self.problem("host-placeholder", entry, f"{host} is an example's name")
        elif re.search(r"[\s/]", host):
            self.problem(
                "host-has-blank", entry, "a blank or a scheme is part of the name, which then does not resolve"
            )
        elif _HERE.match(host) and self.contained:
            self.problem("localhost-in-container", entry, f"{host} is the container itself, where no mail server runs")

    def _remark_secret(self, entry: Entry | None, secret: str) -> None:
        if entry is None or entry.value is None or not secret:
            return
        comment = self.comment(entry)
        if comment is not None and not entry.value[: comment.start()].endswith((" ", "\t")):
            self.problem(
                "inline-comment", entry, f"{entry.key} ends at the comment sign in it: put the value in quotes"
            )
        elif secret != secret.rstrip("\r\n"):
            self.problem("trailing-blank", entry, f"{entry.key} ends in a line break, which is part of the password")
        elif secret != secret.strip():
            self.problem(
                "trailing-blank", entry, f"{entry.key} begins or ends in a blank, which is part of the password"
            )

    def _off(self, entry: Entry | None, why: str) -> Found:
        text = f"{entry.key} = {self.value(entry)}: {why}" if entry else why
        self.problem("mail-discarded", entry, text)
        return Found(
            settings=_settings(problems=tuple(self.problems), configured=False, user_key=entry.key if entry else "")
        )

    def _of_url(self, entry: Entry) -> Found:
        value = self.value(entry).strip()
        if entry.value is None:
            return Found(problem=f"{entry.key} comes from a variable that this file does not set")
        try:
            url = urlsplit(value)
            port, host = url.port, url.hostname or ""
        except ValueError:
            return Found(
                problem=f"{entry.key} is no valid URL: percent-encode the special characters of user and password"
            )
        scheme = url.scheme.lower()
        if scheme in ("null", "log", "console", "consolemail", "dummy", "dummymail", "memorymail", "filemail"):
            return self._off(replace(entry, value=f"{scheme}:"), "nothing is sent")
        if scheme in ("sendmail", "native"):
            return Found(settings=_settings(program="/usr/sbin/sendmail"))
        rows = dict(self.table.get("schemes", ()))
        meaning = rows.get(scheme)
        if meaning is None or not host:
            return Found(problem=f"{entry.key} sends by {scheme}:, which is not read")
        tls, usual = str(meaning).split()
        if port == 465 and tls == "starttls" and self.table.get("implicit_on_465"):
            tls = "implicit"
        query = url.query.lower()
        if tls != "implicit" and "tls=required" in query:
            tls = "starttls-required"
        user, secret = unquote(url.username or ""), unquote(url.password or "")
        parts = {"user": user, "password": secret}
        bare = _Reader(
            {
                **self.table,
                "user": ["user"],
                "password": ["password"],
                "comment": None,
                "sender": self.table.get("sender", ()),
            },
            [
                *self.entries,
                *(replace(entry, key=name, value=text, quote='"') for name, text in parts.items() if text),
            ],
            self.contained,
        )
        found = bare._judged(host, port or int(usual), tls, entry, entry)
        assert found.settings is not None
        settings = replace(found.settings, user_key=entry.key, password_key=entry.key)
        named = tuple(
            replace(each, key=entry.key, text=each.text.replace("user ", f"{entry.key} ", 1))
            for each in settings.problems
        )
        return replace(found, settings=replace(settings, problems=named))


def _quoted(shown: str, entry: Entry, grammar: str | None) -> str:
    """A starred value as the grammar has it, so that it is read back as it is shown."""
    if entry.encoded:
        return base64.b64encode(shown.encode()).decode()
    if len(entry.quote) == 3 or entry.quote in ("'", "`"):
        return f"{entry.quote}{shown.replace(entry.quote, '')}{entry.quote}"
    if entry.quote == '"' or grammar == "yaml":
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return shown


def _settings(**given: Any) -> MailSettings:
    empty: dict[str, Any] = {
        "host": "", "port": 0, "tls": "none", "auth": False, "user": "", "user_key": "", "password": None, "password_key": "",
        "sender": "",
    }  # fmt: skip
    return MailSettings(**(empty | given))

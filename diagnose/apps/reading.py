"""Interprets a settings file's values for one application, by its table (documented in `diagnose.apps.formats`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from diagnose.apps import remarks
from diagnose.apps.entry import DOLLAR, PERCENT, SEVERAL, Entry, meant, source, withheld
from diagnose.apps.settings import MailSettings, Problem
from diagnose.apps.trees import NUMBER
from diagnose.apps.wider import OF_OTHERS
from diagnose.parse.text.secret import shape
from diagnose.record import frozen

NO_SERVER = "it names no mail server"
FIELDS = ("host", "at", "url", "port", "user", "password", "sender", "sender_domain")


@frozen
class Found:
    """The settings of a file. id: of the application; problem: why they are unknown."""

    id: str = ""
    settings: MailSettings | None = None
    problem: str = ""
    user: str = ""
    password: str = ""


def entry_of(names: Sequence[str], entries: Sequence[Entry]) -> Entry | None:
    """The last entry of the first name that is set, not to ""; None if none is."""
    for name in names:
        filled = [each for each in entries if each.value != "" and meant(name, each)]
        if filled:
            return filled[-1]
    return None


def name_in(condition: str) -> str:
    """The name that a condition tests, "" if none."""
    return "" if condition.startswith("port=") else re.split("!?~", condition.partition(" & ")[0].lstrip("!"))[0]


class Reader:
    """Interprets the entries of a file by one application's table."""

    def __init__(
        self, table: Mapping[str, Any], entries: Sequence[Entry], contained: bool = False, id: str = "", path: str = ""
    ) -> None:
        self.table, self.contained, self.id = table, contained, id
        given = table.get("variable", "$^")
        self.entries = [withheld(each, given) for each in entries]
        self.hidden_read = bool(re.search(table.get("hidden_read", "$^"), path))
        self.problems: list[Problem] = []

    def entry(self, field: str) -> Entry | None:
        found = entry_of(self.table.get(field, ()), self.entries)
        return None if found is not None and self.nothing(found) else found

    def nothing(self, entry: Entry) -> bool:
        """Whether the value is one that the application takes for none."""
        words = self.table.get("nothing")
        return bool(words and entry.value is not None and re.fullmatch(words, entry.value.strip(), re.I))

    def _first(self, field: str) -> str:
        """The first of a setting's names, for a setting that is missing."""
        return remarks.spoken(str(next(iter(self.table.get(field, ())), "")))

    def value(self, entry: Entry | None) -> str:
        if entry is None or entry.value is None:
            return ""
        comment = self.comment(entry)
        value = entry.value[: comment.start()] if comment is not None else entry.value
        if inner := re.fullmatch(self.table.get("requoted", "$^"), value, re.S):
            return inner[1]
        if self.table.get("quotes_kept"):
            return f"{entry.quote}{value}{entry.quote}"
        if self.false_text(entry):
            return "true"
        if self.table.get("dollar") and entry.quote != "'":
            value = DOLLAR.sub("", value)
        if self.table.get("percent") and not entry.path and entry.variable == "" and "." in entry.key:
            value = value.replace("%%", "%")
        return value if entry.quote or entry.exact else value.strip(" \t")

    def false_text(self, entry: Entry) -> bool:
        """Whether the value is a quoted "false" that the application takes for true."""
        if not self.table.get("text_true") or re.search(r"(?:^|\.)env(?:ironment)?$", entry.within):
            return False
        return bool(entry.quote) and re.fullmatch("false|no|off", entry.value or "", re.I) is not None

    def comment(self, entry: Entry) -> re.Match[str] | None:
        """The match of what ends a bare value as a comment; None if there is none."""
        cut = self.table.get("comment")
        return re.search(cut, entry.value) if cut and entry.value and entry.bare else None

    def holds(self, condition: str, port: int | None = None) -> bool:
        if not condition:
            return True
        if " & " in condition:
            return all(self.holds(each, port) for each in condition.split(" & "))
        if condition.startswith("port="):
            return port == int(condition[5:])
        if condition.startswith("!"):
            return entry_of([condition[1:]], self.entries) is None
        if "!~" in condition:
            name, _, pattern = condition.partition("!~")
            values = [self.value(each) for each in self.entries if each.value is not None and meant(name, each)]
            return bool(values) and not any(re.fullmatch(pattern, value.strip(), re.I) for value in values)
        name, _, pattern = condition.partition("~")
        if not pattern:
            return any(each.value == "" and meant(name, each) for each in self.entries)
        entry = entry_of([name], self.entries)
        return entry is not None and re.fullmatch(pattern, self.value(entry).strip(), re.I) is not None

    def first(self, rows: Sequence[Sequence[str]], port: int | None = None) -> tuple[str, str]:
        """(condition, meaning) of the first row whose condition holds, ("", "") if none does."""
        return next(((c, meaning) for c, meaning in rows if self.holds(c, port)), ("", ""))

    def _tls(self, port: int | None) -> str:
        """How TLS begins; what is usual on the port if a variable decides it."""
        for condition, meaning in self.table.get("tls", ()):
            entry = entry_of([name_in(condition)], self.entries) if name_in(condition) else None
            if entry is not None and entry.value is None:
                return "implicit" if port == 465 else "starttls"
            if self.holds(condition, port):
                return str(meaning)
        return "none"

    def problem(self, kind: str, entry: Entry | None, text: str, key: str = "") -> None:
        key, line, path = (entry.key, entry.line, entry.path) if entry else (key, 0, "")
        self.problems.append(Problem(kind=kind, key=key, line=line, text=text, path=path))

    def read(self) -> Found:
        for entry, section in remarks.displaced(self.table, self.entries):
            text = f"{self.table.get('title', 'the application')} reads {section}, and nothing under {entry.key.rpartition('.')[0]}"
            self.problem("setting-wrong", entry, text)
            return Found(settings=replace(self._broken(), user_key=entry.key))
        condition, why = self.first(self.table.get("off", ()))
        if why:
            return self._off(entry_of([name_in(condition)], self.entries), why, condition)
        self._remark()
        for field in ("local", "api"):
            condition, meaning = self.first(self.table.get(field, ()))
            if meaning:
                named_by = entry_of([meaning[1:] or name_in(condition)], self.entries)
                words = self.value(named_by).split()
                name = words[0] if meaning.startswith("=") and words else meaning
                settings = replace(self._broken(), configured=True, user_key=named_by.key if named_by else "")
                program, api = (name, "") if field == "local" else ("", name)
                return Found(settings=replace(settings, program=program, api=api))
        url, host = self.entry("url"), self.entry("host")
        # A variable that is not set overrides nothing.
        unset = url is not None and url.value is None and bool(url.variable) and host is not None and bool(host.value)
        found = self._of_names() if url is None or unset else self._of_url(url)
        # Problems are reported even if the rest is unknown.
        return found if found.settings or not self.problems else replace(found, settings=self._broken(), problem="")

    def _broken(self) -> MailSettings:
        return MailSettings(problems=tuple(self.problems), configured=False, auth=True)

    def _remark(self) -> None:
        """Adds problems: by the table's rows, and of values that the application misreads."""
        for kind in ("wrong", "odd", "mild"):
            for condition, why in self.table.get(kind, ()):
                if self.holds(condition):
                    name = name_in(condition)
                    self.problem(f"setting-{kind}", entry_of([name], self.entries), why, remarks.spoken(name))
        rows = [row for rows in ("tls", "off", "local", "wrong", "odd") for row in self.table.get(rows, ())]
        names = [n for f in FIELDS for n in self.table.get(f, ())] + [name_in(row[0]) for row in rows]
        names.append(name_in(self.table.get("login", "")))
        secret = [*self.table.get("password", ()), *self.table.get("url", ())]
        blanks, dollar = self.table.get("blanks"), self.table.get("dollar")
        for entry in self.entries:
            value = entry.value or ""
            if blanks and entry.bare and re.search(r"\S\s+\S", value):
                self.problem("setting-wrong", entry, f"{entry.key} contains a blank and is not in quotes: {blanks}")
            if dollar and entry.quote != "'" and DOLLAR.search(value) and any(meant(name, entry) for name in secret):
                self.problem("setting-odd", entry, f"{entry.key}: the dollar sign begins a variable: {dollar}")
            if self.table.get("percent") and "." in entry.key and PERCENT.search(value) and meant(secret[0], entry):
                text = f"{entry.key}: write a percent sign as %%: the file does not load otherwise"
                self.problem("setting-wrong", entry, text)
            if self.false_text(entry) and any(name and meant(name, entry) for name in names):
                text = f'{entry.key} is the text "{value}", which counts as true: leave out the quotes'
                self.problem("setting-odd", entry, text)
            if self.table.get("typed") and entry.remark.startswith(NUMBER):
                continue
            if entry.remark and (entry.key in OF_OTHERS or any(name and meant(name, entry) for name in names)):
                kind, _, text = entry.remark.partition(": ")
                self.problem(kind, entry, text)
        for kind, entry, why in remarks.misspelt(self.table, self.entries, meant):
            self.problem(kind, entry, why)

    def _of_names(self) -> Found:
        at, host_entry, port_entry = self.entry("at"), self.entry("host"), self.entry("port")
        defaults = self.table.get("defaults", {})
        host, port = self.value(host_entry), self.value(port_entry)
        begins = ""
        if at is not None:
            found = re.fullmatch(r"\[?(.+?)\]?(?:::?(\d+))?", self.value(at).partition(";")[0].strip())
            host, port, host_entry = (found[1], found[2] or port, at) if found else ("", port, at)
            port_entry = at if found and found[2] else port_entry
        elif (self.table.get("prefixed") or remarks.unmarked(self)) and (
            found := re.fullmatch(r"(?:(ssl|tls)://)?([^:/;]+)(?::(\d+))?", host)
        ):
            # PHPMailer accepts scheme and port in the host.
            begins, host, port = found[1] or "", found[2], found[3] or port
        login = self.entry("user"), self.entry("password")
        for entry in (host_entry, port_entry):
            if entry is not None and entry.value is None:
                return self._unknown(f"{entry.key} {source(entry)}")
        _, preset = self.first(self.table.get("presets", ()))
        if not host and preset:
            name, usual, begins = preset.split()
            return self._judged(name, int(usual), begins, None, None, *login)
        host = host or str(defaults.get("host", ""))
        if not host:
            return Found(problem=NO_SERVER)
        if port and not (port.strip().isdecimal() and port == port.strip() and 0 < int(port) < 65536):
            key = port_entry.key if port_entry else "the port"
            self.problem("setting-wrong", port_entry, f"{key} is not a port number ({port[:20]!r})")
            port = ""
        tls = self._tls(int(port) if port else None)
        tls = {"ssl": "implicit", "tls": "starttls-required"}.get(begins, tls)
        default = defaults.get("ssl_port") if tls == "implicit" else None
        number = int(port) if port else int(default or defaults.get("port", 0))
        if not number:
            return self._unknown("no port is set, and its default is the program's own")
        return self._judged(host, number, tls or "none", host_entry, port_entry, *login)

    def _unknown(self, why: str) -> Found:
        """Why the server is unknown; problems of the login are added all the same."""
        user, secret = (None if each and each.variable else each for each in map(self.entry, ("user", "password")))
        remarks.login(self, "", self.value(user), user, self.value(secret), secret)
        return Found(problem=why)

    def _elsewhere(self, user: Entry | None, secret: Entry | None) -> str:
        """Why the login is not in the file, "" if it is."""
        for entry in (user, secret):
            if entry is not None and entry.value is None:
                return f"{entry.key} {source(entry)}"
        other = self.table.get("elsewhere")
        if isinstance(other, str) and (user is None or secret is None) and self.holds(other):
            return "the login is in another file"
        found = entry_of(other, self.entries) if isinstance(other, list) else None
        return f"{found.key} gives the password" if found is not None and secret is None else ""

    def _judged(
        self,
        host: str,
        port: int,
        tls: str,
        host_entry: Entry | None,
        port_entry: Entry | None,
        user_entry: Entry | None,
        secret_entry: Entry | None,
    ) -> Found:
        sender_entry = self.entry("sender")
        if user_entry is None and secret_entry is not None and self.table.get("general"):
            # Many programs log in as the sender.
            user_entry = sender_entry if sender_entry and "@" in (sender_entry.value or "") else None
        user, secret = self.value(user_entry), self.value(secret_entry)
        elsewhere = self._elsewhere(user_entry, secret_entry) or remarks.perhaps(self, user and secret, host_entry)
        login, hidden = self.table.get("login"), self.table.get("hidden")
        if hidden and re.fullmatch(hidden, secret):
            secret, elsewhere = "", f"{secret_entry.key if secret_entry else 'the password'} is hidden in an export"
            if self.hidden_read:
                self.problem("setting-wrong", secret_entry, f"{elsewhere}, and imported so it is the password")
        wants = login is None or self.holds(login)
        if user and not secret and wants and not elsewhere:
            self.problem(
                "credentials-missing",
                secret_entry,
                f"{user_entry.key if user_entry else 'the user'} is set, but no password is",
                self._first("password"),
            )
        if secret and not user and wants and not elsewhere and self.table.get("user"):
            text = f"{secret_entry.key if secret_entry else 'the password'} is set, but no user is"
            self.problem("credentials-missing", None, text, self._first("user"))
        if (user or secret) and login is not None and not wants:
            self.problem(
                "credentials-unused",
                user_entry or secret_entry,
                f"a login is given, but {remarks.spoken(name_in(login))} does not switch it on",
            )
        auth = wants and (bool(user) or bool(elsewhere))
        condition, off = self.first(self.table.get("unverified", ()))
        entries = {"host": host_entry, "port": port_entry, "user": user_entry, "password": secret_entry}
        sender, local = self._sender(), remarks.is_here(host) and not self.contained
        remarks.host(self, host, host_entry)
        remarks.login(self, host, user, user_entry, secret, secret_entry)
        remarks.tls(self, port, tls, auth and not local, entries)
        remarks.sender(self, sender, self.entry("sender"), host, local)
        if off and not local and tls != "none":
            self.problem("verification-off", entry_of([name_in(condition)], self.entries), off)
        settings = MailSettings(
            host=host,
            port=port,
            tls=tls,
            auth=auth,
            user=user,
            user_key=user_entry.key if user_entry else self._first("user"),
            password=shape(secret) if secret else None,
            password_key=secret_entry.key if secret_entry else self._first("password"),
            sender=sender or str(self.table.get("defaults", {}).get("sender", "")),
            sender_key=named_by.key if (named_by := self.entry("sender")) else self._first("sender"),
            trust="*" if off else "",
            **({} if off or self.contained else remarks.authorities(self.entries, host_entry)),
            problems=tuple(self.problems),
            elsewhere=elsewhere if not (user and secret) else "",
        )
        return Found(settings=settings, user=user, password=secret)

    def _sender(self) -> str:
        sender = self.value(self.entry("sender"))
        domain = self.value(self.entry("sender_domain"))
        return f"{sender}@{domain}" if sender and domain and "@" not in sender else sender

    def _off(self, entry: Entry | None, why: str, condition: str) -> Found:
        text = f"{entry.key} = {self.value(entry)}: {why}" if entry else why
        switched = condition.startswith("!") or (
            entry is not None and re.fullmatch("false|0|no|off", self.value(entry), re.I)
        )
        named = any(self.entry(field) is not None for field in ("host", "at", "url"))
        # Without a server mail was perhaps never meant to be sent.
        kind = "mail-off" if switched and not named else "mail-discarded"
        self.problem(kind, entry, text, remarks.spoken(name_in(condition)))
        return Found(settings=replace(self._broken(), user_key=entry.key if entry else ""))

    def _of_url(self, entry: Entry) -> Found:
        value = SEVERAL.sub(r"\1", self.value(entry).strip())  # takes the first of several
        if entry.value is None:
            return Found(problem=f"{entry.key} {source(entry)}")
        if broken := remarks.url(value):
            self.problem("setting-wrong", entry, f"{entry.key}: {broken}")
        try:
            url = urlsplit(value)
            port, host = url.port, url.hostname or ""
        except ValueError:
            if not broken:
                why = f"{entry.key} is not a valid URL: percent-encode the special characters of user and password"
                self.problem("setting-wrong", entry, why)
            return Found(settings=replace(self._broken(), user_key=entry.key))
        scheme = url.scheme.lower()
        if scheme in ("null", "log", "console", "consolemail", "dummy", "dummymail", "memorymail", "filemail"):
            return self._off(replace(entry, value=f"{scheme}:"), "nothing is sent", "")
        if scheme in ("sendmail", "native"):
            return Found(settings=MailSettings(program="/usr/sbin/sendmail"))
        query = {name.lower(): values[-1] for name, values in parse_qs(url.query).items()}
        given = ("username", url.username), ("password", url.password)
        user, secret = (unquote(text or query.get(name, "")) for name, text in given)
        service = re.fullmatch(r"(?!smtps?\b|submission)(\w+)(?:\+(?:smtps?|api|https?))", scheme)
        if service is not None:
            remarks.login(self, "", user, entry if user else None, secret, entry if secret else None)
            return Found(settings=MailSettings(api=service[1], problems=tuple(self.problems), user_key=entry.key))
        rows = dict(self.table.get("schemes", ()))
        meaning = rows.get(scheme)
        if not host:
            self.problem("setting-wrong", entry, f"{entry.key} names no server")
            return Found(settings=replace(self._broken(), user_key=entry.key))
        if near := [each for each in rows if meaning is None and remarks.distance(scheme, each) == 1]:
            self.problem("setting-wrong", entry, f"{entry.key} begins with {scheme}:, which is not {near[0]}:")
            return Found(settings=replace(self._broken(), user_key=entry.key))
        if meaning is None:
            return Found(problem=f"{entry.key} sends by {scheme}:, which this tool does not read")
        tls, usual = str(meaning).split()
        if entry.key in self.table.get("encryption_in", ()) and (begins := remarks.encryption(query)):
            tls = begins
        elif port == 465 and tls == "starttls" and self.table.get("implicit_on_465"):
            tls = "implicit"
        if tls != "implicit" and query.get("tls") == "required":
            tls = "starttls-required"
        if query.get("verify_peer", query.get("tls.rejectunauthorized", "1")).lower() in ("0", "false"):
            self.problem("verification-off", entry, "the server's certificate is not checked")
        login = [replace(entry, value=text, quote="'") if text else None for text in (user, secret)]
        found = self._judged(host, port or int(usual), tls, entry, entry, *login)
        assert found.settings is not None
        # All settings, missing ones too, belong to the URL's key.
        problems = tuple(replace(each, key=entry.key) for each in found.settings.problems)
        settings = replace(found.settings, user_key=entry.key, password_key=entry.key, problems=problems)
        return replace(found, settings=settings)

"""What a settings file's values come to in one application, by its table (`diagnose.apps.formats` says what stands there)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from diagnose.apps.grammars import Entry
from diagnose.apps.settings import MailSettings, Problem
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, STARTTLS_PORTS
from diagnose.parse.text.secret import placeholder, shape

_CATCHERS = re.compile(r"^(?:mailpit|mailhog|maildev|mailcatcher|smtp4dev|inbucket|papercut|greenmail)\b|mailtrap\.io$")
_HERE = re.compile(r"^(?:localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The settings of a file. id: the application's; problem: why nothing can be said of them."""

    id: str = ""
    settings: MailSettings | None = None
    problem: str = ""
    user: str = ""
    password: str = ""


def named(pattern: str, key: str) -> bool:
    return fnmatch.fnmatchcase(key.lower(), pattern.lower())


def entry_of(names: Sequence[str], entries: Sequence[Entry]) -> Entry | None:
    """The last entry under the first name that is set."""
    for name in names:
        hits = [each for each in entries if named(name, each.key)]
        filled = [each for each in hits if each.value != ""]
        if filled:
            return filled[-1]
    return None


class Reader:
    """The entries of a file as one application's table reads them."""

    def __init__(
        self, table: Mapping[str, Any], entries: Sequence[Entry], contained: bool = False, id: str = ""
    ) -> None:
        self.table, self.entries, self.contained, self.id = table, entries, contained, id
        self.problems: list[Problem] = []

    def entry(self, field: str) -> Entry | None:
        return entry_of(self.table.get(field, ()), self.entries)

    def _first(self, field: str) -> str:
        """The name under which the value belongs, where it is not set."""
        return str(next(iter(self.table.get(field, ())), ""))

    def value(self, entry: Entry | None) -> str:
        if entry is None or entry.value is None:
            return ""
        comment = self.comment(entry)
        value = entry.value[: comment.start()] if comment is not None else entry.value
        return value if entry.quote or entry.exact else value.strip(" \t")

    def comment(self, entry: Entry) -> re.Match[str] | None:
        """The sign in a bare value that makes the rest of it a comment."""
        cut = self.table.get("comment")
        return re.search(cut, entry.value) if cut and entry.value and entry.bare else None

    def holds(self, condition: str, port: int | None = None) -> bool:
        if not condition:
            return True
        if condition.startswith("port="):
            return port == int(condition[5:])
        if condition.startswith("!"):
            return entry_of([condition[1:]], self.entries) is None
        if "!~" in condition:
            name, _, pattern = condition.partition("!~")
            values = [self.value(each) for each in self.entries if named(name, each.key)]
            return bool(values) and not any(re.fullmatch(pattern, value.strip(), re.I) for value in values)
        name, _, pattern = condition.partition("~")
        entry = entry_of([name], self.entries)
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
            return self._off(entry_of([condition.partition("~")[0].lstrip("!")], self.entries), why)
        condition, program = self.first(self.table.get("local", ()))
        if program:
            words = self.value(entry_of([condition.partition("~")[0]], self.entries)).split()
            return Found(settings=MailSettings(program=words[0] if program == "=" and words else program))
        for kind in ("wrong", "odd"):
            for condition, why in self.table.get(kind, ()):
                if self.holds(condition):
                    entry = entry_of([re.split("!?~", condition)[0]], self.entries)
                    self.problem(f"setting-{kind}", entry, why, condition.lstrip("!"))
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
        return self._judged(
            host, number, tls or "none", host_entry, port_entry, self.entry("user"), self.entry("password")
        )

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
        user, secret = self.value(user_entry), self.value(secret_entry)
        other = self.table.get("elsewhere", False)
        elsewhere = (
            other is True
            or bool(other and entry_of(other, self.entries))
            or any(e is not None and e.value is None for e in (user_entry, secret_entry))
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
                self._first("password"),
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
        settings = MailSettings(
            host=host,
            port=port,
            tls=tls,
            auth=wants and (bool(user) or elsewhere),
            user=user,
            user_key=user_entry.key if user_entry else self._first("user"),
            password=shape(secret) if secret else None,
            password_key=secret_entry.key if secret_entry else self._first("password"),
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
        if re.match(r"\s+#\S", entry.tail) or (
            comment is not None and not entry.value[: comment.start()].endswith((" ", "\t"))
        ):
            self.problem(
                "inline-comment", entry, f"{entry.key} ends at the comment sign in it: put the value in quotes"
            )
        elif entry.exact and len(secret) > 2 and secret[0] == secret[-1] and secret[0] in "\"'":
            self.problem("quoted-value", entry, f"the quotes of {entry.key} are part of its value here")
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
            settings=MailSettings(problems=tuple(self.problems), configured=False, user_key=entry.key if entry else "")
        )

    def _of_url(self, entry: Entry) -> Found:
        value = self.value(entry).strip()
        if entry.value is None:
            return Found(problem=f"{entry.key} comes from a variable that this file does not set")
        try:
            url = urlsplit(value)
            port, host = url.port, url.hostname or ""
        except ValueError:
            why = f"{entry.key} is no valid URL: percent-encode the special characters of user and password"
            self.problem("setting-wrong", entry, why)
            return Found(settings=MailSettings(problems=tuple(self.problems), configured=False, user_key=entry.key))
        scheme = url.scheme.lower()
        if scheme in ("null", "log", "console", "consolemail", "dummy", "dummymail", "memorymail", "filemail"):
            return self._off(replace(entry, value=f"{scheme}:"), "nothing is sent")
        if scheme in ("sendmail", "native"):
            return Found(settings=MailSettings(program="/usr/sbin/sendmail"))
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
        login = [replace(entry, value=text, quote='"') if text else None for text in (user, secret)]
        found = self._judged(host, port or int(usual), tls, entry, entry, *login)
        assert found.settings is not None
        # All of it stands under the URL's name, what it lacks as well.
        problems = tuple(replace(each, key=entry.key) for each in found.settings.problems)
        settings = replace(found.settings, user_key=entry.key, password_key=entry.key, problems=problems)
        return replace(found, settings=settings)

"""Applications' settings files: which application's a file is, and what its settings come to in that application.

read(path, text)            the application and its settings, or why nothing can be said
masked(path, text, secrets) the text with its passwords starred, their shape kept
credentials(path, text)     user and password as the application finds them

An application is a table in `diagnose/knowledge/applications/<id>.toml`:

title       what it is called; place: where its file usually lies (a pattern; it settles which of several is meant)
grammars    the grammars (`diagnose.apps.grammars`) its settings come in; has: a pattern that the text must hold
host, port, user, password, sender
            names that the value may stand under, the first that is set counts (* for any characters; letters' case does not count)
marks       names that this application alone uses
at          the names that hold host:port together; url: those that hold a URL
defaults    host, port, and ssl_port where TLS begins at once
tls         pairs of a condition and what it means: none, starttls, starttls-required or implicit; the first that holds counts
off, local  pairs of a condition and a sentence: nothing is sent then; and a program that takes the mail ("=": the value)
login       a condition without which the login is not used; elsewhere: whether, or names that say so when set, the login stands in another file;
            hidden: what stands in an export for a password
comment     what ends a value without quotes (a pattern), in grammars that leave that to the program
wrong, odd  pairs of a condition and a sentence: what the application refuses or ignores, and what is right in some cases alone
read_when   request, start, build or cache; restart: the sentence on how changed settings take effect
write       what to set for TLS at once ("implicit") and by STARTTLS, with {port}
source      where this is documented

A condition is `name~pattern` (the value, whole, letters' case ignored), `name!~pattern` (set, and no value of it is such), `!name`
(not set), `port=N`, or "" (always).
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from diagnose.apps import grammars
from diagnose.apps.grammars import Entry
from diagnose.apps.reading import Found, Reader, entry_of, named
from diagnose.apps.settings import MailSettings
from diagnose.parse.text.masking import STARS, Secrets, mask
from diagnose.parse.text.secret import SECRET_KEY, placeholder

NOT_READ = "not a format I read"
_URL_LOGIN = re.compile(r"(://[^\s:/@]*:)(.+)@")
_FIELDS = ("host", "port", "user", "password", "sender")


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


def read(path: str, text: str) -> Found:
    """The settings of a file, whose text may be masked."""
    grammar = grammars.grammar_of(path, text)
    if grammar is None:
        return Found(problem=NOT_READ)
    try:
        found = reader(path, text, grammar)
    except grammars.Malformed as why:
        return Found(problem=f"it does not load: {why}")
    return replace(found.read(), id=found.id) if found is not None else Found(problem="it names no mail server")


def masked(path: str, text: str, secrets: Secrets, starred: Callable[[str, Secrets], str]) -> str:
    """The text with every password in it starred and remembered; its shape, line and quotes are kept.

    starred: gives a password's stand-in, and remembers it."""
    grammar = grammars.grammar_of(path, text)
    if grammar is None:
        return mask(text)
    try:
        entries = grammars.entries(text, grammar)
    except grammars.Malformed:
        return mask(text)
    reader = _reader(path, text, grammar, entries)
    names = {name.lower() for table in applications().values() for name in table.get("password", ())}
    hidden = reader.table.get("hidden") if reader is not None else None
    out, at = [], 0
    for entry in sorted(entries, key=lambda each: each.start):
        if entry.start < at or not entry.value or (hidden and re.fullmatch(hidden, entry.value)):
            continue
        if SECRET_KEY.search(entry.key) or any(named(name, entry.key) for name in names):
            comment = reader.comment(entry) if reader is not None else None
            if comment is None:
                shown = starred(entry.value, secrets)
            else:
                # That a comment sign cuts it must still be seen.
                secrets.add(entry.value, entry.value[: comment.start()], entry.value[comment.end() :])
                shown = f"{STARS}{comment[0]}{STARS}"
        elif "://" in entry.value and (login := _URL_LOGIN.search(entry.value)):
            secrets.add(login[2], unquote(login[2]))
            reserved = re.search(r"[/?#]", login[2])
            kept = login[2] if placeholder(login[2]) else f"{STARS}{reserved[0]}{STARS}" if reserved else STARS
            shown = f"{entry.value[: login.start(2)]}{kept}{entry.value[login.end(2) :]}"
        else:
            continue
        shown, end = _quoted(shown, entry, grammar), entry.end
        if re.match(r"\s+#\S", entry.tail):
            # Perhaps a part of the password, which the sign cuts.
            secrets.add(entry.tail.strip(), entry.tail.strip().lstrip("#"), f"{entry.value}{entry.tail}")
            shown, end = f"{shown} #{STARS}", entry.end + len(entry.tail)
        shown += "\n" * (text.count("\n", entry.start, entry.end) - shown.count("\n"))
        out += [_between(text[at : entry.start], at == 0, False), shown]
        at = end
    return "".join([*out, _between(text[at:], at == 0, True)])


def _between(text: str, begins: bool, ends: bool) -> str:
    """What stands between passwords: whole lines and comments masked, names and signs of the grammar left as they are. begins,
    ends: the text does so with it, so that its first or last line is a whole one."""
    head, *rest = text.split("\n")
    sign = re.search(r"(?:^|(?<=\s))(?:[#;]|//)|/\*|<!--", head)
    if begins and (rest or ends):
        head = mask(head)
    elif sign is not None:
        head = head[: sign.start()] + mask(head[sign.start() :])
    last = rest[-1:] if not ends else [mask(line) for line in rest[-1:]]
    return "\n".join([head, *(mask(line) for line in rest[:-1]), *last])


def reader(path: str, text: str, grammar: str) -> Reader | None:
    """The file's values as its application reads them. Raises grammars.Malformed."""
    return _reader(path, text, grammar, grammars.entries(text, grammar))


def _reader(path: str, text: str, grammar: str, every: Sequence[Entry]) -> Reader | None:
    """The file's values as the application reads them whose it is, None where it is none's."""
    entries = _current(every)
    fitting = [(id, table) for id, table in applications().items() if _fits(table, text, grammar, entries)]
    if not fitting:
        return None
    id, table = max(fitting, key=lambda each: _closeness(each[1], path, entries))
    return Reader(table, entries, _contained(every), id)


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


def _fits(table: Mapping[str, Any], text: str, grammar: str, entries: Sequence[Entry]) -> bool:
    if grammar not in table["grammars"] or not re.search(table.get("has", ""), text, re.M):
        return False
    names = [*table.get("host", ()), *table.get("at", ()), *table.get("url", ())]
    if entry_of(names, entries) is not None:
        return True
    reader = Reader(table, entries)
    # What a file leaves out makes it nobody's.
    off = (row for row in table.get("off", ()) if not row[0].startswith("!"))
    return any(reader.holds(condition) for condition, _ in (*off, *table.get("local", ())))


def _closeness(table: Mapping[str, Any], path: str, entries: Sequence[Entry]) -> tuple[bool, int, int]:
    """A file of the usual name, how little general the table is (`general`, 0 for one application alone), and how many of its names the file sets."""
    names = [name for field in (*_FIELDS, "at", "url", "marks") for name in table.get(field, ())]
    placed = bool(table.get("place") and re.search(table["place"], path))
    return placed, -int(table.get("general", 0)), sum(entry_of([name], entries) is not None for name in names)


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


def _quoted(shown: str, entry: Entry, grammar: str) -> str:
    """A starred value as the grammar has it, so that it is read back as it is shown."""
    if entry.encoded:
        return base64.b64encode(shown.encode()).decode()
    if len(entry.quote) == 3 or entry.quote in ("'", "`"):
        return f"{entry.quote}{shown.replace(entry.quote, '')}{entry.quote}"
    if entry.quote == '"' or grammar == "yaml":
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return shown

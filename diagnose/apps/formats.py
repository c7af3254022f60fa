"""Applications' settings files: which application a file belongs to, and its settings as that application reads them.

read(path, text)            the application and its settings, or why they are unknown
credentials(path, text)     user and password as the application reads them

An application is a table in `diagnose/knowledge/applications/<id>.toml`:

title       its name; place: a pattern for its file's usual path, which decides between several applications
grammars    the grammars (`diagnose.apps.grammars`) of its settings; has: a pattern that the text must contain, or one per grammar
general     the table is for a kind of application, not for one: the higher, the lower its priority
host, port, user, password, sender, sender_domain
            names of the value, of which the first that is set applies (* for any characters; case-insensitive)
marks       names that only this application uses; language: the file extension of settings in a programming language
at          names whose value is host:port; url: names whose value is a URL
schemes     a URL's scheme to TLS and default port; encryption_in: names of URLs whose query may override this;
            implicit_on_465: whether port 465 means implicit TLS whatever the scheme
defaults    host, port, sender, and ssl_port for implicit TLS
tls         pairs of a condition and none, starttls, starttls-required or implicit; the first that holds applies
off, local  pairs of a condition and a sentence that nothing is sent; or the program that takes the mail ("=": the value)
presets     pairs of a condition and the host, port and TLS that it implies
api         as local, for a service whose API takes the mail; "=NAME" in both: another value of the file
wrong, odd, mild
            pairs of a condition and a sentence: refused or ignored by the application, right in some cases only, worth a look
unverified  pairs of a condition and a sentence: the server's certificate is not checked
nothing     a pattern of values that mean none; quotes_kept: quotes are part of a value; prefixed: the host may contain ssl:// and :port
whole       the file at `place` holds all settings: one that it does not set has its default
contained   a pattern of paths whose settings are a container's; kept: by grammar, what differs in such files
login       a condition for the login's use; elsewhere: a condition, or names that when set mean that the login is in
            another file; hidden: a pattern of what replaces a password in exports; hidden_read: paths of exports that the program reads
variable    a pattern of values that come from the environment; requoted: of values with quotes of their own, the first group being the value
typed       whether a number in YAML keeps its text
comment     a pattern of what ends an unquoted value, in grammars that leave this to the program
percent     whether a percent sign must be doubled (Python's configparser)
blanks, dollar, text_true
            the effect of a blank in an unquoted value, and of a dollar sign in a password; whether any quoted text counts as true
cache       a file beside it that is read instead if it exists
read_when   request, reload, build or cache, start without it; restart: the sentence on how changed settings take effect
write       the settings for implicit TLS ("implicit") and STARTTLS, with {port}
source      the documentation's address; truth: the evidence: library (reads the same files in a test), program (runs in the lab)
            or source (at that address, of one version), documentation alone without it

A condition is `name~pattern` (matches the whole value, case-insensitive; without a pattern: set and empty), `name!~pattern` (set,
and no value matches), `!name` (not set), `port=N`, or "" (always); several are joined by " & ".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from diagnose.apps import grammars
from diagnose.apps.branches import taken
from diagnose.apps.entry import Entry, Malformed, meant
from diagnose.apps.reading import FIELDS, NO_SERVER, Found, Reader, entry_of, name_in
from diagnose.apps.remarks import displaced, misspelt
from diagnose.apps.settings import MailSettings, Problem
from diagnose.apps.wider import OF_OTHERS, Other, nobody, widened
from diagnose.knowledge import documents
from diagnose.parse.text.masking import STARS

NOT_READ = "not a format that this tool reads"
# Sections of a program's settings that do not concern mail.
_FOREIGN = re.compile(
    r"(?:^|[._])(?:databases?|db|redis|cache|sessions?|queue|logging|log|sentry|ldap|cors|channels|stores|url_options)(?:\.|$)",
    re.I,
)
_FOREIGN_KEY = re.compile(r"(?:^|\.)(?:sessions?|cookies?|databases?|db|redis|cache|ldap)\.", re.I)
_TEMPLATE = re.compile(r"\.(?:j2|jinja2?|c?tmpl|tpl|template|tftpl|gotmpl)$")
_LANGUAGE = re.compile(r"\.(?:php|rb|py|[cm]?[jt]sx?)$")
_FIELDS = ("host", "port", "user", "password", "sender")


@functools.cache
def applications() -> Mapping[str, Mapping[str, Any]]:
    """Application id to its table."""
    return documents.folder("applications")


def read(path: str, text: str, other: Other = nobody) -> Found:
    """The settings of a file, whose text may be masked. other: reads further files."""
    grammar = grammars.grammar_of(path, text)
    if grammar is None:
        return Found(problem=NOT_READ)
    if "{{" in text and _TEMPLATE.search(path):
        return Found(problem="it is a template: name the file that is made of it")
    try:
        entries = widened(path, grammar, text, other)
    except Malformed as why:
        if re.search(r"\{\{|\{%|<%", text) or (STARS in text and grammar != "xml"):
            return Found(problem=f"it does not load: {why}")
        problem = Problem(kind="setting-odd", key="", line=0, text=f"it does not load: {why}")
        return Found(settings=MailSettings(configured=False, problems=(problem,)))
    found = reader_of(path, text, grammar, entries)
    if found is not None:
        return replace(found.read(), id=found.id)
    missing = [e for e in entries if e.key in OF_OTHERS and e.remark]
    if not missing:
        return Found(problem=NO_SERVER)
    problems = [
        Problem(kind=e.remark.partition(": ")[0], key=e.key, line=e.line, text=e.remark.partition(": ")[2])
        for e in missing
    ]
    return Found(settings=MailSettings(configured=False, problems=tuple(problems)))


def reader(path: str, text: str, grammar: str) -> Reader | None:
    """The reader for a file's own entries; None if it belongs to no known application. Raises Malformed."""
    return reader_of(path, text, grammar, grammars.entries(text, grammar))


def reader_of(path: str, text: str, grammar: str, every: Sequence[Entry]) -> Reader | None:
    """The reader with the table of the application that the entries fit best; None if none fits."""
    own = [e for e in taken(every) if not (_FOREIGN.search(e.within) or _FOREIGN_KEY.search(e.key))]
    entries = _current(own)
    fitting = [(id, table) for id, table in applications().items() if _fits(table, path, text, grammar, entries)]
    if not fitting:
        return None
    id, table = max(fitting, key=lambda each: _closeness(each[1], path, entries))
    kept = table.get("kept", {}).get(grammar)  # overrides for this grammar
    table = {**table, **kept} if kept else table
    return Reader(table, entries, _contained(every) or bool(re.search(table.get("contained", "$^"), path)), id, path)


def values(path: str, text: str, other: Other = nobody) -> dict[str, str]:
    """Key to value of a file's entries; without unknown values; {} if it does not load."""
    grammar = grammars.grammar_of(path, text)
    try:
        entries = widened(path, grammar, text, other) if grammar else ()
    except Malformed:
        return {}
    return {each.key: each.value for each in entries if each.value is not None}


def names(path: str, text: str, other: Other = nobody, service: str = "") -> tuple[str, ...]:
    """The names of mail settings that a file puts into a process's environment. service: of a compose file; names
    that other services set differently are left out."""
    grammar = grammars.grammar_of(path, text)
    if grammar not in ("dotenv", "environment", "unit", "yaml"):
        return ()
    try:
        entries = widened(path, grammar, text, other)
        if service:
            last = {each.key: each.value for each in entries}
            here = f"services.{service}.environment"
            entries = tuple(e for e in entries if e.within == here and e.value == last[e.key])
        found = reader_of(path, text, grammar, entries)
    except Malformed:
        return ()
    if found is None:
        return ()
    wanted = [name for field in FIELDS for name in found.table.get(field, ())]
    wanted += [name_in(row[0]) for rows in ("tls", "off") for row in found.table.get(rows, ())]
    keys = [e.key for e in found.entries if any(name and meant(name, e) for name in wanted)]
    return tuple(dict.fromkeys(key for key in keys if re.fullmatch(r"[A-Za-z_]\w*", key)))


def credentials(path: str, text: str, other: Other = nobody) -> tuple[str, str] | None:
    """(user, password) of an unmasked file as its application reads them; None if either is missing."""
    found = read(path, text, other)
    return (found.user, found.password) if found.user and found.password else None


def lines(id: str, settings: MailSettings, port: int, tls: str) -> str:
    """The lines to write into the file for another port and TLS mode, joined by "; "; "" if unknown."""
    write = applications().get(id, {}).get("write", {})
    if settings.user_key and settings.user_key == settings.password_key:
        scheme = write.get("schemes", {}).get(tls, "smtps" if tls == "implicit" else "smtp")
        return f"{settings.user_key}={scheme}://USER:PASSWORD@{settings.host}:{port}"
    return str(write.get("implicit" if tls == "implicit" else "starttls", "")).format(port=port, host=settings.host)


# --- which application -----------------------------------------------------------------------------------------------


def _fits(table: Mapping[str, Any], path: str, text: str, grammar: str, entries: Sequence[Entry]) -> bool:
    if grammar == "code" and _LANGUAGE.search(path) and not re.search(rf"\.{table.get('language', '.*')}$", path):
        return False
    placed = bool(table.get("place") and re.search(table["place"], path))
    grammar = "dotenv" if grammar in ("environment", "script") else grammar
    if grammar not in table["grammars"] or not (
        re.search(_has(table, grammar), text, re.M) or (placed and table.get("whole"))
    ):
        return False
    names = [*table.get("host", ()), *table.get("at", ()), *table.get("url", ())]
    if entry_of(names, entries) is not None or (placed and table.get("whole")):
        return True
    reader = Reader(table, entries)
    if placed and next(displaced(table, entries), None) is not None:
        return True
    # Conditions on missing names do not identify an application.
    rows = [row[0] for kind in ("off", "api", "presets", "wrong") for row in table.get(kind, ()) if row[0][:1] != "!"]
    rows += [row[0] for row in table.get("local", ()) if row[0][:1] != "!" or not table.get("whole")]
    if any(reader.holds(condition) for condition in rows if condition):
        return True
    # The name of the server's setting may be misspelt.
    others = [name for field in ("port", "user", "password", "sender") for name in table.get(field, ())]
    distinct = tuple({(each.key, each.within, each.variable): each for each in entries}.values())
    if table.get("general") or sum(any(meant(name, each) for name in others) for each in distinct) < 2:
        return False
    return any(kind == "setting-wrong" for kind, _, _ in misspelt(table, distinct, meant))


def _has(table: Mapping[str, Any], grammar: str) -> str:
    wanted = table.get("has", "")
    return str(wanted.get(grammar, "") if isinstance(wanted, Mapping) else wanted)


def _closeness(table: Mapping[str, Any], path: str, entries: Sequence[Entry]) -> tuple[bool, int, int]:
    """Sort key for how well a table fits: at the usual path, not `general`, number of its names that the file sets."""
    names = [name for field in (*_FIELDS, "at", "url", "marks") for name in table.get(field, ())]
    placed = bool(table.get("place") and re.search(table["place"], path))
    return placed, -int(table.get("general", 0)), sum(entry_of([name], entries) is not None for name in names)


def _current(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries without documents for inactive Spring profiles, unless all are for such."""
    named = (e.value for e in reversed(entries) if re.fullmatch(r"spring\.profiles\.active(?:\.\w+)?", e.key))
    active = set(re.findall(r"[\w-]+", next(filter(None, named), "default")))
    own = {
        e.part
        for e in entries
        if re.search(r"(?:^|\.)(?:on-profile|spring\.profiles$|spring\.config\.activate)", e.key)
        and not _accepted(e.value or "", active)
    }
    kept = tuple(each for each in entries if each.part not in own)
    return kept or tuple(entries)


def _accepted(expression: str, active: Set[str]) -> bool:
    """Whether an expression of Spring's profiles holds (`prod & !cloud | default`; a comma is an or)."""
    either = (re.findall(r"(!?)\s*([\w-]+)", every) for every in re.split(r"[,|]", expression))
    return any(all((name in active) != bool(negated) for negated, name in every) for every in either)


def _contained(entries: Sequence[Entry]) -> bool:
    """Whether the settings are a container's (compose file, script, Kubernetes), without the host's network."""
    if any(each.key.endswith(".network_mode") and each.value == "host" for each in entries):
        return False
    pattern = r"services\.[\w.-]+\.(?:image|build|environment)|container\.|spec\.|kind$"
    return any(re.match(pattern, each.key) or re.match(pattern, each.within) for each in entries)

"""The values that are secret on this host, gathered where its programs keep them before anything of it is shown.

Postfix' settings and password tables, the tool's own settings, environments and command lines of the processes that
this user may see. Nothing is run, and nothing here fails: what cannot be read shows nothing either.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from diagnose import files
from diagnose.parse.postfix import main_cf, postconf, table
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.text import literals, spelled
from diagnose.parse.text.known import KNOWN, Secrets

_LIMIT = 4_000_000  # octets of a table's source
_PROCESSES = 3000
_TABLES = ("hash", "lmdb", "btree", "cdb", "dbm", "sdbm", "texthash", "regexp", "pcre", "cidr")
_BACKENDS = ("ldap", "mysql", "pgsql", "sqlite", "memcache", "mongodb")
_SECRET_SETTING = re.compile(r"sasl_passw|passw(?:or)?d|pw$|secret|credential|api_?key|token")
_VARIABLE = re.compile(r"(?:PASS(?:WORD|WD|PHRASE)?|PWD|SECRET|TOKEN|API_?KEY|CREDENTIALS?|_KEY|_PW|_AUTH)$", re.I)
_BIND = re.compile(r"(?m)^\s*(?:\w*_)?(?:bind_?pw|passw(?:or)?d|secret)\s*=[ \t]*(\S[^\n]*)", re.I)
_ENTRY = re.compile(r'(?:"[^"]*"|/(?:\\.|[^/\\\n])+/\w*|\S+)[ \t]+(?:=[ \t]*)?(\S[^\n]*)')
_WORDS = re.compile(r"[a-z]{6,}")


@cache
def known() -> None:
    """Fill KNOWN, once for a process."""
    KNOWN.vocabulary = vocabulary
    gather(KNOWN)


def gather(secrets: Secrets) -> None:
    """Fill `secrets`. Takes some milliseconds, hundreds where tables are large."""
    own = _tool()
    configured = [
        text for folder in _folders() for name in ("main.cf", "master.cf") if (text := _read(f"{folder}/{name}"))
    ]
    secrets.public = _public(configured)
    for value in own:
        secrets.add(value)
    for text in configured:
        for value in _spelled(text):
            secrets.add(value)
        for value in _tables(text):
            secrets.add(value)
    for value in _processes():
        secrets.add(value)


def _read(path: str) -> str:
    try:
        return files.read(Path(path), _LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _folders() -> list[str]:
    """The configuration directories of Postfix: the usual ones, and those of further instances (postmulti(1))."""
    first = os.environ.get("MAIL_CONFIG") or "/etc/postfix"
    found = [first, "/usr/local/etc/postfix"]
    for line in main_cf.logical_lines(_read(f"{first}/main.cf")):
        name, _, value = line.text.partition("=")
        if name.strip() in ("multi_instance_directories", "alternate_config_directories"):
            found += items(value)
    return list(dict.fromkeys(found))[:20]


def _spelled(text: str) -> Iterator[str]:
    """What a settings' text itself shows to be a secret."""
    for begin, end in _spans(text):
        yield text[begin:end]


@lru_cache(8)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    return (*spelled.found(text), *literals.found(text))


def _tables(text: str) -> Iterator[str]:
    """The passwords of the tables that main.cf and master.cf name, of every type and however nested."""
    settings = {"config_directory": "/etc/postfix", "default_database_type": "hash"}
    said: list[tuple[str, str]] = []
    for line in main_cf.logical_lines(text):
        name, equals, value = line.text.partition("=")
        if equals and re.fullmatch(r"\w+\s*", name):
            settings[name.strip()] = value.strip()
            said.append((name.strip(), value))
        else:  # a service of master.cf: -o name=value, -o { name = value }
            said += re.findall(r"-o\s*\{\s*(\w+)\s*=\s*((?:[^{}]|\{[^{}]*\})*)\}", line.text)
            said += re.findall(r"-o\s+(\w+)=(\S+)", line.text)
    seen: set[str] = set()
    for name, value in said:
        if _SECRET_SETTING.search(name) and ":" not in value and "/" not in value and value.strip():
            yield value.strip().strip("\"'")
        login = re.fullmatch(r"\s*[\w.+@-]{1,64}:([^\s:/]{6,200})\s*", value)
        if login and spelled.telling(login[1]):
            yield login[1]
        if ":" not in value:
            continue
        for one in table.parse_list(postconf.expand(value, settings)):
            for inner in _flat(one):
                secret = bool(_SECRET_SETTING.search(name))
                if inner.raw not in seen and (secret or inner.type in _BACKENDS):
                    seen.add(inner.raw)
                    yield from _values(inner, secret)


def _flat(one: table.Table) -> Iterator[table.Table]:
    yield one
    for inner in one.inner:
        yield from _flat(inner)


def _values(one: table.Table, secret: bool) -> Iterator[str]:
    if one.type in _BACKENDS and one.name.startswith("/"):
        yield from (value.strip().strip("\"'") for value in _BIND.findall(_read(one.name)))
    if not secret:
        return
    found: list[str] = []
    if one.type in _TABLES and one.name.startswith("/"):
        for line in main_cf.logical_lines(_read(one.name)):
            entry = _ENTRY.match(line.text)
            found += [entry[1]] if entry else [line.text]
    elif one.type == "static":
        found.append(one.name)
    elif one.type == "inline":
        found += table.inline_entries(one).values()
    elif one.type == "randmap":
        found += items(one.name)
    elif one.type == "environ" or one.problem in ("no-type", "unknown-type"):
        found.append(one.raw)
    for value in found:
        _, colon, password = value.strip().partition(":")
        if password and not re.fullmatch(r"/\S*", password):
            yield password.strip()
        elif not colon and one.type not in ("", *_BACKENDS):
            yield value.strip()


def _tool() -> Iterator[str]:
    """Addresses of webhooks and the like, in the tool's own settings."""
    for address in re.findall(r"[\w+.-]+:/[^\s\"']+", _read("/etc/mail-diagnose.toml")):
        yield from parts(address)


def parts(address: str) -> list[str]:
    """What in the address of a webhook is secret: the words of its login, path and query that look like it."""
    words = [word for word in re.split(r"[/?&=:@]", address) if spelled.telling(word)]
    path = address.partition("://")[2].partition("/")[2]
    return [*words, *([path] if len(path) > 11 and words else [])]


def _processes() -> Iterator[str]:
    """Variables whose name says so, logins within addresses, and options of command lines."""
    numbers = [name for name in os.listdir("/proc") if name.isdecimal()] if os.path.isdir("/proc") else []
    own = str(os.getpid())
    commands: set[bytes] = set()
    variables = {b"%s=%s" % each for each in os.environb.items()}
    for number in (own, *numbers[:_PROCESSES]):
        commands.add(_of_process(number, "cmdline"))
        variables.update(_of_process(number, "environ").split(b"\0"))
    for command in commands:
        yield from _command(command.decode("utf-8", "replace").rstrip("\0"))
    for variable in variables:
        yield from _variable(variable.decode("utf-8", "replace"))


def _of_process(number: str, name: str) -> bytes:
    try:
        with open(f"/proc/{number}/{name}", "rb") as file:
            return file.read(131_072)
    except OSError:
        return b""


def _variable(text: str) -> Iterator[str]:
    name, _, value = text.partition("=")
    if _VARIABLE.search(name) and not value.startswith("/"):
        yield value
    elif "://" in value or ":" in value or "=" in value:
        yield from (value for value in _spelled(text) if spelled.telling(value))


def _command(text: str) -> Iterator[str]:
    words = text.split("\0")
    line = " ".join(words)
    yield from (value for value in _spelled(line) if spelled.telling(value) or " " in value)
    for word, following in itertools.pairwise(words):
        # As the program gets it, blanks and quotes in it or not.
        if following and re.fullmatch(r"--?[\w-]*(?:pass(?:word|wd|phrase)?|pw|secret|token|api-?key)", word, re.I):
            yield following


def _public(configured: list[str]) -> frozenset[str]:
    """Words that stand in public: this host's name, and its settings but for the secrets in them."""
    shown = [os.uname().nodename]
    for text in configured:
        at = 0
        for begin, end in sorted(_spans(text)):
            shown.append(text[at:begin])
            at = max(at, end)
        shown.append(text[at:])
    return frozenset(word for word in re.findall(r"[\w-]{6,}", "\n".join(shown).lower()))


@cache
def vocabulary() -> frozenset[str]:
    """The words that mail programs' replies and logs consist of, as far as this tool knows them."""
    from importlib.resources import files as resources

    found: set[str] = set()
    places = [resources("diagnose.knowledge")]
    while places:
        place = places.pop()
        if place.is_dir():
            places += place.iterdir()
        elif place.name.endswith((".toml", ".py")):
            found.update(_WORDS.findall(place.read_bytes().decode("utf-8", "replace").lower()))
    return frozenset(found)

"""Look-ups in Postfix's tables through postmap(1), and the credentials in password tables."""

from __future__ import annotations

import io
import ipaddress
import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from diagnose import files
from diagnose.host.live import settings
from diagnose.host.live.system import decode, find, heard, why
from diagnose.host.query import CompareReply, Login, MapCompare, MapLookup, MapReply
from diagnose.host.secretfile import masked_value
from diagnose.parse.postfix import table as tables
from diagnose.parse.postfix.main_cf import logical_lines
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.text.masking import STARS, Secrets, mask
from diagnose.record import frozen

_TIMEOUT = 5.0
_SERVER_TIMEOUT = 3.0  # checks ask several keys one after the other
_SILENT_FOR = 20.0  # seconds during which a server that gave no answer is not asked again
_silent: dict[str, float] = {}  # table to the time when its server gave none
_KEYS = 1000  # shown of a table
_BLANKS = " \t\r\n\v\f"
_WORD = re.compile(r'(?:"[^"]*"|[^ \t\r\n\v\f"]|"(?=[^"]*$))+')
_PROGRAM = re.compile(r"^(?:postfix/)?postmap(?:\[\d+\])?: ")
_SOURCE_LIMIT = 4_000_000
# Tables that are asked of a server.
_SERVED = re.compile(r"(?:proxy|mysql|pgsql|ldap|mongodb|memcache|socketmap|tcp|nis|nisplus|unix|netinfo):")
# Warnings of what will come, or of settings that have nothing to do with the table; the rest must say that something went wrong.
_ASIDE = re.compile(r"\bwarning: (?:.*\bdeprecated\b|\S*/(?:main|master)\.cf\b)")
_WRONG = re.compile(
    r"\b(?:fatal|error|panic): |unavailable|error|fail|older than|denied|cannot|can't|unable|unsupported|no such|not found"
    r"|invalid|bad|malformed|duplicate|too (?:long|large)|connect|corrupt|lost|ignor|out of|time",
    re.I,
)


@frozen
class _Answer:
    code: int | None = None
    out: str = ""
    err: str = ""
    problem: str | None = None


def lookup(query: MapLookup, deadline: float, secrets: Secrets) -> MapReply:
    """The answer to `MapLookup`. Tables written in main.cf itself are read here, because every user of the host sees
    arguments."""
    answer = _asked(query.table, query.key, deadline)
    if answer.problem:
        return MapReply(problem=answer.problem)
    value = answer.out.removesuffix("\n")
    found = answer.code == 0
    if found and query.secret:
        value = masked_value(value, secrets)
    elif found:
        value = mask(secrets.hide(value))
    error = mask(secrets.hide(_words(answer.err)))
    if _refused(answer.err):
        return MapReply(error=error, problem=f"permission denied: only root may read {_shown(query.table)}")
    if not found and answer.code != 1 and not error:
        error = f"postmap ended with status {answer.code}"
    return MapReply(found=found, value=secrets.hide(value) if found else "", error=error)


def compare(query: MapCompare, deadline: float, secrets: Secrets) -> CompareReply:
    """The answer to `MapCompare`, for tables that postmap compiles."""
    table = tables.parse(query.table)
    source = tables.source(table)
    if not tables.needs_postmap(table) or not source or not _is_place(table):
        return CompareReply(problem=f"not a compiled table: {_shown(query.table)}")
    try:
        text = decode(files.read(source, _SOURCE_LIMIT))
    except OSError as unreadable:
        return CompareReply(problem=f"{why(unreadable)}: {source}")
    answer = _postmap(["-s", table.key], deadline)
    if answer.problem:
        return CompareReply(problem=answer.problem)
    error = mask(secrets.hide(_words(answer.err)))
    if _refused(answer.err):
        return CompareReply(error=error, problem=f"permission denied: only root may read {_shown(query.table)}")
    if answer.code != 0:
        return CompareReply(error=error or f"postmap ended with status {answer.code}")
    wanted = _entries(text)
    compiled: dict[str, str] = {}
    for line in answer.out.split("\n"):
        key, tab, value = line.partition("\t")
        if tab:
            compiled[key] = value.strip(_BLANKS)
    return CompareReply(
        only_source=_named(wanted.keys() - compiled.keys(), secrets),
        only_table=_named(compiled.keys() - wanted.keys(), secrets),
        differ=_named((key for key in wanted.keys() & compiled.keys() if wanted[key] != compiled[key]), secrets),
        keys=_named(compiled, secrets),
        error=error,
    )


def credentials(login: Login, secrets: Secrets, given: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """User and password as the mailer would find them, or None. Neither leaves the host object. given: texts in
    place of files."""
    if given and login.table in given:
        from diagnose.apps import formats

        found = formats.credentials(login.table, given[login.table])
    else:
        found = _SOURCES[login.source](login)
    if found is not None:
        secrets.add(found[1])
    return found


def _from_map(login: Login) -> tuple[str, str] | None:
    deadline = time.monotonic() + _TIMEOUT
    for key in login.keys:
        answer = _asked(login.table, key, deadline)
        value = answer.out.removesuffix("\n")
        if answer.code == 0 and value:
            user, _, password = value.partition(":")
            return user, password
    return None


def _from_properties(login: Login) -> tuple[str, str] | None:
    import javaproperties

    if len(login.keys) != 2:
        return None
    try:
        values = javaproperties.load(io.BytesIO(files.read(login.table, _SOURCE_LIMIT)))
    except (OSError, ValueError):
        return None
    user, password = (values.get(key) for key in login.keys)
    return (user, password) if user is not None and password is not None else None


def _from_settings(login: Login) -> tuple[str, str] | None:
    from diagnose.apps import formats

    text, problem = settings.text_of(login.table)
    return None if problem else formats.credentials(login.table, text, settings.text_of)


def _from_logins(login: Login) -> tuple[str, str] | None:
    from diagnose.apps import logins

    try:
        entry = logins.find(decode(files.read(login.table, _SOURCE_LIMIT)), login.keys)
    except OSError:
        return None
    # In Exim's file a circumflex is written twice.
    return (entry.user, entry.password.replace("^^", "^")) if entry is not None else None


_SOURCES = {"map": _from_map, "properties": _from_properties, "settings": _from_settings, "logins": _from_logins}


def _asked(reference: str, key: str, deadline: float) -> _Answer:
    if STARS in reference:
        reference = _in_clear(reference)
        if STARS in reference:
            return _Answer(problem="its entries stand in main.cf and could not be read there")
    return _answer(tables.parse(reference), key, deadline)


# What an argument may hold, which every user of the host sees: a table's type and place, nothing that could be a login.
_PLACE = re.compile(
    r"(?:[A-Za-z]\w*:)?(?:/[\w.+%~-]+)+/?|unix:\w+\.byname|(?:tcp|socketmap):[\w./-]+(?::[\w./-]+){1,3}|environ:\w*"
)


def _is_place(table: tables.Table) -> bool:
    """Whether a table's name is surely no login. A file that is there may have any name."""
    paths = (tables.source(table), *tables.files(table))
    return _PLACE.fullmatch(table.key) is not None or any(path and os.path.lexists(path) for path in paths)


def _answer(table: tables.Table, key: str, deadline: float) -> _Answer:
    """Tables that are written out in main.cf are read here (DATABASE_README), all others by postmap."""
    if table.type == "static":
        return _Answer(code=0, out=table.name)
    if table.type == "inline":
        entries = {name.lower(): value for name, value in tables.inline_entries(table).items()}
        value = entries.get(key.lower())
        return _Answer(code=1) if value is None else _Answer(code=0, out=value)
    if table.type == "randmap":
        values = items(table.name)
        return _Answer(code=0, out=values[0]) if values else _Answer(code=1)
    if table.type in ("unionmap", "pipemap"):
        return _nested(table, key, deadline)
    if table.type in ("cidr", "regexp", "pcre") and table.name.startswith("{"):  # since Postfix 3.7
        return _in_network(table, key) if table.type == "cidr" else _Answer(problem="its patterns stand in main.cf")
    if not _is_place(table):
        if table.type in tables.KNOWN:
            return _Answer(problem="no file of that name")
        kind = table.type if re.fullmatch(r"[a-z]{1,12}", table.type) else "(not shown)"
        return _Answer(code=1, err=f"error: unsupported dictionary type: {kind}")
    if "\n" in key:
        return _Answer(code=1)
    found = _postmap(["-q", "-", table.key], deadline, f"{key}\n")
    return replace(found, out=found.out.removeprefix(f"{key}\t"))


def _in_network(table: tables.Table, key: str) -> _Answer:
    """A cidr: table that is written out in main.cf: the first network that holds the address."""
    for rule in items(table.name):
        network, _, value = rule.strip("{} ").partition(" ")
        try:
            if ipaddress.ip_address(key) in ipaddress.ip_network(network, strict=False):
                return _Answer(code=0, out=value.strip())
        except ValueError:
            continue
    return _Answer(code=1)


def _nested(table: tables.Table, key: str, deadline: float) -> _Answer:
    """unionmap: all results together; pipemap: each result is the next one's key."""
    results: list[str] = []
    errors = ""
    for inner in table.inner:
        answer = _answer(inner, results[-1] if results and table.type == "pipemap" else key, deadline)
        if answer.problem:
            return answer
        errors += answer.err
        if answer.code == 0:
            results.append(answer.out.removesuffix("\n"))
        elif table.type == "pipemap" or answer.code != 1:
            return _Answer(code=answer.code, err=errors)
    if not results:
        return _Answer(code=1, err=errors)
    return _Answer(code=0, out=results[-1] if table.type == "pipemap" else ",".join(results), err=errors)


def _in_clear(masked: str) -> str:
    """The static: or inline: table, with its secrets, that a check saw starred: as in postconf's output, with each $
    expanded, so that one meant literally in a password is lost. `masked` itself if it is not found."""
    program = find("postconf")
    for options in (("-n", "-x"), ("-n",), ("-P",)) if program else ():
        try:
            _, out, _ = heard([str(program), *options], _TIMEOUT)
        except (OSError, subprocess.TimeoutExpired):
            continue
        for line in decode(out).split("\n"):
            clear, starred = (tables.parse_list(text.partition("=")[2].strip()) for text in (line, mask(line)))
            for one, other in zip(clear, starred, strict=False):
                if masked in (other.raw, other.key):
                    return one.raw
    return masked


def _postmap(arguments: list[str], deadline: float, keys: str = "") -> _Answer:
    """keys: passed on standard input, because other users see arguments."""
    program = find("postmap")
    if program is None:
        return _Answer(problem="not found: postmap")
    name, began = arguments[-1], time.monotonic()
    quiet = not _SERVED.match(name)
    if began - _silent.get(name, -_SILENT_FOR) < _SILENT_FOR:
        return _Answer(problem=f"timed out: postmap {arguments[0]}")
    timeout = max(0.05, min(_TIMEOUT if quiet else _SERVER_TIMEOUT, deadline - began))
    try:
        code, out, err = heard([program, *arguments], timeout, keys.encode("utf-8", "surrogateescape"), quiet=quiet)
    except subprocess.TimeoutExpired:
        if timeout >= _SERVER_TIMEOUT and not quiet:
            _silent[name] = time.monotonic()
        return _Answer(problem=f"timed out: postmap {arguments[0]}")
    except (OSError, ValueError) as error:
        return _Answer(problem=why(error) if isinstance(error, OSError) else "not a table: it holds a NUL character")
    return _Answer(code=code, out=decode(out), err=decode(err))


def _words(err: str) -> str:
    """Postfix's error text, without the program's name and without quoted table entries."""
    lines = [_PROGRAM.sub("", line) for line in err.split("\n")]
    return "\n".join(_quoted_entry(line) for line in lines if _tells(line))[:4000]


def _tells(line: str) -> bool:
    return bool(line.strip()) and not _ASIDE.search(line) and ("warning: " not in line or bool(_WRONG.search(line)))


def _quoted_entry(line: str) -> str:
    """Removes values from postmap's quotations, and keeps keys: 'duplicate entry: "[host]:587"'."""
    return re.sub(r'("[^"\s]*:[^"\s]*:)[^"]*"', rf'\1{STARS}"', line)


def _refused(err: str) -> bool:
    return os.geteuid() != 0 and "ermission denied" in err


def _shown(reference: str) -> str:
    return mask(tables.hide(reference))


def _entries(text: str) -> dict[str, str]:
    """The entries as postmap reads a source: keys in lower case, the first of equal keys, values trimmed."""
    found: dict[str, str] = {}
    for line in logical_lines(text):
        if line.text[0] in _BLANKS:
            continue
        match = _WORD.match(line.text)
        if match is None:
            continue
        key, value = match[0], line.text[match.end() :].strip(_BLANKS)
        if len(key) > 2 and key[0] == key[-1] == '"':
            key = key[1:-1]
        if value:
            found.setdefault(key.lower(), value)
    return found


def _named(keys: Iterable[str], secrets: Secrets) -> tuple[str, ...]:
    shown = []
    for key in sorted(keys)[:_KEYS]:
        # "host:port:user:password" was meant to be a key and a value.
        cut = re.match(r"\[?[\w.-]+\]?:\w+(?=[:=].)|[\w.-]+(?==.)", key)
        shown.append(secrets.hide(f"{cut[0]}…" if cut else key))
    return tuple(shown)

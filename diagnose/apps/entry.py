"""One value of a settings file, and helpers that its grammars share."""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import replace

from diagnose.patterns import late
from diagnose.record import frozen


@frozen
class Entry:
    """One value. value: None if it comes from elsewhere (the environment, a call). start, end: its place in the
    text, with quotes. quote: the quotes around it. exact: leading and trailing blanks belong to it. encoded: base64
    in the text. bare: without quotes, so that programs differ on where a comment begins. tail: the comment behind
    it. part: number of the document in the file. within: path of the parents, if the key is only the last name.
    variable: the environment variable that sets it; file: the file that holds it. remark: how the program misreads
    it, after the kind of problem and a colon. path: of another file that it comes from. sealed: it is encrypted, or
    refers to a secret store. also: further variables; the first one set applies. when: conditions under which it
    applies (`branches`)."""

    key: str
    value: str | None
    line: int
    start: int
    end: int
    quote: str = ""
    exact: bool = False
    encoded: bool = False
    bare: bool = False
    tail: str = ""
    part: int = 0
    within: str = ""
    variable: str = ""
    file: str = ""
    remark: str = ""
    path: str = ""
    sealed: bool = False
    also: tuple[str, ...] = ()
    when: tuple[str, ...] = ()


PERCENT = late(r"(?<!%)(?:%%)*%(?![%(])")  # invalid for Python's configparser
DOLLAR = late(r"(?<![\\$])\$[A-Za-z_]\w*")  # a variable without braces


# Symfony's lists of DSNs, tried in turn or at random.
SEVERAL = late(r"(?:failover|roundrobin)\(\s*(\S+?)(?:\s[\s\S]*)?\)[\s\S]*")
# An encrypted value (Jasypt, Spring Cloud, SOPS, Ansible, Sealed Secrets, Jenkins), or a reference to a vault.
SEALED = late(
    r"(?P<sign>ENC[(\[]|\{cipher\}|\$ANSIBLE_VAULT;|Ag[A-D](?=[\w+/]{60})|@Microsoft\.KeyVault\(|arn:aws:|vault:(?=\S+[/#])|op://|\{AQA(?=[A-D*])|sm://|\$\((?:\w+:)?[\w./-]+\)$|ref\+\w+://)"
    r"[\s\S]*"
)


# Keys whose value names a secret, file or key that holds the password.
_REFERENCE = late(
    r"pass(?:word|wd|phrase)?[._-]*(?:existing[._-]*)?(?:secret|key|file|path|ref|env|command|cmd|eval|name)\w*(?:\.\w+)*$",
    re.I,
)


class Malformed(ValueError):
    """The application cannot load the file; the message gives the line and the reason."""


_WHOLE = late(
    r"\$\{(?P<name>[\w.]+)(?::?[-:=?](?P<default>[^{}]*))?\}|\$__env\{(?P<grafana>\w+)\}|%env\((?:\w+:)*(?P<symfony>\w+)\)%"
)


def settled(value: str, templates: bool = False) -> tuple[str | None, str]:
    """(value with the defaults of ${NAME:-default} and Spring's ${NAME:default} filled in, None if a variable
    without default is in it; the variable's name if the value is only that, else ""). templates: {{ name }} counts
    as a variable, too."""
    whole = _WHOLE.fullmatch(value.strip())
    name = next((one for one in (whole["name"], whole["grafana"], whole["symfony"]) if one), "") if whole else ""
    if whole is not None:
        default = None if ":?" in value or "${" not in value else whole["default"]
        return default or None, name.removeprefix("env.")
    known = re.sub(r"\$\{\w[\w.]*:-?([^{}]*)\}", r"\1", value)
    unknown = re.search(r"\$\{[\w.]+\}|%env\(", known) or (templates and re.search(r"\{\{.*\}\}", known))
    return (None if unknown else known), ""


def tail(text: str, end: int) -> str:
    """The comment behind a bare value, "" if none; if no blank follows its sign, it may be part of the value."""
    found = re.compile(r"[ \t]+#[^\n]*").match(text, end)
    return found[0] if found else ""


def withheld(entry: Entry, given: str) -> Entry:
    """The entry, with value None if that is a reference to something outside the file. given: a pattern for references."""
    if entry.value and (SEALED.fullmatch(entry.value) or _REFERENCE.search(entry.key)):
        return replace(entry, value=None, sealed=True)
    return replace(entry, value=None) if entry.value and re.fullmatch(given, entry.value) else entry


def source(entry: Entry) -> str:
    """Where a value missing in the file comes from, as the end of a sentence."""
    if entry.sealed:
        return "is encrypted or kept elsewhere"
    if entry.path:
        return f"is in {entry.path}, which could not be read"
    if entry.file:
        return f"is in {entry.file}, which could not be read"
    return (
        f"comes from {f'the variable {entry.variable}' if entry.variable else 'a variable'} that this file does not set"
    )


@functools.lru_cache(maxsize=32_768)
def _compiled(pattern: str) -> re.Pattern[str]:
    """The tables have more patterns than Python 3.10's fnmatch keeps."""
    return re.compile(fnmatch.translate(pattern.lower()))


def named(pattern: str, key: str) -> bool:
    return _compiled(pattern).match(key.lower()) is not None


def meant(pattern: str, entry: Entry) -> bool:
    """Whether a table's name pattern matches the entry: its key, with or without the path around it, or its variable."""
    return (
        named(pattern, entry.key)
        or bool(entry.within and named(pattern, f"{entry.within}.{entry.key}"))
        or bool(entry.variable and named(pattern, entry.variable))
    )

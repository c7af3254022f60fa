"""One value of a settings file, and what its grammars have in common."""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.patterns import late
from diagnose.record import dataclass


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One value. value: None if it comes from elsewhere (the environment, a call). start, end: its place in the text, quotes
    included. quote: the quotes around it. exact: blanks at its ends are part of it. encoded: it is base64 there. bare: without quotes, where
    programs differ in what begins a comment. tail: what the grammar takes for a comment behind it. part: which document of several.
    within: the names around it, where the key is the last one alone. variable: what the environment overrides it by; file: what has it.
    remark: what the program makes of it that reads it, where that is not what was meant; the kind of problem before the colon.
    path: the file it stands in, where that is another one. sealed: what stands there is encrypted, or names the place that has it.
    also: further variables, of which the first that is set counts. when: the conditions under which it counts (`branches`)."""

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


PERCENT = late(r"(?<!%)(?:%%)*%(?![%(])")  # one that begins nothing to Python's configparser
DOLLAR = late(r"(?<![\\$])\$[A-Za-z_]\w*")  # a variable without braces


# Symfony's DSNs of which one after the other, or any, is used.
SEVERAL = late(r"(?:failover|roundrobin)\(\s*(\S+?)(?:\s[\s\S]*)?\)[\s\S]*")
# A value that is encrypted (Jasypt, Spring Cloud, SOPS, Ansible, Sealed Secrets, Jenkins), or names what has it (vaults).
SEALED = late(
    r"(?P<sign>ENC[(\[]|\{cipher\}|\$ANSIBLE_VAULT;|Ag[A-D](?=[\w+/]{60})|@Microsoft\.KeyVault\(|arn:aws:|vault:(?=\S+[/#])|op://|\{AQA(?=[A-D*])|sm://|\$\((?:\w+:)?[\w./-]+\)$|ref\+\w+://)"
    r"[\s\S]*"
)


# The name of a secret, a file or a key that has the password.
_REFERENCE = late(
    r"pass(?:word|wd|phrase)?[._-]*(?:existing[._-]*)?(?:secret|key|file|path|ref|env|command|cmd|eval|name)\w*(?:\.\w+)*$",
    re.I,
)


class Malformed(ValueError):
    """The application cannot load this file; the message says why, with the line."""


_WHOLE = late(
    r"\$\{(?P<name>[\w.]+)(?::?[-:=?](?P<default>[^{}]*))?\}|\$__env\{(?P<grafana>\w+)\}|%env\((?:\w+:)*(?P<symfony>\w+)\)%"
)


def settled(value: str, templates: bool = False) -> tuple[str | None, str]:
    """The value with the default of ${NAME:-default} and Spring's ${NAME:default}, None if only a variable has it; and the
    variable's name, where the value is that alone. templates: whether {{ name }} is filled in as well."""
    whole = _WHOLE.fullmatch(value.strip())
    name = next((one for one in (whole["name"], whole["grafana"], whole["symfony"]) if one), "") if whole else ""
    if whole is not None:
        default = None if ":?" in value or "${" not in value else whole["default"]
        return default or None, name.removeprefix("env.")
    known = re.sub(r"\$\{\w[\w.]*:-?([^{}]*)\}", r"\1", value)
    unknown = re.search(r"\$\{[\w.]+\}|%env\(", known) or (templates and re.search(r"\{\{.*\}\}", known))
    return (None if unknown else known), ""


def tail(text: str, end: int) -> str:
    """The comment behind a bare value; one whose sign no blank follows may be the value's own rest."""
    found = re.compile(r"[ \t]+#[^\n]*").match(text, end)
    return found[0] if found else ""


def withheld(entry: Entry, given: str) -> Entry:
    """The entry; without its value if that is a reference to something outside the file. given: a pattern of such
    references."""
    if entry.value and (SEALED.fullmatch(entry.value) or _REFERENCE.search(entry.key)):
        return replace(entry, value=None, sealed=True)
    return replace(entry, value=None) if entry.value and re.fullmatch(given, entry.value) else entry


def source(entry: Entry) -> str:
    """Where a value that is not in the file comes from, as the end of a sentence."""
    if entry.sealed:
        return "is encrypted or kept elsewhere"
    if entry.path:
        return f"is in {entry.path}, which could not be read"
    if entry.file:
        return f"is in {entry.file}, which could not be read"
    return (
        f"comes from {f'the variable {entry.variable}' if entry.variable else 'a variable'} that this file does not set"
    )

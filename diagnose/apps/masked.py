"""Applications' settings files with passwords masked; other mistakes in them stay visible."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Set
from dataclasses import replace
from urllib.parse import unquote

from diagnose.apps import grammars
from diagnose.apps.entry import DOLLAR, PERCENT, SEALED, Entry, Malformed, named
from diagnose.apps.formats import applications, reader_of
from diagnose.apps.reading import Reader
from diagnose.apps.trees import NUMBER
from diagnose.apps.wider import OF_FILE
from diagnose.parse.text.masking import STARS, Secrets, mask
from diagnose.parse.text.secret import SECRET_KEY, placeholder

# Up to the last @, except for an address in the query that follows a host.
_URL_LOGIN = re.compile(
    r"(://[^\s:/]*:)(?!\d{1,5}(?:/[\w./-]*)?\?[\w.]+=)"
    r"(.+?(?=@[\w-]+(?:\.[\w-]+)+(?::\d+)?/?\?(?:[\w.]+=[^@&]*&)*\w*(?i:from|sender|mail|reply|to)\w*=[^@&]*@[^@]*$)|.+)@"
)
_SEVERAL = re.compile(r"^(?:(?:failover|roundrobin)\()+")
_URL_QUERY = re.compile(r"(?<=[?&])(?:pass\w*|pwd|secret|token|api_?key)=([^&\s]+)", re.I)
_OF_SECRETS = re.compile(r"[a-z]+(?:_[a-z]+)+")  # the name of a secret, not a password
_ANCHOR = re.compile(r"&\S+\s+")
Starred = Callable[[str, Secrets], str]


def masked(path: str, text: str, secrets: Secrets, starred: Starred) -> str:
    """The text with every password masked; lines and quotes are kept.

    secrets: collects the passwords; starred: returns a password's replacement and adds it to them."""
    grammar = grammars.grammar_of(path, text)
    if grammar is None:
        return mask(text)
    try:
        entries = grammars.entries(text, grammar)
    except Malformed:
        return mask(text)
    reader = reader_of(path, text, grammar, entries)
    names = {name.lower() for table in applications().values() for name in table.get("password", ())}
    known = {each.key.rpartition(".")[2] for each in entries} if grammar == "code" else frozenset()
    out, at = [], 0
    # If one value has two names, as through an anchor, the secret one comes first.
    for entry in sorted(entries, key=lambda each: (each.start, not SECRET_KEY.search(each.key))):
        if entry.start < at or (reader is not None and reader.nothing(entry)):
            continue
        named = re.fullmatch(r"credential\.[^.]+", entry.key) or (entry.value or "").startswith("%d/")
        if grammar == "unit" and named:
            out += [_between(text[at : entry.start], at == 0, False), text[entry.start : entry.end]]
            at = entry.end  # a credential's path
            continue
        shown = _shown(entry, reader, names, secrets, starred)
        end = entry.end
        if shown is not None:
            anchor = _ANCHOR.match(text, entry.start, entry.end) if grammar == "yaml" else None
            shown = "00" if entry.remark.startswith(NUMBER) else _quoted(shown, entry, grammar)
            shown = f"{anchor[0]}{shown}" if anchor is not None else shown
            if re.match(r"\s+#\S", entry.tail):
                # Perhaps part of the password, cut off by the comment sign.
                secrets.add(entry.tail.strip(), entry.tail.strip().lstrip("#"), f"{entry.value}{entry.tail}")
                shown, end = f"{shown} #{STARS}", entry.end + len(entry.tail)
            shown += "\n" * (text.count("\n", entry.start, entry.end) - shown.count("\n"))
        elif grammar == "yaml" and entry.value is None and text[entry.start : entry.start + 1] == "!":
            tag, _, name = text[entry.start : entry.end].partition(" ")
            shown = f"{tag} {name}" if _OF_SECRETS.fullmatch(name) and SECRET_KEY.search(name) else f'{tag} "{STARS}"'
            shown += "\n" * text.count("\n", entry.start, entry.end)
        elif entry.value is None and re.search(r"[.(\[$%]", text[entry.start : entry.end]):
            # The source of the value must stay visible.
            shown = _reference(entry, text[entry.start : entry.end], secrets)
        elif grammar == "yaml" and entry.start < entry.end:
            # Masks the value alone: general rules would mask names and punctuation around it, too.
            shown = mask(text[entry.start : entry.end])
            shown = f'"{shown}"' if shown[:1] == "*" else shown
        else:
            continue
        between = text[at : entry.start]
        out += [_signs(between) if grammar == "yaml" else _between(between, at == 0, False, known), shown]
        at = end
    return "".join([*out, _between(text[at:], at == 0, True, known)])


def _shown(entry: Entry, reader: Reader | None, names: set[str], secrets: Secrets, starred: Starred) -> str | None:
    """The replacement for a value that contains a password; None if it contains none."""
    hidden = reader.table.get("hidden") if reader is not None else None
    if not entry.value or (hidden and re.fullmatch(hidden, entry.value)):
        return None
    if re.fullmatch(r"secrets\.[\w.-]+\.(?:file|name|environment|external)", entry.key):
        return None  # the source of a compose file's secret
    if OF_FILE.fullmatch(entry.key.rpartition(".")[2]) and entry.value.startswith("/"):
        return None
    if re.fullmatch(r"\$__(?:file|env)\{[^{}]+\}", entry.value):
        return entry.value  # Grafana's reference to a file or variable
    if sealed := SEALED.fullmatch(entry.value):
        return f"{sealed['sign']}{STARS}"
    if SECRET_KEY.search(entry.key) or any(named(name, entry.key) for name in names):
        comment = reader.comment(entry) if reader is not None else None
        if comment is None:
            single = reader is not None and reader.table.get("percent") and PERCENT.search(entry.value)
            specifier = "%x" if single or "is a specifier" in entry.remark else ""
            return starred(entry.value, secrets) + _dollar(entry.value) + specifier
        # It must stay visible that a comment sign cuts the value.
        secrets.add(entry.value, entry.value[: comment.start()], entry.value[comment.end() :])
        return f"{STARS}{comment[0]}{STARS}"
    if _SEVERAL.match(entry.value):
        parts = []
        for each in entry.value.split():
            begins = _SEVERAL.sub("", each)
            shown = _shown(replace(entry, value=begins), reader, names, secrets, starred)
            parts.append(each if shown is None else each.removesuffix(begins) + shown)
        return " ".join(parts)
    if "://" in entry.value and (login := _URL_LOGIN.search(entry.value)):
        secrets.add(login[2], unquote(login[2]))
        reserved = re.search(r"[/?#]", login[2])
        kept = login[2] if placeholder(login[2]) else f"{STARS}{reserved[0]}{STARS}" if reserved else STARS
        kept += _dollar(login[2])
        return f"{entry.value[: login.start(2)]}{kept}{entry.value[login.end(2) :]}"
    if "://" in entry.value and (given := _URL_QUERY.search(entry.value)):
        secrets.add(given[1], unquote(given[1]))
        return f"{entry.value[: given.start(1)]}{STARS}{entry.value[given.end(1) :]}"
    return None


def _dollar(secret: str) -> str:
    """ "$x" if a password contains what a program may take for a variable, else ""."""
    return "$x" if DOLLAR.search(secret) and not placeholder(secret) else ""


_STRING = re.compile(r"""(?P<quote>\"{3}|'{3}|["'`])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""", re.S)


_ONLY_NAMED = re.compile(r"\$\{[\w.]+\}|\$__env\{\w+\}|%env\((?:\w+:)*\w+\)%")


def _reference(entry: Entry, source: str, secrets: Secrets) -> str:
    """The expression that yields a value, with its strings masked except the names of variable and file."""

    def kept(found: re.Match[str]) -> str:
        if found["text"] in ("", entry.variable, entry.file, *entry.also) or _ONLY_NAMED.fullmatch(found["text"]):
            return found[0]
        secrets.add(found["text"])
        return f"{found['quote']}{STARS}{found['quote']}"

    return _STRING.sub(kept, source)


def _signs(text: str) -> str:
    """The text between a document's values, with its comments masked."""
    return re.sub(r"(?:(?m:^)|(?<=\s))#[^\n]*", lambda found: mask(found[0]), text)


# A call that reads the environment, with name and default on the next lines.
_ASKS = re.compile(
    r"\s*[\w.'\"\[\]-]+\s*(?:=>?|:)\s*(?:(?:os\.)?(?:environ\.get|getenv)|env(?:\.\w+)?|config|ENV\.fetch)\(\s*"
)


# A name assigned before, alone or as the default of a variable.
_REFERS = re.compile(
    r"""\s*(?:[\w$@.>-]+|:?['"]?\w+['"]?)\s*(?:=>?|:)\s*(?:(?:(?:os\.)?(?:environ\.get|getenv)|env(?:\.\w+)?|config|ENV\.fetch)"""
    r"""\(\s*['"]\w+['"]\s*,\s*(?:default\s*=\s*)?)?\$?(?P<name>[A-Za-z_]\w*)\)*\s*[,;]?\s*"""
)


def _between(text: str, begins: bool, ends: bool, known: Set[str] = frozenset()) -> str:
    """The text between values, with whole lines and comments masked; names and punctuation next to a value are kept.
    begins, ends: it is at the start or end of the file, so that its first or last line is a whole one; known: names
    that a program assigns."""

    def names_alone(line: str) -> bool:
        found = _REFERS.fullmatch(line)
        return _ASKS.fullmatch(line) is not None or bool(found and found["name"] in known)

    head, *rest = text.split("\n")
    sign = re.search(r"(?:^|(?<=\s))(?:[#;]|//)|/\*|<!--", head)
    if begins and (rest or ends):
        head = mask(head)
    elif sign is not None:
        head = head[: sign.start()] + mask(head[sign.start() :])
    last = rest[-1:] if not ends else [mask(line) for line in rest[-1:]]
    return "\n".join([head, *(line if names_alone(line) else mask(line) for line in rest[:-1]), *last])


def _quoted(shown: str, entry: Entry, grammar: str) -> str:
    """A masked value, quoted or encoded for the grammar, so that it parses to what is shown."""
    if entry.encoded:
        return base64.b64encode(shown.encode()).decode()
    if len(entry.quote) == 3 or entry.quote in ("'", "`"):
        return f"{entry.quote}{shown.replace(entry.quote, '')}{entry.quote}"
    if grammar == "unit" and not entry.remark:
        shown = shown.replace("%", "%%")
    if entry.quote == '"' or (grammar == "yaml" and not entry.exact):
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return shown

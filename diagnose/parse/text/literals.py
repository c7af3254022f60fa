"""Credentials within Postfix's settings: inline tables in main.cf, next hops with a login, options of commands.

Braces are matched as Postfix does, with or without blanks, nested or not (DATABASE_README, postconf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.parse.text.telling import telling
from diagnose.patterns import late

Span = tuple[int, int]

_KINDS = late(
    r"\b(?P<kind>static|inline|pipemap|unionmap|randmap|(?:regexp|pcre|texthash|hash|btree|lmdb|cdb|s?dbm)(?=:[ \t]*\{)):[ \t]*"
)
_NAME = late(r"(?m)^[\s#-]*(?:o[ \t]+)?\{?\s*(?P<name>[a-z][\w/-]*)[ \t]*=")
# Parameters whose tables hold addresses and routes, never passwords.
_ROUTES = late(
    r"(?!\S*(?:sasl|pass|secret|cred))(?:\S+/)?(?:virtual|sender_dependent|recipient|sender|transport|relocated|relay|local|alias"
    r"|canonical|smtpd|smtp_generic|smtp_tls_policy|default_transport|mydestination|mynetworks|fallback|smtp_discard)?\w*"
    r"(?:_maps|_domains|mydestination|mynetworks|_checks|_restrictions)$"
)
_OWN_GRAMMAR = ("static", "inline", "pipemap", "unionmap", "randmap")  # the other types have "key value"
_SECRET_NAME = late(r"sasl|pass|secret|cred")
_ROUTE = late(
    r"(?:[a-z][\w-]*:)?(?:\[[\w.:-]+\]|[\w-]+(?:\.[\w-]+)+)?(?::(?:\d+|smtps?|submissions?))?|\S*@\S+\.\w+|[A-Z]+(?:\s.*)?|\d{3}(?:\s.*)?"
    r"|permit\w*|reject\w*|defer\w*|discard|dunno|ok|warn|hold|all|anyone|yes|no|true|\*|[a-z]\w*|\d{1,5}|(?:encrypt|may|verify|secure|none)(?:\s.*)?",
    re.I,
)
# Parameters where a login may be misplaced: as a next hop, a table type, a user name.
_PLACES = ("relayhost", "fallback_relay", "_transport", "password_maps", "authorized_", "smtp_sasl_", "lmtp_sasl_")
_VALUE = late(
    r"(?m)\b(?P<name>\w*relayhost|\w*fallback_relay|\w+_transport|\w*password_maps|authorized_\w+_users|[sl]mtp_sasl_\w+_(?:options|filter))[ \t]*="
    r"(?P<value>[^\n]*(?:\n[ \t][^\n]*)*)"
)
_IN_PLACE = {
    # user:password@host, and text after a host and port
    "hop": late(r"(?:^|[\s,:\[/])[^\s:@\[\],/]{1,200}:([^\s@,]{2,200})@\[?[\w.-]|\[?[\w-]+(?:\.[\w-]+)+\]?:\w{1,12}[/#?|;](\S{4,})"),
    # a transport precedes its next hop
    "way": late(r"[:\[/][^\s:@\[\],/]{1,200}:([^\s@,]{2,200})@\[?[\w.-]|\[[\w.-]+\]:\w{1,12}[/#?|;](\S{4,})"),
    # user:password where type:path belongs
    "table": late(
        r"(?:^|(?<=[\s,]))(?!(?:static|inline|\w*map|proxy|debug|hash|btree|lmdb|cdb|s?dbm|texthash|regexp|pcre|cidr|ldap|mysql|pgsql"
        r"|sqlite|memcache|mongodb|environ|unix|nis|nisplus|fail|internal|tcp):)[\w.+@-]{1,100}:(?!\d{1,5}(?:\s|=|$)|\w+:/)([^\s,/{}]{4,200})"
    ),
    "user": late(r"(?:^|(?<=[\s,!]))((?=[^\s,:]*[A-Z])(?=[^\s,:]*\d)[^\s,:/!]{8,200})(?=[\s,]|$)"),
}  # fmt: skip
_ENDS = {
    "_maps": "table",
    "_options": "table",
    "_filter": "table",
    "_users": "user",
    "_transport": "way",
}  # by the end of the parameter's name; any other is a hop
_HARMLESS = frozenset(("all", "anyone", "ok", "dunno", "reject", "discard", "permit", "rest", "*", "", "1", "yes"))


def found(text: str) -> list[Span]:
    """Spans of credentials in inline tables, and of logins in place of next hops, table types or user names."""
    spans = list(_misplaced(text)) if any(each in text for each in _PLACES) else []
    if not any(
        each in text
        for each in ("static:", "inline:", "map:", "regexp:", "pcre:", "hash:", "btree:", "lmdb:", "cdb:", "dbm:")
    ):
        return spans
    done = 0
    for match in _KINDS.finditer(text):
        kind = match["kind"]
        if match.start() < done or kind in ("pipemap", "unionmap"):
            continue  # the members of these two are tables, which match separately
        name = _parameter(text, match.start())
        if kind not in _OWN_GRAMMAR and not _SECRET_NAME.search(
            name or text[max(0, match.start() - 60) : match.start()]
        ):
            continue  # a table of headers or addresses
        done = _end(text, match.end())
        spans += _table(text, kind, match.end(), done, bool(_ROUTES.fullmatch(name)) if name else None)
    return spans


def _misplaced(text: str) -> Iterator[Span]:
    for setting in _VALUE.finditer(text):
        name, value = setting["name"], setting["value"]
        kind = next((each for end, each in _ENDS.items() if name.endswith(end)), "hop")
        for match in _IN_PLACE[kind].finditer(value):
            group = match.lastindex or 0
            if kind != "table" or value.count("{", 0, match.start()) == value.count("}", 0, match.start()):
                yield setting.start("value") + match.start(group), setting.start("value") + match.end(group)


def _parameter(text: str, at: int) -> str:
    line = text.rfind("\n", 0, at) + 1
    option = re.findall(r"-o\s*\{?\s*([a-z][\w/-]*)\s*=", text[max(line, at - 300) : at])
    name = _NAME.match(text, line, min(at, line + 300))
    return option[-1] if option else name["name"] if name else ""


def _table(text: str, kind: str, at: int, end: int, routes: bool | None) -> Iterator[Span]:
    begin, stop = (at + 1, end - 1) if text[at : at + 1] == "{" else (at, end)
    if stop <= begin or (text[at : at + 1] == "{" and text[end - 1 : end] != "}"):
        stop = end
    if kind == "static":
        yield from _credential(text, begin, stop, routes)
        return
    for first, last in _items(text, begin, stop):
        if text[first:last].startswith("{") and text[first:last].endswith("}"):
            first, last = first + 1, last - 1
        equals = text.find("=", first, last) if kind == "inline" else first - 1
        if kind not in _OWN_GRAMMAR:
            equals = text.find(" ", first, last)  # after the key
        if kind == "inline" and equals < 0:
            if not routes:
                yield first, last
            continue
        yield from _credential(text, equals + 1, last, routes)


def _credential(text: str, begin: int, end: int, routes: bool | None) -> Iterator[Span]:
    """Span of the password in `user:password`, or of a whole value that is neither a route nor a word of configuration."""
    whole = text[begin:end]
    begin, end = begin + len(whole) - len(whole.lstrip()), begin + len(whole.rstrip())
    value = text[begin : min(end, begin + 1000)]
    if not value or value.lower() in _HARMLESS or value.strip("*") == "":
        return
    if routes:
        login = re.search(r"(?:^|[\[,\s]|\b[a-z]\w*:)[^\s:@\[\]/]{1,200}:([^\s@]+)@", value)
        if login and not re.match(r"[a-z]\w*:\[?[\w.-]*@", value):
            yield begin + login.start(1), begin + login.end(1)
        return
    if routes is None and _ROUTE.fullmatch(value) and not telling(value.partition(":")[2]):
        return
    _, colon, password = value.partition(":")
    if re.fullmatch(r"\d{1,5}", value):
        return
    if colon and password:
        yield begin + value.index(":") + 1, end
    elif not colon:
        yield begin, end


def _end(text: str, at: int) -> int:
    """The end of the table at `at`: after its closing brace, or the end of the word. An unclosed one ends with the
    logical line."""
    if text[at : at + 1] != "{":
        option = text.rfind("-o", max(0, at - 200), at)
        if option >= 0 and "\n" not in text[option:at] and text[option + 2 : at].lstrip()[:1] == "{":
            # -o { name = value }: blanks belong to the value
            closing = late(r"\s*\}").search(text, at)
            return closing.start() if closing and "\n" not in text[at : closing.start()] else at
        stop = late(r"[^\s,}]*").match(text, at)
        return stop.end() if stop else at
    line = late(r"\n(?![ \t])|\Z").search(text, at)
    limit = line.start() if line else len(text)
    level = 0
    for index in range(at, limit):
        level += (text[index] == "{") - (text[index] == "}")
        if level == 0:
            return index + 1
    return limit


def _items(text: str, begin: int, end: int) -> Iterator[Span]:
    """Spans of words separated by blanks and commas; text in braces is one word."""
    at = begin
    while at < end:
        if text[at] in ", \t\r\n":
            at += 1
            continue
        level, start = 0, at
        while at < end and (level > 0 or text[at] not in ", \t\r\n"):
            level += (text[at] == "{") - (text[at] == "}")
            at += 1
        yield start, at

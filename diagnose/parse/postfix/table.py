"""References to lookup tables in main.cf: `type:name`, nested, or with inline contents.

Which types need postmap(1) and which files they read: DATABASE_README and postmap(1) of Postfix.
"""

import re

from diagnose.parse.postfix.setting_types import items
from diagnose.parse.text.secret import STARS
from diagnose.record import frozen

INDEXED: dict[str, tuple[str, ...]] = {
    "hash": (".db",),
    "btree": (".db",),
    "lmdb": (".lmdb",),
    "cdb": (".cdb",),
    "dbm": (".dir", ".pag"),
    "sdbm": (".dir", ".pag"),
}
"""Types that postmap compiles, and the suffixes of what it writes beside the source."""

PATTERNS = ("regexp", "pcre", "cidr")
BACKENDS = ("ldap", "mysql", "pgsql", "sqlite", "memcache", "mongodb")  # whose file configures the queries
PLAIN = ("texthash", *PATTERNS, *BACKENDS)
LIST = "file"  # no table: more items of a list, such as mydestination = /path
_NO_FILE = tuple("static inline environ unix proxy nis nisplus netinfo fail internal debug".split())
_REMOTE = ("tcp", "socketmap")
_NESTED = ("unionmap", "pipemap", "randmap")
KNOWN = (*INDEXED, *PLAIN, *_NO_FILE, *_REMOTE, *_NESTED)
_THROUGH = re.compile(r"^(?:(?:proxy|debug):)+")
_REFERENCE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):(.*)$", re.S)


@frozen
class Table:
    """One reference. `type` without a preceding proxy: or debug:, `name` the path or the contents, `raw` as written.

    `proxied`: read by proxymap(8), which runs as postfix and not as root. `inner`: the members of a union or pipe map.
    `problem`: '' or no-type, empty-name, unknown-type, relative-path, suffix-in-path.
    """

    type: str
    name: str
    proxied: bool
    inner: tuple["Table", ...]
    problem: str
    raw: str

    @property
    def key(self) -> str:
        """The reference as postmap(1) accepts it, with braces but without proxy: or debug:."""
        return _THROUGH.sub("", self.raw)


def parse(reference: str) -> Table:
    """Read one reference; never fails, see `problem`."""
    raw = reference.strip()
    body, proxied = raw, False
    match = _REFERENCE.match(body)
    while match and match[1] in ("proxy", "debug"):
        proxied = proxied or match[1] == "proxy"
        body = match[2]
        match = _REFERENCE.match(body)
    if not match:
        return Table(type="", name=body, proxied=proxied, inner=(), problem="no-type", raw=raw)
    type_, name = match[1], match[2]
    if name.startswith("{") and name.endswith("}"):
        name = name[1:-1].strip()
    inner = tuple(parse(word) for word in items(name)) if type_ in _NESTED else ()
    problem = ""
    if type_ not in KNOWN:
        problem = "unknown-type"
    elif not name:
        problem = "empty-name"
    elif type_ in (*INDEXED, *PLAIN) and not name.startswith("/"):
        problem = "relative-path"
    elif type_ in INDEXED and name.endswith(INDEXED[type_]):
        problem = "suffix-in-path"
    return Table(type=type_, name=name, proxied=proxied, inner=inner, problem=problem, raw=raw)


def meant(table: Table) -> Table:
    """The table without the compiled file's suffix (hash:/etc/postfix/sasl_passwd.db), if its name has one."""
    if table.problem != "suffix-in-path":
        return table
    suffix = next(each for each in INDEXED[table.type] if table.name.endswith(each))
    return parse(table.raw.removesuffix(suffix))


def parse_list(value: str) -> tuple[Table, ...]:
    """The tables of a parameter such as smtp_sasl_password_maps, in the order in which Postfix searches them."""
    return tuple(parse(word) for word in items(value))


def files(table: Table) -> tuple[str, ...]:
    """The files that Postfix opens for a table: the compiled ones of an indexed type, the text of the others."""
    if table.type in _NESTED:
        return tuple(path for inner in table.inner for path in files(inner))
    if table.type in INDEXED:
        return tuple(table.name + suffix for suffix in INDEXED[table.type])
    return (table.name,) if table.type in (*PLAIN, LIST) and table.name.startswith("/") else ()


def siblings(table: Table) -> tuple[str, ...]:
    """The files that postmap would write for other indexed types; () unless this type is indexed."""
    own = files(table)
    every = (table.name + suffix for suffixes in INDEXED.values() for suffix in suffixes)
    return tuple(dict.fromkeys(path for path in every if path not in own)) if table.type in INDEXED else ()


def source(table: Table) -> str:
    """The text file that a person edits; '' if there is none."""
    return table.name if table.type in (*INDEXED, *PLAIN) and table.name.startswith("/") else ""


def needs_postmap(table: Table) -> bool:
    """Whether postmap must be run after the source has changed."""
    return table.type in INDEXED


def inline_entries(table: Table) -> dict[str, str]:
    """The entries of an inline: table, `{ { key = value }, key=value }`. Values may be secret."""
    found: dict[str, str] = {}
    if table.type != "inline":
        return found
    for word in items(table.name):
        key, equals, value = word.strip("{}").partition("=")
        if equals:
            found[key.strip()] = value.strip()
    return found


def hide(value: str) -> str:
    """A parameter's value without secrets: the contents of static: and inline: tables become stars, except user names."""
    out: list[str] = []
    at = 0
    for match in re.finditer(r"(static|inline):(\{|)", value):
        if match.start() < at:
            continue
        end = _end(value, match.end() - len(match[2]))
        body = value[match.end(1) + 1 : end]
        out.append(value[at : match.end(1) + 1])
        out.append(_hidden_static(body) if match[1] == "static" else _hidden_inline(body))
        at = end
    out.append(value[at:])
    return "".join(out)


def _end(value: str, start: int) -> int:
    level = 0
    for at in range(start, len(value)):
        char = value[at]
        level += (char == "{") - (char == "}")
        if level < 0 or (level == 0 and char in ", \t\r\n"):
            return at
    return len(value)


_HARMLESS = frozenset(("all", "anyone", "ok", "dunno", "reject", "discard", "permit", "*", ""))


def _hidden_static(body: str) -> str:
    braced = body.startswith("{")
    inner = body.strip("{} ")
    if inner.lower() in _HARMLESS or (re.fullmatch(r"\d+", inner) and len(inner) < 6):
        return body
    user, colon, _ = inner.partition(":")
    shown = f"{user}:{STARS}" if colon else STARS
    return f"{{{shown}}}" if braced else shown


def _hidden_inline(body: str) -> str:
    shown: list[str] = []
    for word in items(body.strip()[1:-1] if body.strip().startswith("{") else body):
        key, equals, value = word.strip("{} ").partition("=")
        user, colon, _ = value.strip().partition(":")
        shown.append(f"{key.strip()}={user + ':' if colon else ''}{STARS}" if equals else STARS)
    return f"{{ {', '.join(shown)} }}"

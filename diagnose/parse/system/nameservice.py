"""The files that configure name resolution: resolv.conf(5), hosts(5), nsswitch.conf(5), services(5).

Postfix keeps copies of them in its chroot; `differences` lists what differs between two copies for a resolver.
"""

import re
from collections.abc import Iterator

from diagnose.parse.system.own_network import is_address
from diagnose.parse.text.finding import Finding
from diagnose.record import frozen

MAIL_SERVICES = ("smtp", "submission", "submissions", "smtps", "lmtp", "domain")


@frozen
class Resolv:
    """resolv.conf as glibc reads it: only the first three name servers count (`nameservers` has all, `used` those
    three).

    Without a nameserver line, 127.0.0.1 is used. Kinds of finding: bad-nameserver, missing-value, unknown-keyword.
    """

    nameservers: tuple[str, ...]
    search: tuple[str, ...]
    options: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """The servers that glibc queries."""
        return self.nameservers[:3] or ("127.0.0.1",)

    def option(self, name: str, default: int) -> int:
        """The value of a numeric option such as timeout:2, attempts:3, ndots:1; the last one wins."""
        for option in reversed(self.options):
            key, _, value = option.partition(":")
            if key == name and value.isascii() and value.isdecimal() and len(value) < 6:
                return int(value)
        return default


@frozen
class Host:
    """One line of hosts: an address and its names, the canonical one first."""

    line: int
    address: str
    names: tuple[str, ...]


def _lines(text: str, comments: str) -> Iterator[tuple[int, list[str]]]:
    for number, raw in enumerate(text.splitlines(), 1):
        words = re.split(f"[{comments}]", raw, maxsplit=1)[0].split()
        if words:
            yield number, words


def resolv_conf(text: str) -> Resolv:
    """Read resolv.conf."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    findings: list[Finding] = []
    # As glibc's res_init.c has it: a keyword begins its line and ends with a blank or tab, and an address ends there or at
    # a comment; a carriage return is part of it.
    for number, raw in enumerate(text.split("\n"), 1):
        words = re.split(r"[ \t]+", re.sub(r"(?<=.)[#;].*", "", raw).rstrip(" \t"))
        if not raw.strip() or raw[0] in "#;":
            continue
        keyword, values = words[0], words[1:]
        if keyword == "nameserver":
            if values and is_address(values[0]):
                nameservers.append(values[0])
            else:
                kind = "bad-nameserver" if values else "missing-value"
                findings.append(Finding(line=number, kind=kind, text=" ".join(words)[:80]))
        elif keyword in ("search", "domain"):
            search = tuple(values) if keyword == "search" else tuple(values[:1])
        elif keyword == "options":
            options.extend(values)
        elif keyword not in ("sortlist", "lookup", "family"):
            findings.append(Finding(line=number, kind="unknown-keyword", text=keyword[:40]))
    return Resolv(nameservers=tuple(nameservers), search=search, options=tuple(options), findings=tuple(findings))


def hosts(text: str) -> tuple[Host, ...]:
    """Read hosts; lines that do not begin with an address are skipped, as by the resolver."""
    found = []
    for number, words in _lines(text, "#"):
        if len(words) > 1 and is_address(words[0]):
            found.append(Host(line=number, address=words[0], names=tuple(words[1:])))
    return tuple(found)


def addresses(entries: tuple[Host, ...], name: str) -> tuple[str, ...]:
    """The addresses of a name in hosts, in order, ignoring case."""
    wanted = name.lower().rstrip(".")
    return tuple(dict.fromkeys(e.address for e in entries if wanted in (n.lower() for n in e.names)))


def nsswitch(text: str) -> dict[str, tuple[str, ...]]:
    """nsswitch.conf: database to its services in order; actions such as [NOTFOUND=return] stay as words."""
    found: dict[str, tuple[str, ...]] = {}
    for _, words in _lines(text, "#"):
        line = " ".join(words)
        database, colon, rest = line.partition(":")
        if colon and re.fullmatch(r"\w+", database.strip()):
            found[database.strip()] = tuple(re.findall(r"\[[^\]]*\]|[^\s\[\]]+", rest))
    return found


def services(text: str) -> dict[tuple[str, str], int]:
    """services: (name or alias, protocol) to port; the first line of a name counts."""
    found: dict[tuple[str, str], int] = {}
    for _, words in _lines(text, "#"):
        match = re.fullmatch(r"(\d{1,5})/(\w+)", words[1]) if len(words) > 1 else None
        if match:
            for name in (words[0], *words[2:]):
                found.setdefault((name, match[2]), int(match[1]))
    return found


def differences(kind: str, ours: str, theirs: str) -> tuple[str, ...]:
    """Differences between two copies of a file that matter to a resolver; () if there are none.

    `kind`: resolv.conf, hosts, nsswitch.conf or services; another kind is compared by its lines without comments.
    Each is a sentence with the values of `ours` (the host's) and `theirs` (the copy).
    """
    if kind == "resolv.conf":
        a, b = resolv_conf(ours), resolv_conf(theirs)
        pairs = (
            ("nameserver", a.nameservers, b.nameservers),
            ("search", a.search, b.search),
            ("options", a.options, b.options),
        )
        return tuple(
            f"{name}: {' '.join(x) or 'none'} here, {' '.join(y) or 'none'} in the copy"
            for name, x, y in pairs
            if x != y
        )
    if kind == "hosts":
        a_names = {name.lower(): addresses(hosts(ours), name) for host in hosts(ours) for name in host.names}
        b_names = {name.lower(): addresses(hosts(theirs), name) for host in hosts(theirs) for name in host.names}
        return tuple(
            f"{name}: {' '.join(a_names.get(name, ())) or 'none'} here, {' '.join(b_names.get(name, ())) or 'none'} in the copy"
            for name in sorted({*a_names, *b_names})
            if a_names.get(name) != b_names.get(name)
        )
    if kind == "nsswitch.conf":
        x, y = nsswitch(ours).get("hosts", ()), nsswitch(theirs).get("hosts", ())
        return () if x == y else (f"hosts: {' '.join(x) or 'none'} here, {' '.join(y) or 'none'} in the copy",)
    if kind == "services":
        mail = [(name, "tcp") for name in MAIL_SERVICES]
        left, right = services(ours), services(theirs)
        return tuple(
            f"{key[0]}: {left.get(key, 'none')} here, {right.get(key, 'none')} in the copy"
            for key in mail
            if key in left and left.get(key) != right.get(key)
        )
    a_lines = [" ".join(words) for _, words in _lines(ours, "#")]
    b_lines = [" ".join(words) for _, words in _lines(theirs, "#")]
    return () if a_lines == b_lines else ("the copies differ",)

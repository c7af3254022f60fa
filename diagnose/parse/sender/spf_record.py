"""Parses an SPF record into terms, and expands its macros. RFC 7208 sections 4.5, 4.6.1, 5, 6, 7 and 12."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from diagnose.record import frozen

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TERM = re.compile(r"([+?~-]?)([A-Za-z][\w.-]*)([:/].*)?")
_MODIFIER = re.compile(r"([A-Za-z][\w.-]*)=(.*)", re.S)
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?")
_EXPAND = re.compile(r"%(?:\{([A-Za-z])(\d*)(r?)([-.+,/_=]*)\}|([%_-]))", re.I)
_TOP_LABEL = re.compile(r"(?!\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LONGEST = 253
_WORD = 1000  # octets; longer than any name with macros


class SpfError(ValueError):
    """A record that no receiver can evaluate; str() says why. kind: syntax, two-records, look-ups, void or include."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


@frozen
class Term:
    """A mechanism. qualifier: + - ~ or ?; name: lower case; target: the domain-spec, "" for the current domain; net:
    the network of ip4 or ip6; cidr4, cidr6: prefix lengths of a and mx; text: as written."""

    qualifier: str
    name: str
    text: str
    target: str = ""
    net: Network | None = None
    cidr4: int = 32
    cidr6: int = 128


@frozen
class Record:
    """terms: the mechanisms in order; redirect: that modifier's domain-spec, "" if there is none; others: the
    remaining modifiers, names in lower case."""

    text: str
    terms: tuple[Term, ...]
    redirect: str = ""
    others: tuple[str, ...] = ()


def records(texts: Iterable[str]) -> tuple[str, ...]:
    """The TXT records that are SPF version 1 (section 4.5)."""
    return tuple(text for text in texts if re.match(r"v=spf1(?: |$)", text, re.I))


def parse(text: str) -> Record:
    """Parse a record. Raises SpfError (syntax) for an error anywhere in it (section 4.6)."""
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in text[len("v=spf1") :].split(" "):
        if not word:
            continue
        if len(word) > _WORD:
            raise SpfError("syntax", f"a term of {len(word)} characters")
        if not re.fullmatch(r"[\x21-\x7e]+", word):
            raise SpfError("syntax", f"{word!r} holds a character that is not allowed")
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word))
            continue
        name = modifier[1].lower()
        if name in modifiers and name in ("redirect", "exp"):
            raise SpfError("syntax", f"{name}= stands twice")
        modifiers[name] = modifier[2]
        if name in ("redirect", "exp"):
            _domain_spec(word, modifier[2])
        else:
            _macros(word, modifier[2], "slodiphcrtv")
    redirect = modifiers.pop("redirect", "")
    others = tuple(f"{name}={value}" for name, value in modifiers.items())
    return Record(text=text, terms=tuple(terms), redirect=redirect, others=others)


def _term(word: str) -> Term:
    found = _TERM.fullmatch(word)
    if found is None:
        raise SpfError("syntax", f"{word!r} is no mechanism")
    qualifier, name, rest = found[1] or "+", found[2].lower(), found[3] or ""
    plain = Term(qualifier=qualifier, name=name, text=word)
    if name == "all" and not rest:
        return plain
    if name in ("ip4", "ip6") and rest.startswith(":"):
        return replace(plain, net=_network(word, name, rest[1:]))
    if name in ("include", "exists") and rest.startswith(":"):
        return replace(plain, target=_domain_spec(word, rest[1:]))
    if name == "ptr" and (not rest or rest.startswith(":")):
        return replace(plain, target=_domain_spec(word, rest[1:])) if rest else plain
    if name in ("a", "mx"):
        target, cidr4, cidr6 = _with_prefixes(word, rest)
        return replace(plain, target=target, cidr4=cidr4, cidr6=cidr6)
    known = name in ("all", "ip4", "ip6", "include", "exists", "ptr")
    raise SpfError("syntax", f"{word!r} is incomplete" if known else f"{word!r} is not a known mechanism")


def _network(word: str, name: str, text: str) -> Network:
    host, slash, length = text.partition("/")
    made: type[Network] = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        if slash and not re.fullmatch(r"0|[1-9]\d{0,2}", length):
            raise ValueError
        return made(f"{host}/{length}" if slash else host, strict=False)
    except ValueError:
        raise SpfError("syntax", f"{word!r} names no network") from None


def _with_prefixes(word: str, rest: str) -> tuple[str, int, int]:
    """Target and prefix lengths of `a` and `mx`. A slash within macro braces is a delimiter."""
    cut = re.search(r"(?:/\d+)?(?://\d+)?$", rest)
    target, prefixes = (rest[: cut.start()], cut[0]) if cut else (rest, "")
    lengths = _CIDR.fullmatch(prefixes)
    cidr4, cidr6 = (int(lengths[1] or 32), int(lengths[2] or 128)) if lengths else (99, 0)
    if cidr4 > 32 or cidr6 > 128 or (target and not target.startswith(":")):
        raise SpfError("syntax", f"{word!r} has no valid prefix length")
    return (_domain_spec(word, target[1:]) if target else ""), cidr4, cidr6


def _domain_spec(word: str, text: str) -> str:
    _macros(word, text, "slodiphv")
    last = text.removesuffix(".").rpartition(".")[2]
    if not text or not (re.search(r"%\{[^}]*\}$", text) or _TOP_LABEL.fullmatch(last)):
        raise SpfError("syntax", f"{word!r} names no domain")
    return text


def _macros(word: str, text: str, letters: str) -> None:
    for found in _EXPAND.finditer(text):
        if found[1] and (found[1].lower() not in letters or found[2] in ("0", "00", "000")):
            raise SpfError("syntax", f"{word!r} holds a macro that is not allowed there")
    if "%" in _EXPAND.sub("", text):
        raise SpfError("syntax", f"{word!r} holds a % that begins no macro")


@frozen
class Whose:
    """Values for macros: the client's address, MAIL FROM and the HELO name."""

    address: Address
    sender: str
    helo: str


def expand(spec: str, domain: str, whose: Whose, validated: str = "unknown") -> str:
    """The domain-spec expanded for this client (section 7.3); leftmost labels are dropped if it is too long for a name."""

    def value(found: re.Match[str]) -> str:
        if found[5]:
            return {"%": "%", "_": " ", "-": "%20"}[found[5]]
        local, _, sender_domain = whose.sender.rpartition("@")
        of = {
            "s": f"{local or 'postmaster'}@{sender_domain}",
            "l": local or "postmaster",
            "o": sender_domain,
            "d": domain,
            "i": _dotted(whose.address),
            "p": validated,
            "h": whose.helo,
            "v": "in-addr" if whose.address.version == 4 else "ip6",
        }
        parts = re.split(f"[{re.escape(found[4] or '.')}]", of[found[1].lower()])
        parts = parts[::-1] if found[3] else parts
        parts = parts[-int(found[2]) :] if found[2] else parts
        text = ".".join(parts)
        return quote(text, safe="-._~") if found[1].isupper() else text

    name = _EXPAND.sub(value, spec).rstrip(".")
    while len(name) > _LONGEST and "." in name:
        name = name.partition(".")[2]
    return name


def _dotted(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return ".".join(address.exploded.replace(":", ""))

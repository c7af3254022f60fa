"""What was meant by a value or a line that Postfix refuses. Pure; None if that is unknown."""

from __future__ import annotations

import html
import ipaddress
import re
from collections.abc import Mapping

from diagnose.nearest import near
from diagnose.parse.postfix.setting_types import RESTRICTIONS, bad_network, boolean, items, kind_of, seconds

_YES = frozenset("y ye true t on 1 enable enabled ja oui si sí sim da tak true; yes; yess".split())
_NO = frozenset("n false f off 0 disable disabled nein non nao não nie false; no; none".split())
_SIZES = {"k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
_TIMES = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "hr": "h", "day": "d", "week": "w"}
# For the levels of TLS, never a weaker one than the word says.
_LEVELS = {
    "on": "encrypt", "yes": "encrypt", "true": "encrypt", "required": "encrypt", "mandatory": "encrypt", "tls": "encrypt",
    "starttls": "encrypt", "force": "encrypt", "must": "encrypt", "encrypted": "encrypt", "enforce": "encrypt", "1": "encrypt", "ssl": "encrypt",
    "opportunistic": "may", "optional": "may", "off": "none", "no": "none", "verified": "verify",
}  # fmt: skip


def value(
    name: str, given: str, expected: str, defaults: Mapping[str, str], allowed: tuple[str, ...] = ()
) -> str | None:
    """The value that was meant, None if that is unknown. expected: see `setting_types.Rejection`."""
    bare = plain(given).strip(" '\"")
    word = bare.lower()
    kind = kind_of(name, defaults)
    if name == "compatibility_level" and (match := re.fullmatch(r"v?(\d+(?:[.,]\d+){0,2})", word)):
        return match[1].replace(",", ".")
    if kind == "boolean":
        if boolean(bare) is not None:
            return word
        said = word if word in _YES | _NO else near(word, ("yes", "true", "no", "false"), 0.75)
        return "yes" if said in _YES | {"yes"} else "no" if said in _NO | {"no"} else None
    if kind == "number" and (match := re.fullmatch(r"([+-]?\d[\d_.,' ]*?)\s*([kmg]b?|bytes|b)?", word)):
        digits = re.sub(r"\D", "", match[1])
        made = str(int(digits) * _SIZES.get(match[2] or "", 1)) if digits and len(digits) < 16 else None
        return made if made != bare else None
    if kind == "time" and (match := re.fullmatch(r"(\d+)\s*([a-z]*?)s?", word)):
        made = match[1] + _TIMES.get(match[2], match[2][:1] if len(match[2]) < 2 else "?")
        return made if made != bare and seconds(made) is not None else None
    if name.endswith("tls_security_level"):
        levels = allowed or tuple(_LEVELS.values())
        return _LEVELS.get(word) or (word if word in levels else near(word, levels, 0.75)) or None
    if name == "mynetworks":
        return _networks(bare)
    if expected == "restriction":
        return ", ".join(w if w in RESTRICTIONS else restriction(w) or w for w in items(bare))
    if expected in ("list-of", "one-of") and allowed:
        words = [w if w in allowed else near(w, allowed, 0.75) for w in map(str.lower, items(bare))]
        return ", ".join(w for w in words if w) if words and all(words) else None
    return bare if bare != given and bare else None


def restriction(word: str) -> str:
    """The restriction of smtpd that a misspelt one means: a spelling beside it that begins alike (a reject_ never becomes
    a permit_); "" for none."""
    alike = [name for name in RESTRICTIONS if name.partition("_")[0] == word.partition("_")[0]]
    return near(word, alike, 0.85)


def _networks(text: str) -> str | None:
    """The list with each item that is not a network replaced by the narrowest that it can mean (the single host, or
    loopback); None if nothing is left."""
    made = []
    for word in items(text):
        if not bad_network(word):
            made.append(word)
            continue
        if re.match(r"\[?127\.", word):
            made.append("127.0.0.0/8")  # of this host alone, whatever the mask was to be
            continue
        address = re.sub(r"[\[\]]", "", word).partition("/")[0]
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            continue
        made.append(f"[{host}]" if host.version == 6 else str(host))
    return " ".join(made) or None


_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a`"), "")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_BLANKS = dict.fromkeys(
    map(ord, "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"), " "
)
_NOTHING = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x00AD, 0x0D], ""
)
_PROMPT = re.compile(r"^\s*(?:[\w.@~:/-]*[$#>%]\s+)+(?=[a-z]\w*\s*=)")
# Letters of other alphabets that look like ASCII.
_ALIKE = str.maketrans("аеорсухіѕјԁһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοƖıⅼ", "aeopcyxisjdhABEZHIKMNOPTYXolil")


def plain(text: str) -> str:
    """A line or value without what copying from a page leaves: typographic quotes and dashes, blanks and characters that
    do not show, entities, a shell's prompt, a backslash at its end, quotes around the value, a comment behind it."""
    made = html.unescape(text) if re.search(r"&(?:#\d+|#x[\da-f]+|\w+);", text, re.I) else text
    made = made.translate({**_QUOTES, **_DASHES, **_BLANKS, **_NOTHING}).translate(_ALIKE)
    made = _PROMPT.sub("", made)
    made = re.sub(r"\s+#.*$", "", made)
    made = re.sub(r"[\s\\;]+$", "", made)
    return re.sub(r"^(\s*\w+\s*=\s*|)([\"'])(.*)\2$", r"\1\3", made)

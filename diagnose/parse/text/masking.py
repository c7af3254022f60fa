"""Makes text from logs, files and the network safe to keep and show: no secrets, no control characters, no endless
words.

Secrets are found in two ways: values known from this host's files (`KNOWN`, see `known`), and values that the text
itself marks as secret (`spelled`). `mask` is for incoming text, `leaving` for outgoing text.
"""

from __future__ import annotations

import itertools
import re
from functools import cache, lru_cache

from diagnose.parse.text.known import KNOWN, STARS, Secrets
from diagnose.patterns import late

__all__ = [
    "KNOWN",
    "STARS",
    "Secrets",
    "clean",
    "coded",
    "leaving",
    "mask",
    "normalise",
    "plain",
    "veil",
    "visible",
    "without_endless_words",
]

_ENDLESS = late(r"(\S{150})\S+")
_LONGEST_WORD = 1000  # characters: on longer words the patterns would take quadratic time
_CONTROL = late(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\ufeff]+")
_UNPRINTED = late(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
_CONTROL_BUT_BLANKS = late(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_CODE = late(r"\\(?:x(?:[01][0-9a-f]|7f|[89][0-9a-f])|u20[0-6][0-9a-f])")
_UNSEEN = late(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
# Base64 of a login or a key, and `user:password@`, by themselves.
_BLOB = late(
    r"(?<![\w+/.=-])(?:A[A-P][A-Za-z0-9+/]{6,}|dXNlcj[A-Za-z0-9+/=]{8,}|[A-Za-z0-9+/]{28,})(?![\w.@-])|[^\s@:]:[^\s@]+@"
)
# A log line with one of these is read closely. They are few and long, because a day's log is searched for them.
_IN_LOGS = (
    b"pass", b"pw", b"secret", b"token", b"cred", b"key", b"auth", b"bearer", b"basic ", b"://", b"static:", b"inline:", b"map:{",
    b"coded ", b"resp=", b"attr", b"identified", b"dictionary", b"duplicate", b"login", b" -", b"]: > ", b"]: < ", b"-> server",
    b"client -> ", b" c: ", b"@[", b"== ", b"==\n", b" 334", b"hook", b":*:", b":5432:", b"{sha", b"{ssha", b"{crypt", b"{plain", b"$2y$", b"$6$", b"cookie", b"535 ",
)  # fmt: skip
_NAMED = re.compile(rb"(?i)pass|pw|secret|token|key|cred|auth")
_LOGIN_MARK = re.compile(rb"auth (?:login|plain|cram|x?oauth|ntlm|digest|scram)| 334 |private key--")
_LONG_WORD = bytes(97 if chr(octet).isalnum() or octet in b"-_+/" else 32 for octet in range(128)) + b" " * 128
_WORD = b"a" * 16  # providers' keys are at least as long


@cache
def _normal() -> tuple[tuple[re.Pattern[str], str], ...]:
    """(pattern, replacement); compiled on first use, to keep importing this module fast."""
    return (
        (late(r"<[^<>\s]*@[^<>\s]*>|[\w.+=-]+@[\w.-]+"), "@"),
        (late(r"\b[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}\b"), "IP"),
        (late(r"\b(?!127\.)\d{1,3}(?:\.\d{1,3}){3}\b"), "IP"),
        # Neither a provider's code nor the part of a link that contains one: "XGEMAIL_0011", "/?p=NoSuchUser".
        (late(r"\b(?![A-Z]+_\d{1,6}\b)(?=[0-9A-Za-z._-]*\d[0-9A-Za-z._-]*\d)[0-9A-Za-z_-]{11,}(?:\.\d+)?\b"), "ID"),
        (late(r"\b\d{5,}\b"), "N"),
    )


def without_endless_words(text: str) -> str:
    """Cut words to 150 characters: longer ones mean nothing and would cost patterns quadratic time."""
    return _ENDLESS.sub(r"\1", text)


def clean(text: str) -> str:
    """Replace control characters, which may be hostile network input, by blanks; keeps newlines and tabs, cuts
    endless words."""
    if len(text) > 300:
        text = without_endless_words(text)
    return _CONTROL.sub(" ", text) if not text.isprintable() else text


def plain(text: str) -> str:
    """Remove control characters other than line feed and tab. Invisible and bidirectional marks are shown by their
    code, so that a file name cannot imitate another."""
    if text.isprintable():
        return text
    return _UNSEEN.sub(_code, _UNPRINTED.sub("", text.replace("\r\n", "\n")))


def visible(text: str) -> str:
    """Like `plain`, but control characters are shown by their code too, for text that may be a file name."""
    return text if text.isprintable() else plain(_CONTROL_BUT_BLANKS.sub(_code, text))


def coded(text: str) -> bool:
    """Whether a text contains the code of a character, so that it is not literally the file's name."""
    return _CODE.search(text) is not None


def _code(char: re.Match[str]) -> str:
    return f"\\x{ord(char[0]):02x}" if ord(char[0]) < 256 else f"\\u{ord(char[0]):04x}"


def mask(text: str) -> str:
    """The text with everything that it marks as secret replaced by stars; line breaks stay.

    A value found to be secret in one place is masked throughout the text, in every form.
    """
    from diagnose.parse.text import literals, spelled
    from diagnose.parse.text.telling import telling

    if len(text) < 4:
        return text
    spans = spelled.merged([*spelled.found(text), *literals.found(text)])
    if not spans:
        return text
    here = Secrets()
    pieces: list[str] = []
    done = 0
    for begin, end in spans:
        value = text[begin:end]
        if len(value) < 200 and (telling(value) or not value.isalnum()):
            here.add(value)
        pieces += [text[done:begin], "\n".join(STARS if line.strip() else line for line in value.split("\n"))]
        done = end
    return here.hide("".join([*pieces, text[done:]]))


def veil(data: bytes) -> bytes:
    """Log text (whole lines) with its secrets replaced by stars; other lines are the same octets as before.

    Only lines that contain a telling word are read, and around a login dialogue their neighbours.
    """
    from diagnose.parse.text.prose import NOUNS
    from diagnose.parse.text.shapes import keyed

    data = b"\n".join([line if len(line) < 600 else _thinned(line) for line in data.split(b"\n")])
    lowered = data.lower()
    begins: set[int] = set()
    # Of other letters than ASCII's, lower() changes none: the first may be a capital.
    nouns = ((noun if noun.isascii() else noun[1:]).encode() for noun in NOUNS)
    for word in (*_IN_LOGS, *nouns):
        position = lowered.find(word)
        while position >= 0:
            begins.add(lowered.rfind(b"\n", 0, position) + 1)
            position = lowered.find(word, (lowered.find(b"\n", position) + 1) or len(lowered))
    long = data.translate(_LONG_WORD)
    position = long.find(_WORD)
    while position >= 0:
        end = long.find(b" ", position)
        end = len(long) if end < 0 else end
        if keyed(data[position:end].decode("ascii")):
            begins.add(data.rfind(b"\n", 0, position) + 1)
        position = long.find(_WORD, end)
    if not begins:
        return data
    regions: list[tuple[int, int]] = []
    for begin in begins:
        end = lowered.find(b"\n", begin)
        end = len(lowered) if end < 0 else end
        login = _LOGIN_MARK.search(lowered, begin, end) is not None
        regions.append(_neighbours(lowered, begin, end, 14 if login else 0, 14 if login else 2))
    pieces: list[bytes] = []
    done = 0
    for begin, end in _joined(regions):
        # surrogateescape: octets that are not UTF-8 are restored unchanged.
        shown = mask(data[begin:end].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        pieces += [data[done:begin], shown]
        done = end
    return b"".join([*pieces, data[done:]])


def _thinned(line: bytes) -> bytes:
    """The line up to its sixteenth word for a secret: any peer can log thousands of lines with a hundred each."""
    sixteenth = next(itertools.islice(_NAMED.finditer(line), 15, None), None)
    return line[: sixteenth.start()] + STARS.encode() if sixteenth else line


def _neighbours(data: bytes, begin: int, end: int, before: int, after: int) -> tuple[int, int]:
    """Extend `begin` and `end` by lines before and after: a value may be on the line after its name."""
    for _ in range(before):
        begin = data.rfind(b"\n", 0, max(0, begin - 1)) + 1
    for _ in range(after):
        stop = data.find(b"\n", end + 1)
        end = len(data) if stop < 0 else stop
    return begin, end


def _joined(regions: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for begin, end in sorted(regions):
        if out and begin <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def leaving(text: str) -> str:
    """Text that leaves this process, with this host's secrets masked."""
    return KNOWN.hide(text)


def normalise(text: str) -> str:
    """Replace addresses, numbers and identifiers in a text, so that texts of one kind become equal."""
    # Replaced text has no blanks, and most words recur.
    return " ".join([_word(word) if len(word) < 100 else _replaced(word[:_LONGEST_WORD]) for word in text.split(" ")])


def _replaced(text: str) -> str:
    for pattern, instead in _normal():
        text = pattern.sub(instead, text)
    return text


_word = lru_cache(8192)(_replaced)

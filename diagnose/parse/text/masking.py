"""Text from logs and networks made safe to keep: no secrets, no control characters, no endless words."""

from __future__ import annotations

import re
from functools import cache, lru_cache

_ENDLESS = re.compile(r"(\S{150})\S+")
_LONGEST_WORD = 1000  # characters: on an endless word the patterns would take time that grows with its square
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\ufeff]+")


@cache
def _secrets() -> tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]:
    """What a match contains one of (in lower case), pattern, replacement. Compiled on first use: importing this module
    must stay quick."""
    return (
        (
            ("auth ",),
            re.compile(
                r"(\bAUTH (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|NTLM|CRAM-MD5|DIGEST-MD5|SCRAM-\S+) )[A-Za-z0-9+/=]{2,}",
                re.I,
            ),
            r"\1***",
        ),
        (
            ("c:", "s:", "r:", "t:", "srv:"),
            re.compile(r"((?:SERVER|CLIENT|SRV|C|S): ?)(?![A-Z]+\s*$)[A-Za-z0-9+/]{8,}={0,2}(?=\s*$)"),
            r"\1***",
        ),
        (("=",), re.compile(r"(^|[\s:>])[A-Za-z0-9+/]{10,}={1,2}(?=\s*$)"), r"\1***"),
        (("334",), re.compile(r"(\b334[ -])[A-Za-z0-9+/=]{2,}"), r"\1***"),
        (
            (">", "<", "c:"),
            re.compile(r"((?:>|C:|<|->|=>)\s*)(?=[A-Za-z0-9+/]{8,}={0,2}\s*$)(?=\S*[a-z0-9+/=])\S+"),
            r"\1***",
        ),
        (
            ("pass",),
            re.compile(
                r"(\bpass(?:word|wd|phrase)?['\"]?\s*[=:]\s*['\"]?)(?!(?:command|failed|not|is|required|verification)\b)[^\s'\",;)]+",
                re.I,
            ),
            r"\1***",
        ),
        (("smtp_sasl_",), re.compile(r"(smtp_sasl_authenticate: \S+: user=\S+,? pass(?:word)?=)\S+", re.I), r"\1***"),
        (("static:",), re.compile(r"(\bstatic:[^\s:]+:)[^\s,]+"), r"\1***"),
        (
            ("password",),
            re.compile(r"((?:user|username)\s+[`'\"][^`'\"]*[`'\"]\s+password\s+[`'\"])[^`'\"]*", re.I),
            r"\1***",
        ),
        (("://",), re.compile(r"(\w{1,30}://[^\s:/@]+:)[^\s@/]+(?=@)"), r"\1***"),
    )


@cache
def _normal() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compiled on first use: importing this module must stay quick."""
    return (
        (re.compile(r"<[^<>\s]*@[^<>\s]*>|[\w.+=-]+@[\w.-]+"), "@"),
        (re.compile(r"https?://\S+"), "URL"),
        (re.compile(r"\b[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}\b"), "IP"),
        (re.compile(r"\b(?!127\.)\d{1,3}(?:\.\d{1,3}){3}\b"), "IP"),
        (re.compile(r"\b(?=[0-9A-Za-z._-]*\d[0-9A-Za-z._-]*\d)[0-9A-Za-z_-]{11,}(?:\.\d+)?\b"), "ID"),
        (re.compile(r"\b\d{5,}\b"), "N"),
    )


def without_endless_words(text: str) -> str:
    """Cut words that have no end: they say nothing, and would cost patterns quadratic time."""
    return _ENDLESS.sub(r"\1", text)


def clean(text: str) -> str:
    """Take out control characters, which come from the network and may be hostile; line ends and tabs stay."""
    if len(text) > 300:
        text = without_endless_words(text)
    return _CONTROL.sub(" ", text) if not text.isprintable() else text


def mask(text: str) -> str:
    """Replace what may be a secret (AUTH exchanges, passwords in debug output) by ``***``."""
    lowered = text.lower()
    if not any(
        word in lowered
        for word in ("auth ", "334", "pass", "static:", "://", ">", "c:", "==", "=\n", "server:", "client:")
    ):
        return text
    for contained, pattern, instead in _secrets():
        # Plain searches first: the patterns take ten times as long, and a queue has a hundred thousand reasons.
        for each in contained:
            if each in lowered:
                text = pattern.sub(instead, text)
                break
    return text


def normalise(text: str) -> str:
    """Reduce a text to what its kind has in common: addresses, numbers, identifiers replaced."""
    # What is replaced has no blank in it, and most words come again and again.
    return " ".join([_word(word) if len(word) < 100 else _replaced(word[:_LONGEST_WORD]) for word in text.split(" ")])


def _replaced(text: str) -> str:
    for pattern, instead in _normal():
        text = pattern.sub(instead, text)
    return text


_word = lru_cache(8192)(_replaced)

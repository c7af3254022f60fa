"""Parses SMTP replies: RFC 5321 section 4.2 reply lines with RFC 3463 enhanced status codes.

Replies reach us folded in many ways: Postfix joins lines with a blank ("host X said:") or with ``?`` ("server X
said:"), bounce messages wrap them, Python prints a tuple, Java keeps the line ends, Symfony quotes them.
"""

from __future__ import annotations

import re

from diagnose.patterns import late
from diagnose.record import frozen

# 465 and 587 look like reply codes but are ports: only codes that RFC 5321, 4954, 3207 and 7504 (or servers) use.
_CODE = r"(?:4(?:2[0-8]|3[0-9]|41|5[0-9]|7[0-9])|5(?:0[0-9]|[1-5][0-9]|7[0-9]))"
_ENHANCED = r"[245]\.\d\.\d{1,3}"
_AT_START = late(rf"\s*({_CODE}|2[1-5]\d|3[35]4)(?:\s*:\s*|[ \t-]+|(?=\s*$)|(?=[A-Za-z<#]))(?:\1[ -])?")
_ANYWHERE = late(
    rf"(?:(?<![\w.:/=-])|(?<=msg:)|(?<=code:)|(?<=rror:)|(?<=eply:)|(?<=esponse[:=]))({_CODE})(?:[ -]|\)?: )(?!(?:GET|POST|PUT) )(?={_ENHANCED}|[A-Za-z<#\[(])"
)
# A number after an RFC's number is a section, one within a sentence a version.
_ANY_ENHANCED = late(
    rf"(?<![\w./-])(?<!RFC\d{{4}} )(?<!RFC \d{{4}} )(?<![Ss]ection )#?({_ENHANCED})(?![\w.]*\.[0-9])(?=[\s:;,)<\[]|$)(?! (?:and|in|on|or|since|under|using|with)\b)"
)
_PYTHON = late(rf"(?:\(\s*|(?<![\"']): )({_CODE}),\s*b?(['\"])(.*?)\2\s*[,)]", re.DOTALL)
# A reply of which a program gives only the number.
_STATED = late(
    rf"(?:smtp|mail)(?!.{{0,200}}http).{{0,100}}?\b(?:code|status|got|repl\w+|respon\w+|(?:return|receiv|answer)\w*)[\s:=#(\[\"']{{1,4}}({_CODE})(?!\w|\.\d|[ -]\w)",
    re.IGNORECASE,
)
_LEADING_ENHANCED = late(rf"[#\s]*({_ENHANCED})(?![\w.]*\.[0-9])[\s:;-]*")
_BLANKS = late(r"\s+")
_ESCAPED_NEWLINE = late(r"(?:\\r)?\\n|#015#012|#012|\r")


@frozen
class SmtpReply:
    """One reply, continuation lines folded into one text without their repeated codes."""

    code: int | None
    enhanced: str | None
    text: str

    @property
    def canonical(self) -> str:
        """``550 5.7.26 text``: the form that the reply tables expect."""
        head = " ".join(part for part in (str(self.code or ""), self.enhanced or "") if part)
        return f"{head} {self.text}".strip() if head else self.text


def parse(text: str) -> SmtpReply | None:
    """Parse a text that begins with a reply; None if it does not."""
    text = _ESCAPED_NEWLINE.sub("\n", text)
    python = _PYTHON.match(text.strip())
    if python:
        return _build(python.group(1), python.group(3))
    start = _AT_START.match(text)
    if start:
        return _build(start.group(1), text[start.end() :])
    leading = _LEADING_ENHANCED.match(text)
    if leading and text.strip():
        return SmtpReply(code=None, enhanced=leading.group(1), text=_squeeze(text[leading.end() :]))
    return None


def code_of(reply: str) -> int:
    """The code of a whole reply's last line, 0 if it has none."""
    code = reply.rpartition("\n")[2][:3]
    return int(code) if code.isascii() and code.isdecimal() else 0


def find(text: str) -> SmtpReply | None:
    """Find the first failure reply (4xx, 5xx) anywhere in a text, such as a program's error message. None if there
    is none."""
    text = _ESCAPED_NEWLINE.sub("\n", text)
    python = _PYTHON.search(text)
    if python:
        return _build(python.group(1), python.group(3))
    found = _ANYWHERE.search(text)
    if found:
        return _build(found[1], text[found.end() :])
    enhanced = _ANY_ENHANCED.search(text)
    if enhanced and enhanced.group(1)[0] != "2":
        return SmtpReply(code=None, enhanced=enhanced.group(1), text=_squeeze(text[enhanced.end() :]).lstrip(":;- "))
    stated = _STATED.search(text)
    return _build(stated[1], "") if stated else None


def _build(code: str, rest: str) -> SmtpReply:
    enhanced = None
    leading = _LEADING_ENHANCED.match(rest)
    if leading:
        enhanced = leading.group(1)
        rest = rest[leading.end() :]
    rest = _repeats(code).sub(" ", rest)
    if enhanced is None:
        # Some servers put the host name first: "521 5.5.2" is the rule, "550 mx.example 5.7.1 ..." the exception.
        later = _ANY_ENHANCED.search(rest[:80])
        if later and later.group(1)[0] == code[0]:
            enhanced = later.group(1)
            rest = rest[: later.start()] + rest[later.end() :].lstrip(" :")
    return SmtpReply(code=int(code), enhanced=enhanced, text=_squeeze(rest))


_repeat_cache: dict[str, re.Pattern[str]] = {}


def _repeats(code: str) -> re.Pattern[str]:
    """Match the code (and status) with which each further line of the same reply begins."""
    pattern = _repeat_cache.get(code)
    if pattern is None:
        pattern = late(rf"(?:[\s?]+|\\n){code}(?:[ -]|\s)+(?:#?{_ENHANCED}[\s:]*)?")
        _repeat_cache[code] = pattern
    return pattern


def _squeeze(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()

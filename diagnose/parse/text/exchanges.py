"""Base64 of SMTP logins: a client's answers near signs of a login dialogue, and words that decode to a login."""

from __future__ import annotations

import base64
import binascii
import bisect
import re
from collections.abc import Iterator

from diagnose.parse.text.named import values
from diagnose.patterns import late

Span = tuple[int, int]

_EXCHANGE = late(
    r"\bAUTH[ =]+(?:LOGIN|PLAIN|CRAM|X?OAUTH|NTLM|DIGEST|SCRAM)|\b334[ -]|(?:^|\n|: ?)(?:VXNlcm5hbWU6|UGFzc3dvcmQ6)\s*(?:\n|$)"
)
_CODED = late(
    r"(?<![\w+/=.@-])([A-Za-z0-9+/_-]{8,}={0,2}|[A-Za-z0-9+/_-]{2,7}={1,2})(?=[\s\"'\\,;)\]]*(?:\n|\\n|\\r|$|[\"'\]]))"
)
_BLOB = late(r"(?<![\w+/=.@-])(?=[a-z\d+/]*[A-Z])(?=[A-Z\d+/]*[a-z])[A-Za-z0-9+/_-]{12,}={0,2}(?![\w+/=@.])")
_BODY = late(r"(?m)^(?:[A-Za-z0-9+/]{48,100}\r?\n){1,500}[A-Za-z0-9+/]{2,100}={0,2}\r?$")  # of a mail
# A plain answer after the server's challenge, in a session without encoding.
_BARE = late(r"[ \t]{0,9}(?![2-5]\d\d[ -])([^\s:]{4,200})[ \t\r]*(?:\n|$)")
_NEIGHBOURS = 14  # lines before and after a sign of a login that may belong to it
_PROMPTS = frozenset(
    ("VXNlcm5hbWU6", "UGFzc3dvcmQ6", "dXNlcm5hbWU6", "cGFzc3dvcmQ6", "VXNlciBOYW1lAA==", "UGFzc3dvcmQA")
)


def exchanges(text: str, lowered: str, long: bool) -> Iterator[Span]:
    """Spans of base64 answers at the end of lines near a login dialogue, and of any base64 that decodes to a
    login or to a text with a named secret.

    long: the text has a word of twelve characters or more, and capitals in one.
    """
    marks: list[int] = []
    if "334" in text or "auth " in lowered or "auth=" in lowered or "ugfzc3dvcmq6\n" in lowered:
        marks = [mark.start() for mark in _EXCHANGE.finditer(text)]
    if marks:
        starts = [0, *(at.end() for at in re.finditer(r"\n|\\n", text))]
        near: set[int] = set()
        for mark in marks:
            line = bisect.bisect_right(starts, mark) - 1
            near.update(range(max(0, line - _NEIGHBOURS), min(len(starts), line + _NEIGHBOURS + 1)))
        for line in sorted(near):
            end = starts[line + 1] if line + 1 < len(starts) else len(text)
            asked = line and text.startswith("334", starts[line - 1])
            if asked and (answer := _BARE.match(text, starts[line], end)):
                yield answer.span(1)
            for coded in _CODED.finditer(text, starts[line], end):
                word = coded[1]
                if word not in _PROMPTS and _answers(word, text[max(starts[line], coded.start() - 12) : coded.start()]):
                    yield coded.span(1)
    for blob in (*_BLOB.finditer(text), *_BODY.finditer(text)) if long else ():
        if blob[0] not in _PROMPTS and len(blob[0]) % 4 in (0, 2, 3) and _holds_login(blob[0]):
            yield blob.span()


def _answers(word: str, before: str) -> bool:
    """Whether a word at the end of a line is base64 rather than a word of a protocol or of prose."""
    bare = word.rstrip("=")
    if re.fullmatch(r"[A-Z\d-]{2,}|[a-z-]+|[A-Z][a-z]+|\d+|[\d-]+|\w+-\w+", bare) and bare == word:
        # A lone word after a client's mark is an answer all the same.
        return (
            bool(re.search(r"(?:[CR<>]|>>|->|CLIENT|client|=>)[:>]? ?$", before))
            and not re.fullmatch(r"[A-Z\d]{4,10}|\d+|[2-5]\d\d-[A-Z\d]+", word)  # the last: of a reply
            and len(word) % 4 == 0
        )
    # A long one that was cut off in copying is base64 all the same.
    return (len(word) % 4 == 0 or len(bare) > 40) and not _FACT_WORD.fullmatch(word)


_FACT_WORD = late(
    r"(?:[A-Z]?[a-z]{2,})(?:[A-Z][a-z]{2,})+|SMTPUTF8|8BITMIME|TLSv1|(?:/[a-z]\w*)+|[a-z]+/[a-z]+|[A-F\d]+"
)


def _holds_login(word: str) -> bool:
    try:
        data = base64.b64decode(word.replace("-", "+").replace("_", "/") + "==")
    except (binascii.Error, ValueError):
        return False
    if data[:5] == b"user=" or b"auth=Bearer" in data or data[:2] == b"n,":
        return True
    if 1 <= data.count(b"\0") <= 2 and len(data) >= 5:
        return all(octet >= 32 or octet == 0 for octet in data) and _utf8(data)
    # CRAM-MD5: the user, a blank, 32 hexadecimal digits.
    if re.fullmatch(rb"\S+ [0-9a-f]{32}", data):
        return True
    said = data.decode() if _utf8(data) else ""
    return " " in said and next(values(said, said.lower()), None) is not None


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Finds mail messages among pasted lines (RFC 5322, MIME, reports of RFC 3464) and extracts their meaningful text.

Trace fields (Received, DKIM-Signature, Authentication-Results ...) and the message that a bounce returns do not tell
why it bounced. A message without its head, quoted, or forwarded inline is recognised by its parts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from diagnose.parse.pasted.mailhead import field_name, opens
from diagnose.patterns import late
from diagnose.record import dataclass

if TYPE_CHECKING:
    from email.message import Message

LONGEST = 400_000  # characters of one message that are read; the rest is usually the returned message
_LONGEST_HEAD = 500  # lines
_MOST_PARTS = 60  # boundaries of one message; a hostile one nests thousands
_DEEPEST = 3  # messages within messages

_Numbered = tuple[int, str]

_QUOTE = late(r"^(?:(?:[>|] )+|[>|](?=[A-Za-z]|$))")
_ANY_FIELD = late(r"[A-Za-z][\w-]{1,60}:(?:\s|$)|[ \t]+\S")
_FROM = late(r"From (?:\S+ +)?[A-Z][a-z]{2},? +(?:[A-Z][a-z]{2} +\d|\d{1,2} [A-Z])")
_BOUNDARY = late(r"--(?P<name>[^\s-](?:[^\r\n]{0,76}[^\s])?|-[^\r\n]{3,76}[^\s-])\s*$")
_PART_FIELD = late(r"Content-[A-Za-z-]{2,30}:\s", re.IGNORECASE)
_LOG = late(r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*) \S+ [\w./-]+(?:\[\d+\])?: ")
_NESTED = re.compile(rb"^(content-type:\s*)message/(?=[\w.-])", re.IGNORECASE | re.MULTILINE)
_CHARSET = late(
    r"(?:unicode-1-1-)?(?P<name>(?:utf|iso|windows|cp|koi|big5|gb|euc|shift|ks|latin|mac)[\w-]{1,20})$", re.I
)
# Words in a person's message about mail trouble: a code, a mailer, or a word of failure.
_ABOUT_MAIL = late(
    r"(?<![\w.])[45]\d\d[ -]|\b[45]\.\d\.\d|\b(?:smtp|imap|tls|ssl|dns|postfix|exim|sendmail|daemon)|deliver|bounc|relay|reject|refused|queue|"
    r"(?:mail|mx) ?(?:server|log)|(?<!in )error|exception|fail|not a member|fehler|erreur|errore|ошибк|エラー",
    re.IGNORECASE,
)
_TAG = late(r"(<[^<>]*>)")
_BLOCK = late(r"</?(?:p|br|div|tr|li|ul|h\d|pre|table|hr|blockquote)\b", re.IGNORECASE)
_UNSEEN = late(r"<(?P<end>/?)(?:style|script|head|title)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """A delivery report: its meaningful lines with their numbers."""

    lines: tuple[_Numbered, ...]


def split(lines: Iterable[tuple[int, str]], depth: int = 0) -> Iterator[_Numbered | Report]:
    """The lines in order, with messages among them replaced by the lines of their text parts, or by a Report."""
    head: list[_Numbered] = []
    body: list[_Numbered] | None = None
    size = 0
    begun = False
    for number, line in lines:
        cut_off = not begun and line[:1] in {" ", "\t"}  # the rest of a field whose beginning was not pasted
        begun = True
        if body is not None:
            if not (_LOG.match(line) or _FROM.match(line)):
                size += len(line) + 1
                if size < LONGEST:
                    body.append((number, line))
                continue
            yield from _read(body, depth)
            body = None
        if head:
            if len(head) < _LONGEST_HEAD and _goes_on(head, line):
                head.append((number, line))
                continue
            plain, body = _parted(head)
            yield from plain
            head, size = [], 0
            if body is not None:
                body.append((number, line))
                continue
        bare = _QUOTE.sub("", line, count=1)
        if opens(bare):
            body, size = [(number, line)], 0
        elif field_name(bare) or _FROM.match(bare) or _BOUNDARY.match(bare) or cut_off:
            head = [(number, line)]
        else:
            yield number, line
    if head:
        plain, body = _parted(head)
        yield from plain
    if body is not None:
        yield from _read(body, depth)


def _goes_on(head: Sequence[_Numbered], line: str) -> bool:
    """Whether a line still belongs to a head: a field, or the continuation of one."""
    bare = _QUOTE.sub("", line, count=1)
    return bool(field_name(bare) or _ANY_FIELD.match(bare))


def _parted(head: list[_Numbered]) -> tuple[list[_Numbered], list[_Numbered] | None]:
    """Split an apparent head into lines outside any message, and the message or report that begins in it (None if
    there is none)."""
    if _is_head([_QUOTE.sub("", line, count=1) for _, line in head]):
        return [], head
    opening = next((place for place, (_, line) in enumerate(head) if opens(line)), None)
    return (head, None) if opening is None else (head[:opening], head[opening:])


def _is_head(head: Sequence[str]) -> bool:
    """Whether lines are the head of a message or part, rather than text that looks similar."""
    if _BOUNDARY.match(head[0]):
        return len(head) > 1 and _PART_FIELD.match(head[1]) is not None
    names = {field_name(line) for line in head} - {""}
    if _FROM.match(head[0]):
        return bool(names)
    return len(names) > 2 or (len(names) == 2 and bool(names & {"from", "received", "return-path", "content-type"}))


def _read(lines: list[_Numbered], depth: int) -> Iterator[_Numbered | Report]:
    """A message's content: a Report, or the lines of any other message, which may quote a report."""
    from diagnose.parse.pasted import bounce

    lines = [(number, _QUOTE.sub("", line, count=1)) for number, line in lines]
    if opens(lines[0][1]):
        yield Report(tuple(bounce.before_original(lines)))
        return
    from email import message_from_bytes

    first = lines[0][1]
    start = lines[1:] if _FROM.match(first) else lines
    text = "\n".join(line for _, line in start)
    boundary = _BOUNDARY.match(first)
    if boundary:
        text = f'Content-Type: multipart/mixed; boundary="{boundary["name"].rstrip()}"\n\n{text}'
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a part in UTF-7 may encode half characters
        raw = text.encode("utf-8", "replace")
    if raw.count(b"boundary=") > _MOST_PARTS:
        raw = raw.replace(b"multipart/", b"text/x-")
    try:
        message = message_from_bytes(_NESTED.sub(rb"\1text/x-", raw))
        parts = list(_parts(message))
    except (RecursionError, ValueError, LookupError, AssertionError, IndexError, TypeError):
        parts = [("text/plain", text)]
        message = message_from_bytes(b"")
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, line in reversed(lines):
        numbers[line.strip()].append(number)
    at = lines[0][0]
    report = bounce.is_report(message, [(kind, part[:2000]) for kind, part in parts])
    if not report and bounce.is_answer(message):
        return
    said: list[_Numbered] = []
    for kind, part in parts:
        if report and kind in _RETURNED:
            continue
        found: list[_Numbered] = []
        for line in part.splitlines():
            known = numbers.get(line.strip())
            at = known.pop() if known and line.strip() else at
            found.append((at, line))
        said += [*(bounce.before_original(found) if report else found), (at, "")]
    if report:
        yield Report((*said, (lines[0][0], ""), (lines[0][0], bounce.reason_of_subject(message))))
    elif depth >= _DEEPEST:
        yield from said
    elif any(_ABOUT_MAIL.search(line) for _, line in said):
        yield from split(said, depth + 1)


_RETURNED = frozenset(
    {"text/x-rfc822", "text/rfc822-headers", "text/x-rfc822-headers", "text/x-global", "text/x-global-headers"}
)


def _parts(message: Message) -> Iterator[tuple[str, str]]:
    """(type, decoded text) of each text part of a message; of alternatives not HTML, if there is another."""
    kind = message.get_content_type()
    inner = message.get_payload()
    if isinstance(inner, list):
        choices = [each for part in inner if not isinstance(part, str) for each in _parts(part)]
        if kind == "multipart/alternative":
            plain = [each for each in choices if each[0] != "text/html" and each[1].strip()]
            choices = plain or choices
        yield from choices
        return
    if message.get_content_maintype() not in {"text", "multipart"}:
        return
    text = _decoded(message)
    if kind == "text/html":
        text = _seen(text)
    yield kind, text


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    if b"\x1b$" in content:
        # Each line begins in ASCII (RFC 1468): a cut or masked line does not affect the others.
        return "\n".join(line.decode("iso-2022-jp", "replace") for line in content.split(b"\n"))
    named = _CHARSET.match(str(part.get_content_charset() or ""))
    if not content.isascii():
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    try:
        return content.decode(named["name"] if named else "utf-8", "replace")
    except LookupError:
        return content.decode("latin-1")


def _seen(text: str) -> str:
    """The visible text of HTML."""
    import html

    seen: list[str] = []
    unseen = False
    for piece in _TAG.split(text):
        if piece.startswith("<"):
            hides = _UNSEEN.match(piece)
            unseen = not hides["end"] if hides else unseen
            if _BLOCK.match(piece):
                seen.append("\n")
        elif not unseen:
            seen.append(re.sub(r"\s+", " ", piece))
    return html.unescape("".join(seen))

"""Finds the log lines of messages by address, queue id or message id, and of messages related to them.

Related messages ("kin") are bounce notifications, forwarded copies, messages reinjected by a content filter or a
requeue, and messages with the same message id. The log is read in chunks of whole lines; only the lines of these
messages are kept.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field

from diagnose.parse.log import queue_id
from diagnose.record import dataclass

MOST_LINES = 2000  # of one message
_ROUNDS = 6  # passes over the log at most: one for the first ids, one for each generation of kin
_FEW = 12  # up to this many ids, searching for each is faster than checking every line's id
_BEFORE = 262_144  # octets before an attempt that are searched for its process's earlier lines
_NAME = queue_id.PATTERN.encode()
# After the program's colon, or (RFC 5424) after structured data or the "-" in its place.
_ID = re.compile(rb"[:\]-] (?:(?:warning|error|fatal): )?(" + _NAME + rb"|NOQUEUE): ")
_KIN = re.compile(
    rb"(?P<how>sender non-delivery notification|sender delivery status notification|postmaster non-delivery notification|"
    rb"sender delay notification|forwarded as|queued as):? (?P<id>" + _NAME + rb")\b"
)
_MESSAGE_ID = re.compile(rb": (?:resent-)?message-id=(<?[^\s<>]{3,400}>?)")
_PROCESS = re.compile(rb" \S*/(?:smtp|lmtp)(?:\[(?P<pid>\d{1,10})\]: | (?P<bare>\d{1,10}) )")
_FAILED = (b"status=deferred", b"status=bounced", b"status=SOFTBOUNCE", b"status=undeliverable")
_LINE = 4000  # octets of a line that are kept


@dataclass
class Trail:
    """The lines of each message in the log's order, by queue id, and those of refused submissions, which have none.

    kin: (parent, child) → how ("queued as", …). dropped: older messages left out; cut: whether lines or kin were
    left out; any: whether the log has content; loose: number of matching lines outside any message, and the last
    one.
    """

    lines: dict[str, list[bytes]] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)
    kin: dict[tuple[str, str], str] = field(default_factory=dict)
    dropped: int = 0
    cut: bool = False
    any: bool = False
    loose: tuple[int, bytes] = (0, b"")


Chunks = Callable[[], Iterable[bytes]]
"""Opens the log again at each call."""


def trail(chunks: Chunks, who: str, limit: int = 20) -> Trail:
    """The trail of `who`: an address, a local part, a queue id, or a message id with or without brackets. limit: of
    messages."""
    result = Trail()
    if queue_id.is_queue_id(who):
        fresh, whole = {who.encode()}, True
    else:
        word = who.strip().strip("<>").encode("utf-8", "surrogateescape").lower()
        # A local part may be a word in every line: try it as an address first.
        fresh = _seeds(chunks(), word, (word,) if b"@" in word else (b"<" + word, b"=" + word), limit, result)
        if not fresh and not result.refused and b"@" not in word:
            fresh = _seeds(chunks(), word, (word,), limit, result)
        whole = False
    known: set[bytes] = set()
    messages: set[bytes] = set()
    new_messages: set[bytes] = set()
    for _ in range(_ROUNDS - 1):
        if not fresh and not new_messages:
            break
        known |= fresh
        messages |= new_messages
        more_ids, more_messages = _collect(chunks(), fresh, new_messages, known, result, whole)
        fresh, new_messages, whole = more_ids - known, more_messages - messages, False
        if len(known) + len(fresh) > 10 * limit:
            result.cut = True
            break
    return result


def _seeds(chunks: Iterable[bytes], word: bytes, needles: tuple[bytes, ...], limit: int, result: Trail) -> set[bytes]:
    """Queue ids of the lines that contain a word, the newest `limit`. needles: strings to search for, before the
    exact match."""
    result.loose = (0, b"")
    named = re.compile(rb"(?:<|(?:to|from|id)=)" + re.escape(word) + (rb"[>,;\s]" if b"@" in word else rb"[>,;\s@]"))
    whole = _whole_word(word)
    ids: OrderedDict[bytes, None] = OrderedDict()
    others: OrderedDict[bytes, None] = OrderedDict()  # messages that contain it elsewhere: as a login, in a reply
    for chunk in chunks:
        result.any = True
        text = chunk.lower()
        if len(text) != len(chunk):
            text = chunk
        for begin, end in _lines_with(text, needles):
            if not whole.search(text, begin, end):
                continue
            match = _ID.search(chunk, begin, min(end, begin + 400))
            line = chunk[begin : min(end, begin + _LINE)]
            if match is None:
                result.loose = (result.loose[0] + 1, line)
                continue
            strict = named.search(text, begin, end + 1) is not None
            if match[1] != b"NOQUEUE":
                _newest(ids if strict else others, match[1], limit, result if strict else None)
            elif strict:
                result.refused.append(line)
                if len(result.refused) > limit:
                    del result.refused[0]
                    result.dropped += 1
    return set(ids if ids or result.refused else others)


def _whole_word(word: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![0-9A-Za-z])" + re.escape(word) + rb"(?![0-9A-Za-z])")


def _newest(ids: OrderedDict[bytes, None], name: bytes, limit: int, result: Trail | None) -> None:
    ids[name] = None
    ids.move_to_end(name)
    if len(ids) > limit:
        ids.popitem(last=False)
        if result is not None:
            result.dropped += 1


def _lines_with(chunk: bytes, needles: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """(begin, end) of each line that contains a needle, in order, without duplicates."""
    found: dict[int, int] = {}
    for needle in needles:
        at = chunk.find(needle)
        while at >= 0:
            begin = chunk.rfind(b"\n", 0, at) + 1
            end = chunk.find(b"\n", at)
            end = len(chunk) if end < 0 else end
            found[begin] = end
            at = chunk.find(needle, end)
    yield from sorted(found.items())


def _collect(
    chunks: Iterable[bytes], ids: set[bytes], messages: set[bytes], known: set[bytes], result: Trail, whole: bool
) -> tuple[set[bytes], set[bytes]]:
    """Add the lines of these messages to `result`; returns new queue ids and message ids found in them. `known`:
    `ids` and those collected before; `whole`: `ids` is the one id asked for, and lines that merely mention it are
    searched too."""
    kin: set[bytes] = set()
    named: set[bytes] = set()
    before = b""
    for chunk in chunks:
        result.any = True
        for begin, end in _lines_of(chunk, ids, messages, whole):
            match = _ID.search(chunk, begin, min(end, begin + 400))
            if match is None or match[1] == b"NOQUEUE":
                if whole and _whole_word(next(iter(ids))).search(chunk, begin, end):
                    result.loose = (result.loose[0] + 1, chunk[begin : min(end, begin + _LINE)])
                continue
            if whole and match[1] not in ids and not _whole_word(next(iter(ids))).search(chunk, begin, end):
                continue
            name = match[1]
            message_id = _MESSAGE_ID.search(chunk, begin, end)
            if message_id is not None and name in ids:
                named.add(message_id[1])
            if name not in ids:
                if name not in known:
                    kin.add(name)
                continue
            line = chunk[begin : min(end, begin + _LINE)]
            for other in _KIN.finditer(line):
                kin.add(other["id"])
                result.kin[name.decode(), other["id"].decode()] = other["how"].decode()
            taken = result.lines.setdefault(name.decode(), [])
            if len(taken) >= MOST_LINES:
                result.cut = True
                continue
            if any(word in line for word in _FAILED):
                taken += _said_before(before, chunk, begin, line)
            taken.append(line)
        before = chunk[-_BEFORE:]
    return kin, named


def _lines_of(chunk: bytes, ids: set[bytes], messages: set[bytes], whole: bool) -> Iterator[tuple[int, int]]:
    """(begin, end) of the lines of these queue ids, and of the lines that log these message ids."""
    if whole:
        yield from _lines_with(chunk, ids)
        return
    announced = [b"message-id=" + each for each in messages]
    if len(ids) + len(messages) <= _FEW:
        yield from _lines_with(chunk, [*(b" " + name + b": " for name in ids), *announced])
        return
    found = dict(_lines_with(chunk, announced)) if len(announced) <= _FEW else {}
    for match in _ID.finditer(chunk):
        if match[1] in ids:
            begin = chunk.rfind(b"\n", 0, match.start()) + 1
            if begin not in found:
                end = chunk.find(b"\n", match.end())
                found[begin] = len(chunk) if end < 0 else end
    yield from sorted(found.items())


def _said_before(before: bytes, chunk: bytes, begin: int, line: bytes) -> list[bytes]:
    """Lines that the process logged between its previous attempt and this one: failed addresses, failed tables, TLS."""
    process = _PROCESS.search(line)
    if process is None:
        return []
    lowest = max(0, begin - _BEFORE)
    text = chunk[lowest:begin] if begin >= _BEFORE or not before else before[begin - _BEFORE :] + chunk[:begin]
    mark = b"[" + process["pid"] + b"]: " if process["pid"] else b" " + process["bare"] + b" - "
    found: list[bytes] = []
    at = text.rfind(mark)
    while at >= 0 and len(found) < 30:
        start = text.rfind(b"\n", 0, at) + 1
        end = text.find(b"\n", at)
        said = text[start : len(text) if end < 0 else end]
        if b", status=" in said:
            break
        if not _ID.search(said[:400]):
            found.append(said[:_LINE])
        at = text.rfind(mark, 0, start)
    return found[::-1]

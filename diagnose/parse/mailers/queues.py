"""Reads the queue listings of nullmailer, dma, Sendmail and OpenSMTPD."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone, tzinfo

from diagnose.parse.mailers.log import as_mailers
from diagnose.parse.postfix.queue import QueueGroup, QueueSummary, Sums
from diagnose.record import frozen


@frozen
class Waiting:
    """One message in a queue. size: bytes, 0 if unknown; arrival: seconds since 1970, None if unknown; reason: why
    it waits, "" if unknown."""

    queue_name: str
    queue_id: str
    size: int
    arrival: float | None
    sender: str
    recipients: tuple[str, ...]
    reason: str = ""


Reason = Callable[[str, str], str]
"""reason(queue id, recipient): what the log says of the last attempt, "" for nothing."""


def summary(messages: Iterable[Waiting], now: float, reason: Reason) -> QueueSummary:
    sums = Sums(now=now)
    for each in messages:
        sums.add(
            queue_name=each.queue_name,
            queue_id=each.queue_id,
            arrival=each.arrival,
            size=each.size,
            sender=each.sender,
            recipients=[(to, reason(each.queue_id, to) or each.reason) for to in each.recipients],
        )
    result = sums.result(complete=True)
    return replace(result, groups=tuple(map(_as_mailers, result.groups)))


def _as_mailers(group: QueueGroup) -> QueueGroup:
    reason = group.reason and as_mailers(group.reason)
    return replace(group, reason=reason, label=reason.label) if reason else group


_NULLMAILER = re.compile(r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<size>\d+) bytes(?: from <(?P<sender>[^>]*)>)?")


def nullmailer(text: str, now: float, zone: tzinfo = timezone.utc) -> Iterator[Waiting]:
    """Messages of nullmailer's mailq(1): a line per message, then a line `  to <address>` per recipient."""
    held: dict[str, str] | None = None
    recipients: list[str] = []
    number = 0

    def told(head: Mapping[str, str]) -> Waiting:
        at = datetime.fromisoformat(head["at"]).replace(tzinfo=zone).timestamp()
        return Waiting(
            queue_name="deferred",
            queue_id=str(number),
            size=int(head["size"]),
            arrival=min(at, now),
            sender=head["sender"] or "",
            recipients=tuple(recipients),
        )

    for line in text.splitlines():
        if found := _NULLMAILER.match(line):
            if held is not None:
                yield told(held)
            held, recipients, number = found.groupdict(), [], number + 1
        elif held is not None and (to := re.match(r"\s+to <([^>]*)>", line)):
            recipients.append(to[1])
    if held is not None:
        yield told(held)


def dma(text: str, now: float, zone: tzinfo = timezone.utc) -> Iterator[Waiting]:
    """Messages of dma's mailq(1): paragraphs of `ID:`, `From:`, `To:` lines."""
    for part in re.split(r"\n(?=ID\s*:)|\n--\n", text):
        values = dict(re.findall(r"(?m)^(ID|From|To)\s*:\s*(\S*)", part))
        if "ID" in values:
            yield Waiting(
                queue_name="deferred",
                queue_id=values["ID"],
                size=0,
                arrival=None,
                sender=values.get("From", ""),
                recipients=(values.get("To", ""),),
            )


_SENDMAIL = re.compile(
    r"(?P<id>[0-9A-Za-z]{8,14})(?P<mark>[*X?-]?)\s+(?P<size>\d+)\s+(?P<at>\w{3} \w{3} +\d+ \d\d:\d\d)\s+<?(?P<sender>[^>\s]*)>?"
)


def sendmail(text: str, now: float, zone: tzinfo = timezone.utc) -> Iterator[Waiting]:
    """Messages of Sendmail's mailq(1): a line per message, then the reason in parentheses and the recipients."""
    head: re.Match[str] | None = None
    recipients: list[str] = []
    reason = ""

    def told(head: re.Match[str]) -> Waiting:
        return Waiting(
            queue_name="deferred",
            queue_id=head["id"],
            size=int(head["size"]),
            arrival=_minute(head["at"], now, zone),
            sender=head["sender"],
            recipients=tuple(recipients),
            reason=reason,
        )

    for line in text.splitlines():
        if found := _SENDMAIL.match(line):
            if head is not None:
                yield told(head)
            head, recipients, reason = found, [], ""
        elif head is not None and (why := re.fullmatch(r"\s+\((.*)\)?", line)):
            reason = why[1].rstrip(")").removeprefix("Deferred: ")
        elif head is not None and (to := re.fullmatch(r"\s+<?([^\s<>]+@[^\s<>]+)>?", line)):
            recipients.append(to[1])
    if head is not None:
        yield told(head)


def _minute(text: str, now: float, zone: tzinfo) -> float | None:
    """The latest occurrence of a time without a year, `Thu Nov 26 04:55`, in seconds since 1970; None if invalid."""
    year = datetime.fromtimestamp(now, zone).year
    for each in (year, year - 1):
        try:
            at = datetime.strptime(f"{each} {text[4:]}", "%Y %b %d %H:%M").replace(tzinfo=zone).timestamp()
        except ValueError:
            continue
        if at <= now + 86400:
            return at
    return None


def opensmtpd(text: str, now: float, zone: tzinfo = timezone.utc) -> Iterator[Waiting]:
    """Messages of `smtpctl show queue`, fields separated by "|" (smtpctl(8)): id, address family, type, flags,
    sender, recipient twice, created, expires, last attempt, number of attempts, runstate, seconds to the next,
    reason."""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) >= 12 and re.fullmatch(r"[0-9a-f]{8,16}", fields[0]):
            yield Waiting(
                queue_name="hold" if "hold" in fields[3] else "deferred",
                queue_id=fields[0],
                size=0,
                arrival=float(fields[7]) if fields[7].isdecimal() else None,
                sender=fields[4],
                recipients=(fields[6] or fields[5],),
                reason=fields[13] if len(fields) > 13 else "",
            )


LISTINGS: Mapping[str, Callable[..., Iterator[Waiting]]] = {
    "nullmailer": nullmailer,
    "dma": dma,
    "sendmail": sendmail,
    "opensmtpd": opensmtpd,
}

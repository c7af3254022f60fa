"""Parses pasted `mailq` and `postqueue -p` listings of Postfix's queue."""

from __future__ import annotations

import re
from datetime import datetime

from diagnose.parse.log import queue_id
from diagnose.patterns import late
from diagnose.record import frozen

_MAILQ_HEAD = late(
    rf"\s*(?P<id>{queue_id.PATTERN})(?P<mark>[*!#]?)\s+(?P<size>\d+)\s+"
    r"(?P<stamp>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2})\s+(?P<sender>\S.*?)\s*$"
)
_MAILQ_QUEUES = {"*": "active", "!": "hold", "#": "deferred", "": "deferred"}


@frozen
class Waiting:
    """One message of a `mailq` listing. ``recipients``: (address, reason); ``number``: its first line (from 1)."""

    queue_name: str
    queue_id: str
    size: int
    arrival: datetime | None
    sender: str
    recipients: tuple[tuple[str, str], ...]
    number: int


def is_mailq_head(line: str) -> bool:
    """Whether a line begins a message of a `mailq` listing, or is the listing's header."""
    return line.startswith("-Queue ID-") or _MAILQ_HEAD.match(line) is not None


def messages_of_mailq(text: str, now: datetime) -> tuple[Waiting, ...]:
    """Read `postqueue -p` or `mailq` text: each message with its recipients and their reasons."""
    found: list[Waiting] = []
    head: re.Match[str] | None = None
    head_number = 0
    reason: list[str] = []
    depth = 0
    recipients: list[tuple[str, str]] = []

    def close() -> None:
        if head is not None:
            left = [("", " ".join(reason))] if reason and not recipients else []
            found.append(_waiting(head, tuple(recipients + left), head_number, now))

    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        begins = _MAILQ_HEAD.match(line) if depth <= 0 or line[:1].isalnum() else None
        if begins:
            close()
            head, head_number, reason, depth, recipients = begins, number, [], 0, []
        elif head is None or not stripped or stripped.startswith(("-- ", "-Queue ID-")):
            continue
        elif stripped.startswith("(") and depth <= 0:
            reason = [stripped]
            depth = stripped.count("(") - stripped.count(")")
        elif depth > 0:
            reason.append(stripped)
            depth += stripped.count("(") - stripped.count(")")
        elif "@" in stripped or re.fullmatch(r"[\w.+=-]+", stripped):
            recipients.append((stripped, _without_parentheses(" ".join(reason))))
    close()
    return tuple(found)


def _waiting(head: re.Match[str], recipients: tuple[tuple[str, str], ...], number: int, now: datetime) -> Waiting:
    from diagnose.parse.log.logline import parse  # mailq's stamp is syslog's with a weekday before it

    line = parse(f"{head.group('stamp')} host mailq: x", now)
    return Waiting(
        queue_name=_MAILQ_QUEUES[head["mark"]],
        queue_id=head["id"],
        size=int(head["size"][:12]),
        arrival=line.at if line else None,
        sender=head["sender"],
        recipients=tuple((address, _without_parentheses(reason)) for address, reason in recipients),
        number=number,
    )


def _without_parentheses(text: str) -> str:
    text = text.strip()
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text

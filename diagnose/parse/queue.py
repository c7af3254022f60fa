"""What waits in Postfix's queue: `postqueue -j` (one JSON object a line) or `mailq` text, summed up in bounded memory.

A queue can hold a million messages: nothing here keeps more than `GROUPS` groups, however many are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from diagnose.parse import reason as reasons_of
from diagnose.parse.reason import Reason

GROUPS = 400  # the biggest groups that are kept
SENDERS = 400
AGE_LIMITS = (5, 10, 20, 40, 80, 160, 320, 640, 1280)  # minutes, as qshape's columns; then everything older
STOP_EVERY = 200  # messages between two looks at `stop`


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One message of a group. ``arrival`` in seconds since 1970, None when unknown."""

    queue_id: str
    sender: str
    recipient: str
    arrival: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueGroup:
    """Recipients that wait for the same reason at the same domain. ``ages`` counts by `AGE_LIMITS` and "older"."""

    domain: str
    label: str
    normalised: str
    count: int
    oldest: float | None
    ages: tuple[int, ...]
    sample: Sample
    reason: Reason | None
    queue_name: str

    def scalars(self) -> dict[str, str | int | None]:
        """What an observation's data says of it."""
        return (self.reason.scalars() if self.reason else {}) | {
            "label": self.label,
            "count": self.count,
            "domain": self.domain,
            "sender": self.sample.sender,
            "recipient": self.sample.recipient,
            "queue_id": self.sample.queue_id,
            "source": "queue",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSummary:
    """The queue in sums. ``complete`` is False when reading was stopped, limited, or lines could not be read.

    ``messages`` counts by queue name (maildrop, incoming, active, deferred, hold, corrupt), ``ages`` counts messages by
    `AGE_LIMITS` and "older", ``groups`` is sorted by size, ``senders`` by number of messages. ``dropped`` counts
    recipients of small groups that were let go.
    """

    messages: dict[str, int]
    recipients: int
    size: int
    ages: tuple[int, ...]
    oldest: float | None
    groups: tuple[QueueGroup, ...]
    senders: tuple[tuple[str, int], ...]
    dropped: int
    unreadable: int
    complete: bool

    @property
    def total(self) -> int:
        """Messages in all queues."""
        return sum(self.messages.values())


@dataclass(slots=True)
class _Group:
    count: int
    oldest: float | None
    ages: list[int]
    sample: Sample
    reason: Reason | None
    queue_name: str


@dataclass(slots=True)
class _Sums:
    now: float
    messages: dict[str, int] = field(default_factory=dict)
    recipients: int = 0
    size: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGE_LIMITS) + 1))
    oldest: float | None = None
    groups: dict[tuple[str, str, str], _Group] = field(default_factory=dict)
    senders: dict[str, int] = field(default_factory=dict)
    labels: dict[str, tuple[str, str, Reason | None]] = field(default_factory=dict)
    dropped: int = 0
    unreadable: int = 0

    def message(self, *, queue_name: str, queue_id: str, arrival: float | None, size: int, sender: str) -> int:
        """Count a message and return the index of its age."""
        self.messages[queue_name] = self.messages.get(queue_name, 0) + 1
        self.size += size
        age = _age(self.now, arrival)
        self.ages[age] += 1
        if arrival is not None and (self.oldest is None or arrival < self.oldest):
            self.oldest = arrival
        self.senders[sender] = self.senders.get(sender, 0) + 1
        if len(self.senders) > 2 * SENDERS:
            kept = sorted(self.senders.items(), key=lambda item: (-item[1], item[0]))[:SENDERS]
            self.senders = dict(kept)
        return age

    def recipient(
        self, *, queue_name: str, queue_id: str, arrival: float | None, age: int, sender: str, recipient: str, text: str
    ) -> None:
        """Count one recipient into its group."""
        self.recipients += 1
        label, normalised, reason = self._label(text)
        domain = recipient[recipient.rfind("@") + 1 :].lower()
        # Without a reason, what tells messages apart is the queue that they are in.
        key = (domain, label, normalised or f"({queue_name})")
        group = self.groups.get(key)
        if group is None:
            sample = Sample(
                queue_id=queue_id,
                sender=sender,
                recipient=recipient,
                arrival=arrival,
                text=reasons_of.mask(text[:1000]),
            )
            group = _Group(0, arrival, [0] * (len(AGE_LIMITS) + 1), sample, reason, queue_name)
            if len(self.groups) >= 4 * GROUPS:
                self._shrink()
            self.groups[key] = group
        group.count += 1
        group.ages[age] += 1
        if arrival is not None and (group.oldest is None or arrival < group.oldest):
            group.oldest = arrival

    def _label(self, text: str) -> tuple[str, str, Reason | None]:
        """Classify a reason; the same words again cost one look-up."""
        if not text:
            return "", "", None
        known = self.labels.get(text)
        if known is not None:
            return known
        reason = reasons_of.classify(text)
        known = (reason.label if reason else "unknown", reasons_of.normalise(text[:1000])[:300], reason)
        if len(self.labels) < 5000:
            self.labels[text] = known
        return known

    def _shrink(self) -> None:
        ordered = sorted(self.groups.items(), key=lambda item: -item[1].count)
        self.dropped += sum(group.count for _, group in ordered[2 * GROUPS :])
        self.groups = dict(ordered[: 2 * GROUPS])

    def result(self, *, complete: bool) -> QueueSummary:
        ordered = sorted(self.groups.items(), key=lambda item: (-item[1].count, item[0]))
        return QueueSummary(
            messages=dict(sorted(self.messages.items())),
            recipients=self.recipients,
            size=self.size,
            ages=tuple(self.ages),
            oldest=self.oldest,
            groups=tuple(
                QueueGroup(
                    domain=domain,
                    label=label,
                    normalised=normalised,
                    count=group.count,
                    oldest=group.oldest,
                    ages=tuple(group.ages),
                    sample=group.sample,
                    reason=group.reason,
                    queue_name=group.queue_name,
                )
                for (domain, label, normalised), group in ordered[:GROUPS]
            ),
            senders=tuple(sorted(self.senders.items(), key=lambda item: (-item[1], item[0]))[:SENDERS]),
            dropped=self.dropped + sum(group.count for _, group in ordered[GROUPS:]),
            unreadable=self.unreadable,
            complete=complete and not self.unreadable,
        )


def summarise(
    lines: Iterable[str | bytes],
    now: float,
    limit: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> QueueSummary:
    """Sum up the output of `postqueue -j`.

    ``now`` is seconds since 1970, ``limit`` the number of messages after which reading ends, ``stop`` is asked now and
    then whether to end (a deadline). What could not be read is counted, never raised.
    """
    sums = _Sums(now=now)
    read = 0
    for line in lines:
        if not line.strip():
            continue
        if limit is not None and read >= limit:
            return sums.result(complete=False)
        if stop is not None and read % STOP_EVERY == 0 and stop():
            return sums.result(complete=False)
        read += 1
        message = _loads(line)
        if message is None:
            sums.unreadable += 1
            continue
        _add(sums, message)
    return sums.result(complete=True)


def _loads(line: str | bytes) -> dict[str, Any] | None:
    try:
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and "queue_id" in message else None


def _add(sums: _Sums, message: dict[str, Any]) -> None:
    queue_name = str(message.get("queue_name") or "deferred")
    queue_id = str(message.get("queue_id"))
    arrival = _seconds(message.get("arrival_time"))
    sender = str(message.get("sender") or "")
    size = message.get("message_size")
    age = sums.message(
        queue_name=queue_name,
        queue_id=queue_id,
        arrival=arrival,
        size=size if isinstance(size, int) else 0,
        sender=sender,
    )
    recipients = message.get("recipients")
    for recipient in recipients if isinstance(recipients, list) else ():
        if not isinstance(recipient, dict):
            continue
        sums.recipient(
            queue_name=queue_name,
            queue_id=queue_id,
            arrival=arrival,
            age=age,
            sender=sender,
            recipient=str(recipient.get("address") or ""),
            text=str(recipient.get("delay_reason") or recipient.get("bounce_reason") or ""),
        )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e11 else None


def _age(now: float, arrival: float | None) -> int:
    if arrival is None:
        return 0
    minutes = (now - arrival) / 60
    for index, limit in enumerate(AGE_LIMITS):
        if minutes < limit:
            return index
    return len(AGE_LIMITS)


# --- mailq ----------------------------------------------------------------------------------------------------------

_MAILQ_HEAD = re.compile(
    r"\s*(?P<id>[0-9A-F]{5,16}|[0-9A-Za-z]{12,20})(?P<mark>[*!#]?)\s+(?P<size>\d+)\s+"
    r"(?P<stamp>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2})\s+(?P<sender>\S.*?)\s*$"
)
_MAILQ_QUEUES = {"*": "active", "!": "hold", "#": "deferred", "": "deferred"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One message of a `mailq` listing. ``number`` is the line it starts on (1 is the first)."""

    queue_name: str
    queue_id: str
    size: int
    arrival: datetime | None
    sender: str
    recipients: tuple[tuple[str, str], ...]
    number: int


def is_mailq_head(line: str) -> bool:
    """Whether a line begins a message of a `mailq` listing (or is the listing's own head)."""
    return line.startswith("-Queue ID-") or _MAILQ_HEAD.match(line) is not None


def messages_of_mailq(text: str, now: datetime | None = None) -> tuple[Waiting, ...]:
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


def from_mailq(text: str, now: datetime) -> QueueSummary:
    """Sum up `postqueue -p` or `mailq` text. ``now`` (aware) gives its stamps their year and zone."""
    sums = _Sums(now=now.timestamp())
    for waiting in messages_of_mailq(text, now):
        arrival = waiting.arrival.timestamp() if waiting.arrival else None
        age = sums.message(
            queue_name=waiting.queue_name,
            queue_id=waiting.queue_id,
            arrival=arrival,
            size=waiting.size,
            sender=waiting.sender,
        )
        for recipient, reason in waiting.recipients:
            sums.recipient(
                queue_name=waiting.queue_name,
                queue_id=waiting.queue_id,
                arrival=arrival,
                age=age,
                sender=waiting.sender,
                recipient=recipient,
                text=reason,
            )
    return sums.result(complete=True)


def _waiting(
    head: re.Match[str], recipients: tuple[tuple[str, str], ...], number: int, now: datetime | None
) -> Waiting:
    from diagnose.parse.logline import parse  # mailq's stamp is syslog's, with a week day before it

    line = parse(f"{head.group('stamp')} host mailq: x", now)
    return Waiting(
        queue_name=_MAILQ_QUEUES[head.group("mark")],
        queue_id=head.group("id"),
        size=int(head.group("size")[:12]),
        arrival=line.at if line else None,
        sender=head.group("sender"),
        recipients=tuple((address, _without_parentheses(reason)) for address, reason in recipients),
        number=number,
    )


def _without_parentheses(text: str) -> str:
    text = text.strip()
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text

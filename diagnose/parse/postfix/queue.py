"""Summarises Postfix's queue from `postqueue -j` (one JSON object per line) in bounded memory.

A queue can hold a million messages: at most a few times `GROUPS` groups are kept, and the work per message is small.
Reasons are grouped by their normalised text, which is classified once per group.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from itertools import islice
from typing import Any

from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.record import dataclass, frozen

GROUPS = 400  # the biggest groups that are kept
SENDERS = 400
AGE_LIMITS = (5, 10, 20, 40, 80, 160, 320, 640, 1280)  # minutes, as qshape's columns; then everything older
STOP_EVERY = 100  # messages between two calls of `stop`; they are decoded together
OTHER = "other"  # the label of groups merged once there are too many kinds of reasons

STUCK = 60.0  # seconds after which a message in the active queue or maildrop is stuck
_TEXTS = 5000  # reasons whose normalised text is cached
_NAME = re.compile(r"\b(?:[\w-]+\.)+[A-Za-z][\w-]*")


@frozen
class Sample:
    """One message of a group. ``arrival``: seconds since 1970, None if unknown."""

    queue_id: str
    sender: str
    recipient: str
    arrival: float | None
    text: str


@frozen
class QueueGroup:
    """Recipients at one domain that wait for the same reason. ``ages``: counts by `AGE_LIMITS`, then older."""

    domain: str
    label: str
    normalised: str  # in every recording, whose unknown fields are refused
    count: int
    oldest: float | None
    ages: tuple[int, ...]
    sample: Sample
    reason: Reason | None
    queue_name: str

    def scalars(self) -> dict[str, str | int | None]:
        """The group as an observation's data."""
        return (self.reason.scalars() if self.reason else {}) | {
            "label": self.label,
            "count": self.count,
            "domain": self.domain,
            "sender": self.sample.sender,
            "recipient": self.sample.recipient,
            "queue_id": self.sample.queue_id,
            "source": "queue",
        }


@frozen
class QueueSummary:
    """Totals of the queue. ``complete`` is False if reading was stopped or limited, or lines could not be read.

    ``messages`` counts by queue name (maildrop, incoming, active, deferred, hold, corrupt), ``ages`` counts messages by
    `AGE_LIMITS`, then older; ``groups`` is sorted by size, ``senders`` by number of messages. ``rest`` holds the groups
    too small to keep, merged by reason (their ``domain`` is ""), ``dropped`` the number of their recipients.
    ``estimated``: there was no time to count all of ``messages``.
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
    rest: tuple[QueueGroup, ...] = ()
    estimated: bool = False

    @property
    def total(self) -> int:
        """Messages in all queues."""
        return sum(self.messages.values())

    @property
    def few_held(self) -> bool:
        """Whether under a tenth of the messages is on hold, so that most wait for another reason."""
        return 10 * self.messages.get("hold", 0) < self.total

    def untried(self, queue_name: str, now: float) -> int:
        """Recipients in that queue (active or maildrop) for over `STUCK` seconds without an attempt. now: epoch."""
        groups = (g for g in self.groups if g.queue_name == queue_name and g.reason is None)
        return sum(g.count for g in groups if g.oldest is not None and now - g.oldest > STUCK)


@dataclass
class _Group:
    """A group while counting; its first recipient is the sample."""

    queue_name: str
    queue_id: str
    sender: str
    recipient: str
    arrival: float | None
    text: str
    oldest: float | None
    count: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGE_LIMITS) + 1))

    def take(self, other: _Group) -> None:
        self.count += other.count
        self.ages = [one + more for one, more in zip(self.ages, other.ages, strict=True)]
        if other.oldest is not None and (self.oldest is None or other.oldest < self.oldest):
            self.oldest = other.oldest

    def told(self, domain: str, normalised: str) -> QueueGroup:
        reason = reasons_of.classify(self.text) if self.text else None
        label = reason.label if reason else "unknown" if self.text else OTHER if normalised == OTHER else ""
        sample = Sample(
            queue_id=self.queue_id,
            sender=self.sender,
            recipient=self.recipient,
            arrival=self.arrival,
            text=reasons_of.mask(self.text[:1000]),
        )
        return QueueGroup(
            domain=domain,
            label=label,
            normalised=normalised[:300],
            count=self.count,
            oldest=self.oldest,
            ages=tuple(self.ages),
            sample=sample,
            reason=reason,
            queue_name=self.queue_name,
        )


@dataclass
class Sums:
    """Totals while counting. ``now`` is seconds since 1970."""

    now: float
    messages: dict[str, int] = field(default_factory=dict)
    recipients: int = 0
    size: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGE_LIMITS) + 1))
    oldest: float | None = None
    # By domain, normalised reason (or queue name without one), and whether on hold.
    groups: dict[tuple[str, str, bool], _Group] = field(default_factory=dict)
    rest: dict[tuple[str, bool], _Group] = field(default_factory=dict)
    senders: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    unreadable: int = 0

    def add(
        self,
        *,
        queue_name: str,
        queue_id: str,
        arrival: float | None,
        size: int,
        sender: str,
        recipients: Iterable[tuple[str, str]],
    ) -> None:
        """Count a message with its recipients: (address, reason why it waits or "")."""
        self.messages[queue_name] = self.messages.get(queue_name, 0) + 1
        self.size += size
        age = 0
        if arrival is not None:
            age = bisect_right(AGE_LIMITS, (self.now - arrival) / 60)
            if self.oldest is None or arrival < self.oldest:
                self.oldest = arrival
        self.ages[age] += 1
        self.senders[sender] = self.senders.get(sender, 0) + 1
        if len(self.senders) > 2 * SENDERS:
            self.senders = dict(self._senders())
        for recipient, text in recipients:
            self.recipients += 1
            normalised = self.texts.get(text)
            if normalised is None:
                normalised = self._normalised(text)
            domain = recipient[recipient.rfind("@") + 1 :].lower()
            # Without a reason, messages are grouped by their queue.
            key = (domain, normalised or f"({queue_name})", queue_name == "hold")
            group = self.groups.get(key)
            if group is None:
                if len(self.groups) >= 4 * GROUPS:
                    self._let_go(self._ordered()[2 * GROUPS :])
                group = self.groups[key] = _Group(
                    queue_name, queue_id, sender, recipient, arrival, text[: reasons_of.LONGEST], arrival
                )
            group.count += 1
            group.ages[age] += 1
            if arrival is not None and (group.oldest is None or arrival < group.oldest):
                group.oldest = arrival

    def _normalised(self, text: str) -> str:
        """The normalised text of a reason, cached."""
        if len(self.texts) >= _TEXTS:
            self.texts.clear()
        normalised = self.texts[text] = reasons_of.normalise(text[:1000])
        return normalised

    def _senders(self) -> list[tuple[str, int]]:
        return sorted(self.senders.items(), key=lambda item: (-item[1], item[0]))[:SENDERS]

    def _ordered(self) -> list[tuple[tuple[str, str, bool], _Group]]:
        return sorted(self.groups.items(), key=lambda item: (-item[1].count, item[0]))

    def _let_go(self, groups: list[tuple[tuple[str, str, bool], _Group]]) -> None:
        """Merge small groups by reason, host names disregarded, into `rest`."""
        for key, group in groups:
            del self.groups[key]
            shape = (_NAME.sub("HOST", key[1]), key[2])
            if shape not in self.rest and len(self.rest) >= GROUPS:
                shape, group.text = (OTHER, False), ""
            if shape in self.rest:
                self.rest[shape].take(group)
            else:
                self.rest[shape] = group

    def result(self, *, complete: bool) -> QueueSummary:
        """The summary of all messages counted. Call it only once."""
        self._let_go(self._ordered()[GROUPS:])
        rest = sorted(self.rest.items(), key=lambda item: (-item[1].count, item[0]))
        return QueueSummary(
            messages=dict(sorted(self.messages.items())),
            recipients=self.recipients,
            size=self.size,
            ages=tuple(self.ages),
            oldest=self.oldest,
            groups=tuple(group.told(domain, normalised) for (domain, normalised, _), group in self._ordered()),
            senders=tuple(self._senders()),
            dropped=sum(group.count for _, group in rest),
            unreadable=self.unreadable,
            complete=complete and not self.unreadable,
            rest=tuple(group.told("", normalised) for (normalised, _), group in rest),
        )


def summarise(
    lines: Iterable[str | bytes],
    now: float,
    limit: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> QueueSummary:
    """Sum up the output of `postqueue -j`.

    ``now`` is seconds since 1970, ``limit`` the number of messages to read, ``stop`` is called every `STOP_EVERY`
    messages and returns True to end (a deadline). Unreadable lines are counted, not raised.
    """
    sums = Sums(now=now)
    read = 0
    whole = iter(line for line in lines if line.strip())
    while stop is None or not stop():
        portion = list(islice(whole, STOP_EVERY))
        if not portion:
            return sums.result(complete=True)
        for message in _decoded(portion if limit is None else portion[: limit - read]):
            if message is None:
                sums.unreadable += 1
            else:
                _add(sums, message)
        read += len(portion)
        if limit is not None and read > limit:
            break
    return sums.result(complete=False)


def total(
    portions: Iterable[list[tuple[str, str, int, int, bool, str, list[tuple[str, str]]]]],
    now: float,
    stop: Callable[[], bool],
) -> QueueSummary:
    """Sum up messages already read, in portions of (queue name, queue id, arrival, octets, whether force-expired,
    sender, recipients with their reasons). ``stop`` is called after each portion."""
    sums = Sums(now=now)
    for portion in portions:
        for queue_name, queue_id, arrival, size, _, sender, recipients in portion:
            sums.add(
                queue_name=queue_name,
                queue_id=queue_id,
                arrival=float(arrival),
                size=size,
                sender=sender,
                recipients=recipients,
            )
        if stop():
            return sums.result(complete=False)
    return sums.result(complete=True)


def _decoded(lines: Sequence[str | bytes]) -> Iterable[dict[str, Any] | None]:
    """The message in each line, None if there is none. Decoding lines together takes half the time."""
    texts = [line.decode("utf-8", "replace") if isinstance(line, bytes) else line for line in lines]
    try:
        found = json.loads(f"[{','.join(texts)}]")
    except (ValueError, RecursionError):
        found = None
    # Lines that are valid only together are not messages.
    if found is None or len(found) != len(texts):
        found = [_loads(text) for text in texts]
    return [each if isinstance(each, dict) and "queue_id" in each else None for each in found]


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _add(sums: Sums, message: dict[str, Any]) -> None:
    size = message.get("message_size")
    recipients = message.get("recipients")
    sums.add(
        queue_name=str(message.get("queue_name") or "deferred"),
        queue_id=str(message["queue_id"]),
        arrival=_seconds(message.get("arrival_time")),
        size=size if isinstance(size, int) else 0,
        sender=str(message.get("sender") or ""),
        recipients=[
            (str(each.get("address") or ""), str(each.get("delay_reason") or each.get("bounce_reason") or ""))
            for each in (recipients if isinstance(recipients, list) else ())
            if isinstance(each, dict)
        ],
    )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e11 else None

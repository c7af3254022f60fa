"""What the texts alone suggest: causes in the order of their likeliness, before any probe has spoken.

`diagnose.rank` weighs signs; this is the plain reading of words, used where there is nothing else and to measure how
well the words are understood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnose.parse.log.maillog import Delivery, Trouble
from diagnose.parse.pasted.evidence import Event, Said
from diagnose.parse.words.reason import Reason, likely


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A cause that texts suggest: ``score`` (9 is plain, 1 a guess), how often, and the lines that say so."""

    cause: str
    score: float
    count: int
    numbers: tuple[int, ...]
    reason: Reason


_Scores = dict[str, tuple[float, int, list[int], Reason]]


def reasons_in(event: Event) -> tuple[Reason, ...]:
    """All reasons of an event, the most telling first."""
    if isinstance(event, Delivery | Said):
        return event.reasons
    return (event.reason,) if event.reason is not None else ()


def suggest(events: Iterable[Event]) -> tuple[Suggestion, ...]:
    """Weigh all events. Harmless lines suggest nothing, unless they are all there is and name a passing state."""
    found: _Scores = {}
    harmless: _Scores = {}
    held = _Held()
    for event in events:
        for ready in held.release(event):
            _weigh(ready, found, harmless)
    for ready in held.rest():
        _weigh(ready, found, harmless)
    chosen = found or {cause: entry for cause, entry in harmless.items() if cause != "noise"}
    ordered = sorted(chosen.items(), key=lambda item: (-item[1][0] - min(item[1][1], 5) * 0.01, item[1][2][0], item[0]))
    return tuple(
        Suggestion(cause=cause, score=round(score, 2), count=count, numbers=tuple(numbers), reason=reason)
        for cause, (score, count, numbers, reason) in ordered
    )


class _Held:
    """Holds connection errors back until it is seen whether another address took the message all the same."""

    LIMIT = 500

    def __init__(self) -> None:
        self._troubles: dict[str, list[Trouble]] = {}
        self._number = 0

    def release(self, event: Event) -> list[Event]:
        """Take an event, and return those that count by now."""
        if isinstance(event, Trouble) and event.reason is not None and event.reason.label.startswith("connect-"):
            self._troubles.setdefault(event.text, []).append(event)
            self._number += 1
            return self.rest() if self._number > self.LIMIT else []
        if isinstance(event, Delivery):
            held = [waiting.pop() for text in event.context if (waiting := self._troubles.get(text))]
            self._number -= len(held)
            return [event] if event.status == "sent" else [*reversed(held), event]
        return [event]

    def rest(self) -> list[Event]:
        """Return what is still held."""
        held: list[Event] = sorted(
            (each for group in self._troubles.values() for each in group), key=lambda each: each.number
        )
        self._troubles.clear()
        self._number = 0
        return held


def _weigh(event: Event, found: _Scores, harmless: _Scores) -> None:
    for place, reason in enumerate(reasons_in(event)):
        into = harmless if reason.harmless else found
        for rank, cause in enumerate(likely(reason)):
            score = reason.weight * (0.92**place) * (1.0, 0.55, 0.4, 0.3)[min(rank, 3)]
            if isinstance(event, Trouble) and event.client is not None and event.level == "info":
                score *= 0.8  # refused clients are daily business on a server that strangers can reach
            _add(into, cause, score, event.number, reason)
    if isinstance(event, Trouble) and event.reason is not None and _refused_a_program_here(event):
        _add(found, "submission-rejected", event.reason.weight + 0.1, event.number, event.reason)


def _refused_a_program_here(event: Trouble) -> bool:
    """Whether this host's SMTP server refused a client on this very host, and not for a fault of its own."""
    own_fault = {"milter-down", "disk-full", "lookup-table-broken", "table-unavailable", "content-filter-down"}
    return (
        "NOQUEUE: reject" in event.text
        and event.reason is not None
        and event.reason.label not in own_fault
        and event.client is not None
        and ("[127." in event.client or "[::1]" in event.client)
    )


def _add(into: _Scores, cause: str, score: float, number: int, reason: Reason) -> None:
    known = into.get(cause)
    if known is None:
        into[cause] = (score, 1, [number], reason)
        return
    best, count, numbers, of = known
    if len(numbers) < 20 and number not in numbers:
        numbers.append(number)
    into[cause] = (max(best, score), count + 1, numbers, reason if score > best else of)

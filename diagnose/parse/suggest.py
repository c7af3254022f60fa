"""What the texts alone suggest: causes in the order of their likeliness, before any probe has spoken.

`diagnose.rank` weighs signs; this is the plain reading of words, used where there is nothing else and to measure how
well the words are understood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnose.parse.evidence import Event, Said
from diagnose.parse.maillog import Delivery, Trouble
from diagnose.parse.reason import Reason, likely


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A cause that texts suggest: ``score`` (9 is plain, 1 a guess), how often, and the lines that say so."""

    cause: str
    score: float
    count: int
    numbers: tuple[int, ...]
    reason: Reason


def reasons_in(event: Event) -> tuple[Reason, ...]:
    """All reasons of an event, the most telling first."""
    if isinstance(event, Delivery | Said):
        return event.reasons
    return (event.reason,) if event.reason is not None else ()


def suggest(events: Iterable[Event]) -> tuple[Suggestion, ...]:
    """Weigh all events. Harmless lines suggest nothing, unless they are all there is and name a passing state."""
    found: dict[str, tuple[float, int, list[int], Reason]] = {}
    harmless: dict[str, tuple[float, int, list[int], Reason]] = {}
    everything = list(events)
    overcome = _overcome(everything)
    for event in everything:
        if id(event) in overcome:
            continue
        for place, reason in enumerate(reasons_in(event)):
            into = harmless if reason.harmless else found
            for rank, cause in enumerate(likely(reason)):
                score = reason.weight * (0.92**place) * (1.0, 0.55, 0.4, 0.3)[min(rank, 3)]
                if isinstance(event, Trouble) and event.client is not None and event.level == "info":
                    score *= 0.8  # refused clients are daily business on a server that strangers can reach
                _add(into, cause, score, event.number, reason)
        if isinstance(event, Trouble) and event.reason is not None and _refused_a_program_here(event):
            _add(found, "submission-rejected", event.reason.weight + 0.1, event.number, event.reason)
    chosen = found or {cause: entry for cause, entry in harmless.items() if cause != "noise"}
    ordered = sorted(chosen.items(), key=lambda item: (-item[1][0] - min(item[1][1], 5) * 0.01, item[1][2][0], item[0]))
    return tuple(
        Suggestion(cause=cause, score=round(score, 2), count=count, numbers=tuple(numbers), reason=reason)
        for cause, (score, count, numbers, reason) in ordered
    )


def _overcome(events: list[Event]) -> set[int]:
    """The troubles (by identity) of deliveries that succeeded all the same: an address that failed before another one."""
    open_troubles: dict[str, list[Event]] = {}
    found: set[int] = set()
    for event in events:
        if isinstance(event, Trouble):
            if event.reason is not None and event.reason.label.startswith("connect-"):
                open_troubles.setdefault(event.text, []).append(event)
        elif isinstance(event, Delivery) and event.status == "sent":
            found.update(id(open_troubles[text].pop()) for text in event.context if open_troubles.get(text))
    return found


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


def _add(
    into: dict[str, tuple[float, int, list[int], Reason]], cause: str, score: float, number: int, reason: Reason
) -> None:
    known = into.get(cause)
    if known is None:
        into[cause] = (score, 1, [number], reason)
        return
    best, count, numbers, of = known
    if len(numbers) < 20 and number not in numbers:
        numbers.append(number)
    into[cause] = (max(best, score), count + 1, numbers, reason if score > best else of)

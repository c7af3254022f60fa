"""Marks failures that resolved themselves: mail that the text later reports as delivered is no problem.

A message that was deferred and then sent, an address that did not answer before the next one accepted the message, a
certificate that was not required: each is reported, marked harmless.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from diagnose.knowledge.phrases import Grip
from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.pasted.evidence import Event
from diagnose.parse.words.reason import Reason

_AGENTS = frozenset({"smtp", "lmtp", "relay"})


class Settled:
    """Holds events back until it is known whether they were resolved. Bounded: `LIMIT` are held."""

    LIMIT = 5000

    def __init__(self) -> None:
        self._held: OrderedDict[int, Event] = OrderedDict()
        self._messages: dict[tuple[str, str], list[int]] = {}
        self._lines: dict[str, list[int]] = {}
        self._next = 0
        self._demanded = False

    def read(self, events: Iterable[Event]) -> Iterator[Event]:
        """All events in order; resolved failures become harmless troubles."""
        for event in events:
            if isinstance(event, Delivery) and event.status == "sent":
                self._forgive(event)
            self._hold(event)
            while len(self._held) > self.LIMIT:
                place, oldest = self._held.popitem(last=False)
                self._forget(place, oldest)
                yield self._released(oldest)
        for event in self._held.values():
            yield self._released(event)

    def _released(self, event: Event) -> Event:
        if isinstance(event, Trouble) and event.reason is not None and _is_only_noted(event) and not self._demanded:
            return replace(event, reason=replace(event.reason, harmless=True))
        return event

    def _hold(self, event: Event) -> None:
        place = self._next
        self._next += 1
        self._held[place] = event
        self._demanded = self._demanded or _demands_certificate(event)
        if isinstance(event, Delivery):
            if event.queue_id and event.recipient:
                self._decided(event)
            if event.queue_id and event.status != "sent":
                self._messages.setdefault((event.queue_id, event.recipient or ""), []).append(place)
        elif isinstance(event, Trouble) and event.reason is not None and event.service in _AGENTS:
            self._lines.setdefault(event.text, []).append(place)

    def _decided(self, event: Delivery) -> None:
        """Mark the failure of one address of a next hop as resolved, if another one accepted or refused the message."""
        if event.status != "sent" and not any(reason.code for reason in event.reasons):
            return
        kept = []
        for place in self._messages.pop((event.queue_id or "", ""), []):
            held = self._held.get(place)
            address = held.reasons[0].peer_address if isinstance(held, Delivery) and held.reasons else None
            if isinstance(held, Delivery) and (
                event.status == "sent" or (address and f"[{address}]" not in event.text)
            ):
                self._held[place] = _passed(held, "")
            else:
                kept.append(place)  # until the message is sent
        if kept:
            self._messages[(event.queue_id or "", "")] = kept

    def _forget(self, place: int, event: Event) -> None:
        """Drop the references to an event that is no longer held, so that memory does not grow with the text."""
        if isinstance(event, Delivery):
            messages = self._messages
            key = (event.queue_id or "", event.recipient or "")
            if messages.get(key, [])[:1] == [place]:
                del messages[key]
        elif isinstance(event, Trouble) and self._lines.get(event.text, [])[:1] == [place]:
            del self._lines[event.text]

    def _forgive(self, sent: Delivery) -> None:
        places = self._messages.pop((sent.queue_id or "", sent.recipient or ""), [])
        for text in sent.context:
            places += self._lines.pop(text, [])[-1:]
        for place in places:
            held = self._held.get(place)
            if isinstance(held, Delivery):
                self._held[place] = _passed(held)
            elif isinstance(held, Trouble) and held.reason is not None:
                self._held[place] = replace(held, reason=replace(held.reason, harmless=True))


def _passed(delivery: Delivery, after: str = "delivered at a later attempt, after: ") -> Trouble:
    reason = delivery.reason or Reason(label="noise", text=delivery.text, grip=Grip.HINT)
    return Trouble(
        at=delivery.at,
        service=delivery.service,
        pid=None,
        text=delivery.text,
        reason=replace(reason, harmless=True, text=f"{after}{reason.text}"),
        queue_id=delivery.queue_id,
        number=delivery.number,
    )


def _is_only_noted(event: Trouble) -> bool:
    """Whether a line reports an unverified certificate on port 25, where mail goes through all the same."""
    return (
        event.level == "info"
        and event.reason is not None
        and "certificate verification failed for " in event.text
        and event.reason.peer_port == 25
    )


def _demands_certificate(event: Event) -> bool:
    """Whether a certificate held up mail."""
    if isinstance(event, Delivery):
        return event.status != "sent" and any("certificate" in reason.label for reason in event.reasons)
    return isinstance(event, Trouble) and "Server certificate not " in event.text

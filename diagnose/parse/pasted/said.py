"""Events of a pasted text that are not from a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.words.reason import Reason, reasons_in
from diagnose.record import frozen


@frozen
class Said:
    """A statement about mail that is not a log line. ``number`` and ``last`` are its lines (1 is the first).

    ``source`` is "reply" (a server's), "dialogue", "bounce", "delay" (a report of further attempts), "queue",
    "program", "settings" (pasted ones), "quote" (in a sentence) or "text".
    """

    source: str
    number: int
    last: int
    text: str
    reasons: tuple[Reason, ...]
    recipient: str | None = None
    sender: str | None = None
    queue_id: str | None = None


Event = Delivery | Trouble | Said


def informative(events: Iterable[Event]) -> Iterator[Event]:
    """The events; one that says only that mail was not sent, if no other has a reason."""
    little: Event | None = None
    told = False
    for event in events:
        labels = {each.label for each in reasons_in(event)}
        if labels == {"app-send-failed"}:
            little = little or event
            continue
        told = told or bool(labels)
        yield event
    if little is not None and not told:
        yield little

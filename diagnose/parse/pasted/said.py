"""Events of a pasted text that are not from a log."""

from __future__ import annotations

from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.words.reason import Reason
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

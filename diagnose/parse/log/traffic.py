"""How many messages of an hour went to a domain, and what became of them."""

from __future__ import annotations

from diagnose.parse.log.mail_event import Delivery


class Traffic:
    """``hours`` maps (hours since 1970, recipients' domain) to messages by what became of them: "" for those that left, else
    the label of why they were deferred. Its memory is bounded by `HOURS` and `MESSAGES`."""

    HOURS = 5000
    MESSAGES = 40_000

    def __init__(self) -> None:
        self.hours: dict[tuple[int, str], dict[str, int]] = {}
        self._attempted: set[int] = set()

    def count(self, delivery: Delivery) -> None:
        """A message counts once an hour, however often it is tried."""
        if delivery.at is None or not delivery.domain or not (delivery.left or delivery.status == "deferred"):
            return
        key = (int(delivery.at.timestamp()) // 3600, delivery.domain)
        one = hash((*key, delivery.queue_id, delivery.recipient, delivery.left))
        if one in self._attempted or (len(self.hours) >= self.HOURS and key not in self.hours):
            return
        if len(self._attempted) < self.MESSAGES:
            self._attempted.add(one)
        label = "" if delivery.left else delivery.reasons[0].label if delivery.reasons else "unknown"
        counts = self.hours.setdefault(key, {})
        counts[label] = counts.get(label, 0) + 1

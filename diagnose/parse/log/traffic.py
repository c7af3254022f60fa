"""Messages per hour and recipient domain, sent or deferred."""

from __future__ import annotations

from diagnose.parse.log.mail_event import Delivery


class Traffic:
    """``hours`` maps (hours since 1970, recipient domain) to counts of messages by outcome: "" for sent to a remote
    server, else the label of the reason for deferral. Bounded by `HOURS` and `MESSAGES`."""

    HOURS = 5000
    MESSAGES = 20_000

    def __init__(self) -> None:
        self.hours: dict[tuple[int, str], dict[str, int]] = {}
        self._outcomes: dict[int, str] = {}

    def count(self, delivery: Delivery) -> None:
        """Count a delivery. A recipient of a message counts once an hour, however often it is tried; as sent, if it
        finally was."""
        if (
            delivery.at is None
            or not 0 < len(delivery.domain) < 254
            or not (delivery.left or delivery.status == "deferred")
        ):
            return
        key = (int(delivery.at.timestamp()) // 3600, delivery.domain)
        if key not in self.hours and len(self.hours) >= self.HOURS:
            return
        label = "" if delivery.left else delivery.reasons[0].label if delivery.reasons else "unknown"
        message = hash((*key, delivery.queue_id, delivery.recipient))
        counted = self._outcomes.get(message)
        if counted is not None and (not counted or label):
            return
        if counted is not None or len(self._outcomes) < self.MESSAGES:
            self._outcomes[message] = label
        counts = self.hours.setdefault(key, {})
        counts[label] = counts.get(label, 0) + 1
        if counted:
            counts[counted] -= 1

"""Finds the messages of mailers other than Postfix in their log, by address, queue id or message id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from diagnose.parse.log.mail_event import Delivery
from diagnose.parse.log.story import Step, Story, attempt
from diagnose.parse.mailers.log import Arrived, Reader
from diagnose.patterns import late

_WORD = late(r"[\w.-]{6,40}")


class Follower:
    """Collects the messages of `who` while a log is read; `lines`: those of their attempts.

    who: an address, a local part, a queue id or a message id. recipient: whose mail counts, too, where the mailer logs no
    message id; "" for nobody.
    """

    def __init__(self, reader: Reader, who: str, recipient: str = "") -> None:
        self._reader, self._who, self._recipient = reader, who.strip().strip("<>").lower(), recipient.lower()
        self._found: OrderedDict[str, Story] = OrderedDict()
        self.lines: list[str] = []

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            for event in self._reader.feed(line):
                if isinstance(event, Delivery) and self._take(event):
                    self.lines.append(line)

    def stories(self) -> list[Story]:
        """The messages in the order of their last attempts, those without any behind them."""
        for id, arrived in self._reader.arrived.items():
            if id not in self._found and self._about(id, arrived, []):
                self._found[id] = _begun(id, arrived)
        return list(self._found.values())

    def _take(self, event: Delivery) -> bool:
        id, reader = event.queue_id or "", self._reader
        arrived = reader.arrived.get(id) or Arrived(sender=event.sender)
        if not self._about(id, arrived, (event.recipient or ("" if id else self._recipient)).lower().split(",")):
            return False
        key = id or f"line {reader.log.lines}"
        story = self._found.setdefault(key, _begun(id, arrived))
        if "retry time not reached" in event.text and event.recipient in story.recipients:
            return True  # no attempt: the last one says why
        step = attempt(story, event)
        # Sendmail's submission program hands a message to the daemon, whose reply names the message's new id.
        child = next((word for word in _WORD.findall(event.text) if word != id and word in reader.arrived), "")
        if child and event.status == "sent":
            story.kin.append(("queued as", child))
            step = story.recipients[step.recipient] = replace(step, child=child)
        story.steps.append(step)
        self._found.move_to_end(key)
        return True

    def _about(self, id: str, arrived: Arrived, recipients: list[str]) -> bool:
        addresses = [(arrived.sender or "").lower(), *recipients]
        names = {id.lower(), arrived.message_id.lower(), *addresses, *(each.partition("@")[0] for each in addresses)}
        return self._who in names or (self._recipient in {*recipients} - {""} and not arrived.message_id)


def _begun(id: str, arrived: Arrived) -> Story:
    story = Story(queue_id=id, sender=arrived.sender, message_id=arrived.message_id)
    if arrived.at is not None:
        sender = f", from <{arrived.sender}>" if arrived.sender is not None else ""
        story.steps.append(Step(at=arrived.at, kind="handed-over", text=f"accepted{sender}"))
    return story

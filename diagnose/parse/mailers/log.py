"""Logs of Exim, msmtp, nullmailer, Sendmail, OpenSMTPD and the like, summarised in the same form as Postfix's."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from diagnose.parse.log.logline import Line, parse
from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.log.maillog import MailLog
from diagnose.parse.pasted import other_mta
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

_MESSAGES = 20_000
_ARRIVED = late(r"(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) <= (?P<sender>\S+)")
_FROM = late(r"(?P<id>[0-9A-Za-z]{8,16}): from=<?(?P<sender>[^>,\s]*)")
_STARTING = late(r"Starting delivery: host: (?P<host>\S+) protocol: \S+ file: (?P<file>\S+)")
_WHOSE = late(r"From: <(?P<sender>[^>]*)> to: (?P<to><.*)")
_SAID = late(r"(?:smtp|qmqp): (?P<how>Failed|Succeeded): (?P<text>.*)")
_ENDED = late(r"Sending failed: *(?P<text>.*)|(?P<sent>Sent file\.)")


# Labels for errors of any program; in a mailer's own log they concern its relay.
_ITS_OWN = {
    "app-tls-mismatch": "starttls-required",
    "app-credentials-rejected": "relay-credentials-rejected",
    "app-certificate-untrusted": "certificate-not-trusted",
    "app-host-not-found": "relay-name-not-found",
    "app-read-timeout": "session-timeout",
    "app-smtp-unreachable": "remote-server-unreachable",
    "app-connect-failed": "remote-server-unreachable",
    "app-config-invalid": "mailer-config-error",
}


def _as_mailers(reason: Reason) -> Reason:
    return replace(reason, label=_ITS_OWN.get(reason.label, reason.label))


class Reader:
    """Reads a log line by line; `log` holds the totals, `last` the newest reason by (queue id, recipient). port: the
    next hop's, which Exim does not log."""

    def __init__(self, now: datetime, port: int = 25) -> None:
        self.log = MailLog(now)
        self._port = port
        self.last: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._senders: OrderedDict[str, str] = OrderedDict()
        self._null = _Nullmailer()

    def feed(self, text: str) -> Iterator[Delivery | Trouble]:
        line = parse(text, self.log.now)
        if line is None:
            return
        self.log.lines += 1
        if arrived := _ARRIVED.search(text) or _FROM.search(text):
            self._senders[arrived["id"]] = "" if arrived["sender"] == "<>" else arrived["sender"]
            if len(self._senders) > _MESSAGES:
                self._senders.popitem(last=False)
            return
        for event in self._events(text, line):
            if isinstance(event, Delivery):
                if event.sender is None:
                    event = replace(event, sender=self._senders.get(event.queue_id or ""))
                event = replace(event, reasons=tuple(map(_as_mailers, event.reasons)))
                self._remember(event)
            self.log.count(event)
            yield event

    def _events(self, text: str, line: Line) -> Iterator[Delivery | Trouble]:
        number = self.log.lines
        if (line.service or "").startswith("nullmailer"):
            yield from self._null.feed(line, number)
        elif (event := other_mta.read(text, number, line.at, self._port)) is not None:
            yield event

    def _remember(self, event: Delivery) -> None:
        key = (event.queue_id or "", (event.recipient or "").lower())
        reason = event.reasons[0].text if event.reasons else event.text
        if event.status != "sent" and event.queue_id:
            if not re.search("retry time not reached", event.text) or key not in self.last:
                self.last[key] = reason
            if len(self.last) > _MESSAGES:
                self.last.popitem(last=False)


class _Nullmailer:
    """Joins nullmailer-send's lines of one attempt into deliveries."""

    def __init__(self) -> None:
        self.host = self.file = self.text = ""
        self.sender: str | None = None
        self.recipients: list[str] = []

    def feed(self, line: Line, number: int) -> Iterator[Delivery]:
        if found := _STARTING.search(line.text):
            self.host, self.file, self.text, self.recipients = found["host"], found["file"], "", []
        elif found := _WHOSE.search(line.text):
            self.sender, self.recipients = found["sender"], re.findall(r"<([^>]*)>", found["to"])
        elif found := _SAID.search(line.text):
            self.text = found["text"]
        elif found := _ENDED.search(line.text):
            status = "sent" if found["sent"] else "deferred"
            text = " ".join(filter(None, (self.text, found["text"])))
            for to in self.recipients or [""]:
                made = other_mta.delivery(status, text, number=number, at=line.at, to=to, host=self.host)
                yield replace(made, sender=self.sender, queue_id=self.file, service="smtp")


def read(lines: Iterable[str], now: datetime, port: int = 25) -> Reader:
    """Read a whole log."""
    reader = Reader(now, port)
    for line in lines:
        for _ in reader.feed(line):
            pass
    return reader


def panics(text: str, now: datetime) -> list[Trouble]:
    """The lines of Exim's panic log without repetitions, the newest last."""
    found: OrderedDict[str, Trouble] = OrderedDict()
    for number, raw in enumerate(text.splitlines(), 1):
        line = parse(raw, now)
        if line is None or not line.text.strip():
            continue
        said = re.sub(r"^[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} ", "", line.text)
        found.pop(reasons_of.normalise(said), None)
        reason = reasons_of.classify(said)
        found[reasons_of.normalise(said)] = Trouble(
            at=line.at,
            service="exim",
            pid=None,
            text=reasons_of.mask(said[:500]),
            reason=reason,
            level="panic",
            number=number,
        )
    return list(found.values())

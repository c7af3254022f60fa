"""Logs of Exim, msmtp, nullmailer, Sendmail, OpenSMTPD and the like, summarised in the same form as Postfix's."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from diagnose.parse.log.logline import Line, parse
from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.log.maillog import MailLog
from diagnose.parse.pasted import other_mta
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late
from diagnose.record import dataclass

_MESSAGES = 20_000
_EXIM_ID = r"(?P<exim>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})"
# Sendmail, OpenSMTPD and dma name the message in other places of the line.
_ID = late(rf"(?:^| ){_EXIM_ID} |\b(?P<sendmail>[0-9A-Za-z]{{8,16}}): (?:from|to)=|\bevpid=(?P<smtpd>[0-9a-f]{{16}})")
_ARRIVED = late(
    r" <= (?P<exim>\S+)(?:.* id=(?P<exim_message>\S+))?|: from=<?(?P<sendmail>[^>,\s]*)(?:.* msgid=<?(?P<message>[^>,\s]+))?"
    r"| envelope evpid=\w+ from=<(?P<smtpd>[^>]*)>"
)
_NOTICE = late(r": (?P<id>[0-9A-Za-z]{8,16}): (?:DSN|return to sender|\w+ notify): ")  # Sendmail's bounce
_STARTING = late(r"Starting delivery: host: (?P<host>\S+) protocol: \S+ file: (?P<file>\S+)")
_WHOSE = late(r"From: <(?P<sender>[^>]*)> to: (?P<to><.*)")
_NAMED = late(r"(?i)message-id: <(?P<message>[^>]+)>")
_SAID = late(r"(?:smtp|qmqp): (?P<how>Failed|Succeeded): (?P<text>.*)")
_ENDED = late(r"Sending failed: *(?P<text>.*)|(?P<sent>Sent file\.)|(?P<late>Sending timed out)")
_DMA = late(r"\bdma\[(?P<id>[\w.]+)\]: +(?P<text>\S.*)")
_DMA_FROM = late(r"new mail from .*envelope_from=<(?P<sender>[^>]*)>")
_DMA_QUEUED = late(r"mail to=<(?P<to>[^>]*)> queued as (?P<id>\S+)")
_DMA_HOST = late(r"using smarthost \((?P<host>[^:)]+):(?P<port>\d+)\)|trying remote delivery to (?P<tried>\S+)")
_DMA_FAILED = late(
    r"connect to \S+ \[(?P<address>[^\]]*)\] failed: (?P<connect>.*)|(?P<text>(?:remote )?delivery (?:failed|deferred|to \S+ .*failed).*|SMTP login failed.*)"
)
_SSMTP_SENT = late(r"Sent mail for (?P<sender>\S+) \((?P<text>.*)\) uid=")
_SSMTP_BUSY = late(r"(?:Set |Creating SSL|SSL connection using|RCPT TO|Rewr|Sender)")


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
    "near-server-down": "smtp-listener-missing",  # its own daemon
}


def as_mailers(reason: Reason) -> Reason:
    """The reason under the label that it has where the mailer itself says it."""
    return replace(reason, label=_ITS_OWN.get(reason.label, reason.label))


@dataclass(kw_only=True)
class Arrived:
    """A message that the mailer accepted. message_id: without brackets, "" if not logged."""

    at: datetime | None = None
    sender: str | None = None
    message_id: str = ""


class Reader:
    """Reads a log line by line; `log` holds the totals, `last` the newest reason by (queue id, recipient), `arrived`
    the messages by queue id. host, port: the next hop's, which some mailers do not log."""

    def __init__(self, now: datetime, port: int = 25, host: str = "") -> None:
        self.log = MailLog(now)
        self._port, self._host = port, host
        self.last: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.arrived: OrderedDict[str, Arrived] = OrderedDict()
        self._notes: OrderedDict[str, Delivery] = OrderedDict()
        self._null, self._dma = _Nullmailer(self._arrival, port), _Dma(self._arrival)

    def feed(self, text: str) -> Iterator[Delivery | Trouble]:
        line = parse(text, self.log.now)
        if line is None:
            return
        self.log.lines += 1
        found = _ID.search(text)
        id = next(filter(None, found.groups()), "") if found else ""
        if id and (arrived := _ARRIVED.search(text)):
            sender = arrived["exim"] or arrived["sendmail"] or arrived["smtpd"] or ""
            message = arrived["exim_message"] or arrived["message"] or ""
            self._arrival(id, line.at, "" if sender == "<>" else sender, message)
            return
        if notice := _NOTICE.search(text):
            self._arrival(notice["id"], line.at, "", "")
            return
        for event in self._events(text, line, id):
            if isinstance(event, Delivery):
                if event.sender is None and (known := self.arrived.get(event.queue_id or "")):
                    event = replace(event, sender=known.sender)
                event = replace(event, reasons=tuple(self._at_hop(event, each) for each in event.reasons))
                self._remember(event)
            self.log.count(event)
            yield event

    def _at_hop(self, event: Delivery, reason: Reason) -> Reason:
        """The reason with the next hop's port, where the line does not tell it."""
        reason = as_mailers(reason)
        mine = reason.peer_port == 25 and event.relay_host in (None, "", self._host)
        return replace(reason, peer_port=self._port) if mine else reason

    def _arrival(self, id: str, at: datetime | None, sender: str | None, message_id: str) -> None:
        known = self.arrived.setdefault(id, Arrived(at=at))
        known.sender = known.sender if sender is None else sender
        known.message_id = message_id.strip("<>") or known.message_id
        if len(self.arrived) > _MESSAGES:
            self.arrived.popitem(last=False)

    def _events(self, text: str, line: Line, id: str) -> Iterator[Delivery | Trouble]:
        number = self.log.lines
        service = (line.service or "").lower()
        if service.startswith("nullmailer"):
            yield from self._null.feed(line, number)
        elif dma := _DMA.search(text):
            yield from self._dma.feed(dma["id"], dma["text"], line.at, number)
        elif service == "ssmtp":
            yield from self._of_ssmtp(line, number)
        elif noted := other_mta.note(text, number, line.at, self._port):
            self._notes[id] = noted
            if len(self._notes) > _MESSAGES:
                self._notes.popitem(last=False)
        elif (event := other_mta.read(text, number, line.at, self._port)) is not None:
            if isinstance(event, Delivery):
                event = replace(event, queue_id=event.queue_id or id or None)
                noted = self._notes.get(id)
                if noted and event.status != "sent" and _of_one_attempt(noted.at, event.at):
                    event = replace(event, reasons=(*noted.reasons, *event.reasons), context=(noted.text,))
            yield event

    def _of_ssmtp(self, line: Line, number: int) -> Iterator[Delivery]:
        """sSMTP has no queue: a message is sent, or refused with the one line that says why."""
        if sent := _SSMTP_SENT.match(line.text):
            made = other_mta.delivery("sent", sent["text"], number=number, at=line.at, host=self._host)
            yield replace(made, sender=sent["sender"], service="smtp")
        elif not _SSMTP_BUSY.match(line.text):
            words = other_mta.words_of(line)
            made = other_mta.delivery("bounced", words, number=number, at=line.at, host=self._host, port=self._port)
            tag = words.removesuffix(line.text)
            reasons = tuple(replace(each, text=each.text.removeprefix(tag)) for each in made.reasons)
            yield replace(made, text=made.text.removeprefix(tag), reasons=reasons)

    def _remember(self, event: Delivery) -> None:
        key = (event.queue_id or "", (event.recipient or "").lower())
        reason = event.reasons[0].text if event.reasons else event.text
        if event.status != "sent" and event.queue_id:
            if not re.search("retry time not reached", event.text) or key not in self.last:
                self.last[key] = reason
            if len(self.last) > _MESSAGES:
                self.last.popitem(last=False)


def _of_one_attempt(note: datetime | None, outcome: datetime | None) -> bool:
    return note is None or outcome is None or outcome - note < timedelta(minutes=1)


_Arrival = Callable[[str, "datetime | None", "str | None", str], None]


class _Nullmailer:
    """Joins nullmailer-send's lines of one attempt into deliveries."""

    def __init__(self, arrival: _Arrival, port: int) -> None:
        self.host = self.file = self.text = ""
        self.sender: str | None = None
        self.recipients: list[str] = []
        self._arrival, self._port = arrival, port

    def feed(self, line: Line, number: int) -> Iterator[Delivery]:
        if found := _STARTING.search(line.text):
            self.host, self.file, self.text, self.recipients = found["host"], found["file"], "", []
        elif found := _WHOSE.search(line.text):
            self.sender, self.recipients = found["sender"], re.findall(r"<([^>]*)>", found["to"])
            self._arrival(self.file, line.at, self.sender, "")
        elif found := _NAMED.search(line.text):
            self._arrival(self.file, line.at, None, found["message"])
        elif found := _SAID.search(line.text):
            self.text = found["text"]
        elif found := _ENDED.search(line.text):
            status = "sent" if found["sent"] else "deferred"
            text = " ".join(filter(None, (self.text, found["text"], found["late"])))
            for to in self.recipients or ([""] if self.file else []):  # none at the log's beginning
                made = other_mta.delivery(
                    status, text, number=number, at=line.at, to=to, host=self.host, port=self._port
                )
                yield replace(made, sender=self.sender, queue_id=self.file, service="smtp")


class _Dma:
    """Joins dma's lines of one message, which each have its id in the place of the process's, into deliveries."""

    def __init__(self, arrival: _Arrival) -> None:
        self.sender: str | None = None
        self.recipients: OrderedDict[str, str] = OrderedDict()
        self.hosts: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._arrival = arrival

    def feed(self, id: str, text: str, at: datetime | None, number: int) -> Iterator[Delivery]:
        if found := _DMA_FROM.match(text):
            self.sender = found["sender"]
        elif found := _DMA_QUEUED.match(text):
            self.recipients[found["id"]] = found["to"]
            self._arrival(found["id"], at, self.sender, "")
        elif found := _DMA_HOST.match(text):
            if id not in self.hosts or found["host"]:
                self.hosts[id] = (found["host"] or found["tried"], found["port"] or "25")
        elif "delivery successful" in text or (found := _DMA_FAILED.match(text)):
            host, port = self.hosts.get(id, ("", "25"))
            status = "deferred" if found else "sent"
            if found and found["connect"]:
                text = other_mta.connecting(host, found["address"], port, found["connect"])
            made = other_mta.delivery(status, text, number=number, at=at, to=self.recipients.get(id), host=host)
            yield replace(made, queue_id=id, service="smtp")
        for each in (self.recipients, self.hosts):
            if len(each) > _MESSAGES:
                each.popitem(last=False)


def read(lines: Iterable[str], now: datetime, port: int = 25, host: str = "") -> Reader:
    """Read a whole log."""
    reader = Reader(now, port, host)
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

"""Reads Postfix's log into deliveries and troubles: related lines are joined, ordinary ones left out.

A status line often quotes only the last address tried, or says "local data error" after a line that named the
missing table. So the preceding lines of the same smtp process are read with it.

Memory is bounded: `MailLog` keeps groups, the last success of each route and a window of events, not the log.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from diagnose.knowledge.phrases import Grip
from diagnose.knowledge.smtp import OWN_HELO
from diagnose.parse.log import ordinary
from diagnose.parse.log.fields import STATUSES, fields
from diagnose.parse.log.logline import Line, parse
from diagnose.parse.log.mail_event import Delivery, E, Group, Start, Trouble
from diagnose.parse.log.traffic import Traffic
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late
from diagnose.record import dataclass

_RELAY = late(r"(?P<host>[^\[\]]+)\[(?P<address>[^\]]*)\](?::(?P<port>\d{1,5}))?")
_STARTED = late(r"(?P<what>daemon started|reload) -- version (?P<version>[\w.-]+)")
CLIENT = late(r"(?:^(?:[A-Z ]{4,30} )?| from )(?P<client>[^\s\[\]]*\[(?:IPv6:)?[0-9A-Fa-f.:]+\])")
_TURNED_AWAY = late(r"(?:milter-|proxy-)?(?:reject|discard): ")
_LOGGED_IN = ("sasl_username=", "not owned by user ")
_NEAR = late(r"\[(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|::1\]|f[cde])", re.IGNORECASE)
_DEBUGGING = late(r"[a-z][a-z0-9]*_[a-z0-9_]+: |[<>] \S+\[[^\]]*\](?::\d+)?: ")  # output of -v: functions, dialogue
_FROM_STRANGERS = {"tls-protocol-mismatch", "tls-handshake-failed", "tls-wrong-version", "certificate-not-trusted"}
_AT_THE_DOOR = ordinary.SERVERS | {"cleanup", None}
_AGENTS = frozenset({"smtp", "lmtp", "relay", "submission", "cleanup"})  # cleanup(8) bounces what a milter rejects
_suspended = partial(Reason, label="delivery-suspended-by-config", grip=Grip.NAMES)
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass
class _Process:
    """What one process logged since its last status line."""

    lines: list[str] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)


class MailLog:
    """Reads a log line by line. `feed` returns the event that a line completes; the totals are attributes.

    ``deliveries`` maps (label, relay host, recipient domain) to its `Group` of failures; ``troubles`` maps (label,
    service, normalised text) to its `Group`; ``sent`` maps (service, relay host, relay port) to the time of the last
    success, ``sent_to`` maps recipient domains to it, ``taken`` recipients; ``statuses`` counts deliveries by
    status; ``starts`` are the last starts of Postfix; ``traffic`` counts by hour and domain; ``outward`` counts
    deliveries to other hosts; ``delivered_here`` maps (service, recipient domain) to the last success that did not
    leave this host; ``last_mail`` and ``last_sent`` are the time and line number of the last success other than a
    bounce, ``last_accepted`` is the line number of the last message that smtpd(8) accepted.
    """

    LIMIT = 500
    PROCESSES = 2000
    MESSAGES = 20_000

    def __init__(self, now: datetime) -> None:
        self.now = now if now.tzinfo else now.astimezone()
        self.deliveries: dict[tuple[str, str, str], Group[Delivery]] = {}
        self.troubles: dict[tuple[str, str, str], Group[Trouble]] = {}
        self.sent: OrderedDict[tuple[str, str, int | None], datetime | None] = OrderedDict()
        self.sent_to: OrderedDict[str, datetime | None] = OrderedDict()
        self.taken: OrderedDict[str, datetime | None] = OrderedDict()
        self.delivered_here: OrderedDict[tuple[str, str], datetime | None] = OrderedDict()
        self.statuses: dict[str, int] = {}
        self.outward = 0  # deliveries to other hosts
        self.traffic = Traffic()
        self.starts: list[Start] = []
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.lines = 0
        self.last_sent = 0
        self.last_mail: datetime | None = None
        self.last_accepted = 0
        self._client = ""
        self._tls_lines = 0
        self._senders: OrderedDict[str, str] = OrderedDict()
        self._processes: OrderedDict[tuple[str | None, int | None], _Process] = OrderedDict()

    def feed(self, line: str) -> tuple[Delivery | Trouble, ...]:
        """Read one line; returns the delivery or trouble that it completes, usually none."""
        self.lines += 1
        if not _worth(line):
            if ": client=" in line:
                self._client, self.last_accepted = line, self.lines
            return ()
        parsed = parse(line, self.now)
        return self.take(parsed) if parsed is not None else ()

    def take(self, line: Line) -> tuple[Delivery | Trouble, ...]:
        """Like `feed`, for a parsed line."""
        if line.at is not None:
            self.first = self.first or line.at
            self.last = line.at if self.last is None or line.at > self.last else self.last
        if "status=" in line.text:
            delivery = self._delivery(line)
            if delivery is not None:
                self._count(delivery)
                return (delivery,)
        return self._other(line)

    def count(self, event: Delivery | Trouble) -> None:
        """Count an event of another mailer's log (`diagnose.parse.mailers.log`)."""
        if isinstance(event, Delivery):
            self._count(event)
        else:
            self._count_trouble(event)

    @property
    def accepted(self) -> datetime | None:
        """When smtpd(8) last accepted a message, if it did."""
        parsed = parse(self._client, self.now) if self._client else None
        return parsed.at if parsed is not None else None

    # --- deliveries ---

    def _delivery(self, line: Line) -> Delivery | None:
        found = fields(line.text)
        status = found.get("status", "")
        if status.lower() not in STATUSES:
            return None
        if "to" not in found and "expired" in status:
            return self._expired(line, found.get("from"), status)
        text, relay = found["text"], found.get("relay")
        where = _RELAY.fullmatch(relay) if relay else None
        host = where["host"] if where else relay
        port = int(where["port"]) if where and where["port"] else None
        process = self._processes.pop((line.service, line.pid), None) or _Process()
        reasons = [] if status == "sent" else list(process.reasons)
        if status not in {"sent", "deliverable"}:
            own = reasons_of.classify(text, peer=host if where else None, service=line.service, port=port)
            if own is not None and not (reasons and line.service == "cleanup"):
                if own.label == "dns-not-found" and (found.get("dsn") == "4.3.5" or ' for name="' in text):
                    own = replace(own, label="relay-name-not-found")  # Postfix's code for a configured next hop
                elif own.label == "dns-not-found" and "@" not in found.get("orig_to", "@"):
                    # A name without a domain gets this host's ($myorigin).
                    own = replace(own, label="local-hostname-unresolvable", grip=Grip.WORD)
                reasons.append(own)
            elif line.service == "error":
                reasons.append(_suspended(text=text[:200]))
            if status == "SOFTBOUNCE":
                reasons.append(_suspended(text="soft_bounce is on"))
        elif line.service == "discard":
            reasons = [_suspended(text="discarded by the discard transport")]
        to = found.get("to", "")
        return Delivery(
            at=line.at,
            queue_id=line.queue_id,
            sender=self._senders.get(line.queue_id or ""),
            recipient=to if "@" in to else found.get("orig_to", to),  # "NEXTRCPT NOT UPDATED" is no address
            orig_to=found.get("orig_to"),
            relay_host=host,
            relay_address=where["address"] if where else None,
            relay_port=port,
            service=line.service,
            syslog_name=line.syslog_name,
            delay=_number(found.get("delay")),
            delays=tuple(part for part in map(_number, found.get("delays", "").split("/")) if part is not None),
            tls=found.get("tls"),
            dsn=found.get("dsn"),
            status=status,
            text=reasons_of.mask(text),
            context=tuple(process.lines),
            reasons=reasons_of.most_telling(reasons),
            number=self.lines,
        )

    def _expired(self, line: Line, sender: str | None, status: str) -> Delivery:
        reason = reasons_of.classify(line.text, service=line.service)
        return Delivery(
            at=line.at,
            queue_id=line.queue_id,
            sender=sender,
            recipient=None,
            service=line.service,
            syslog_name=line.syslog_name,
            status=status,
            text=line.text,
            reasons=(reason,) if reason else (),
            number=self.lines,
        )

    def _count(self, delivery: Delivery) -> None:
        self.statuses[delivery.status] = self.statuses.get(delivery.status, 0) + 1
        self.traffic.count(delivery)
        host = delivery.relay_host or "none"
        if delivery.left:
            self.outward += delivery.outward
            if delivery.sender != "":
                self.last_mail, self.last_sent = delivery.at or self.last_mail, delivery.number
            _keep(self.sent, (delivery.service or "smtp", host, delivery.relay_port), delivery.at, self.LIMIT)
            _keep(self.sent_to, delivery.domain, delivery.at, 4 * self.LIMIT)
            for address in filter(None, (delivery.recipient, delivery.orig_to)):
                _keep(self.taken, address.lower(), delivery.at, 4 * self.LIMIT)
            return
        if delivery.status in {"sent", "deliverable"}:
            _keep(self.delivered_here, (delivery.service or "", delivery.domain), delivery.at, self.LIMIT)
            return
        label = delivery.reasons[0].label if delivery.reasons else ""
        _group(self.deliveries, (label, host, delivery.domain), delivery, self.LIMIT)

    # --- everything else ---

    def _other(self, line: Line) -> tuple[Trouble, ...]:
        text = line.text
        if line.queue_id and text.startswith(("from=", "size=", "nrcpt=")):
            _keep(self._senders, line.queue_id, fields(text).get("from", ""), self.MESSAGES)
            return ()
        if OWN_HELO in text:
            return ()
        started = _STARTED.match(text)
        if started:
            self.starts.append(Start(at=line.at, version=started["version"], reload=started["what"] == "reload"))
            del self.starts[:-20]
            return ()
        if line.level == "info" and not self._telling(text):
            return ()
        reason = _meaning(line)
        if reason is None and (line.level == "info" or ordinary.is_local(line)):
            return ()
        whole = f"{line.level}: {text}" if line.level in {"fatal", "panic"} else text
        whole = f"{line.queue_id}: {whole}" if line.queue_id else whole
        found = CLIENT.search(text)
        client = found["client"] if found else None
        stranger = False
        if line.service in _AT_THE_DOOR and (reason is None or reason.label not in ordinary.OWN_FAULTS):
            # Scanners try every protocol and password and are rejected all day.
            turned_away = _TURNED_AWAY.match(text) is not None
            logged_in = turned_away and any(word in text for word in _LOGGED_IN)
            stranger = client is not None and not _NEAR.search(client) and not logged_in
            scanned = line.service is not None and reason is not None and reason.label in _FROM_STRANGERS
            if (stranger and not turned_away) or scanned:
                reason = _noise(reason, text)
            if turned_away and not stranger and reason is not None and ordinary.by_own_rule(reason.label, text):
                reason = replace(reason, label="submission-rejected")  # one of this host's own rules, on whatever basis
            stranger = stranger and turned_away
        self._remember(line, whole, reason)
        trouble = Trouble(
            at=line.at,
            service=line.service,
            pid=line.pid,
            text=reasons_of.mask(whole[:2000]),
            reason=reason,
            level=line.level,
            queue_id=line.queue_id,
            client=client,
            stranger=stranger,
            number=self.lines,
        )
        self._count_trouble(trouble)
        return (trouble,)

    def _telling(self, text: str) -> bool:
        """Whether a line of level info may report a problem. Every TLS connection logs one; the first 100 are read."""
        if "TLS connection " in text:
            self._tls_lines += 1
            return self._tls_lines <= 100
        if _DEBUGGING.match(text) and "no auth info found" not in text:
            return False
        return not text.startswith(("connect from", "disconnect from", "message-id=", "removed", "uid=", "client="))

    def _remember(self, line: Line, text: str, reason: Reason | None) -> None:
        """Keep a delivery agent's line, which explains its next status line."""
        if line.service not in _AGENTS or line.pid is None or (reason is not None and reason.label == "noise"):
            return
        key = (line.service, line.pid)
        process = self._processes.setdefault(key, _Process())
        self._processes.move_to_end(key)
        if len(process.lines) < 30:
            process.lines.append(reasons_of.mask(text[:1000]))
            if reason is not None:
                process.reasons.append(reason)
        if len(self._processes) > self.PROCESSES:
            self._processes.popitem(last=False)

    def _count_trouble(self, trouble: Trouble) -> None:
        label = trouble.reason.label if trouble.reason else ""
        key = (label, trouble.service or "", reasons_of.normalise(trouble.text)[:300])
        _group(self.troubles, key, trouble, self.LIMIT)


def _group(groups: dict[_K, Group[E]], key: _K, event: E, limit: int) -> None:
    """Count an event. Beyond `limit` groups, the smallest of the older half is dropped."""
    if (group := groups.get(key)) is not None:
        group.count += 1
        group.last = event.at or group.last
        group.sample = event
        return
    groups[key] = Group(1, event.at, event.at, event)
    if len(groups) > limit:
        del groups[min(list(groups)[: limit // 2], key=lambda each: groups[each].count)]


def read(lines: Iterable[str], now: datetime) -> MailLog:
    """Read a whole log."""
    log = MailLog(now)
    for line in lines:
        log.feed(line)
    return log


_WORTH = ("status=", "warning:", "error:", "fatal:", "panic:", "reject", "from=", "said:", "version ", "connect to ", "lost connection with",
          "timed out", "certificate", "TLS", "SASL", "hold:", "throttl", "loops back", "not running", "refused", "PIX",
          "configuration problem", "suspended", "too many", "unavailable", "denied", "sasl", "non-delivery", "PASS ", "HANGUP",
          "TROUBLE", "Error", "Fatal", "failed", "differ", "MESSAGE", "SSL_connect", "wrappermode", "on hold", "my own hostname",
          "DENIED", "(!")  # fmt: skip
_IDLE = ("]: connect from ", "]: disconnect from ", ": client=", ": message-id=", ": removed")  # most of a log


def _worth(line: str) -> bool:
    """Whether a line is worth parsing: most lines of a busy log are not."""
    return "status=" in line or (not _any(_IDLE, line) and _any(_WORTH, line))


def _any(words: tuple[str, ...], line: str) -> bool:
    for word in words:  # noqa: SIM110 - twice as fast as any()
        if word in line:
            return True
    return False


def _meaning(line: Line) -> Reason | None:
    """The reason in a line other than a delivery, in the words of its program or of a server it quotes; None if it
    reports no problem."""
    if ordinary.is_local(line):
        inner = ordinary.postfix_text(line)
        return reasons_of.classify(inner, own=True) if inner else ordinary.said(line)
    if ordinary.is_daily(line):
        return _noise(None, line.text)
    if ordinary.postfix_asks_itself(line):
        return Reason(label="daemon-failed", text=line.text[:300], grip=Grip.TOPIC)
    text = f"{line.level}: {line.text}" if line.level in {"fatal", "panic"} else line.text
    return reasons_of.classify(text, service=line.service, own=ordinary.is_postfix(line))


def _noise(reason: Reason | None, text: str) -> Reason:
    reason = reason or Reason(label="noise", text=reasons_of.mask(text[:300]), grip=Grip.HINT)
    return replace(reason, label="noise", harmless=True)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _keep(kept: OrderedDict[_K, _V], key: _K, value: _V, limit: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > limit:
        kept.popitem(last=False)

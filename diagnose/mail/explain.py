"""Diagnoses undelivered mail from a pasted text alone.

Nothing on the host or network is queried: events become observations, which `diagnose.rank` weighs like those of `run`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import TypeGuard

from diagnose import __version__, rank
from diagnose.knowledge import phrases
from diagnose.knowledge.phrases import Grip
from diagnose.model import (
    Confidence,
    Data,
    Diagnosis,
    HostInfo,
    Observation,
    Observations,
    Outcome,
    Report,
    Run,
    Status,
    Strength,
    Target,
)
from diagnose.parse.log.current import OF_CONNECTING
from diagnose.parse.log.senders import Senders, no_such
from diagnose.parse.log.settled import Settled
from diagnose.parse.pasted import reference, subject
from diagnose.parse.pasted.evidence import Delivery, Event, Said, Trouble, read_lines
from diagnose.parse.system import own_network
from diagnose.parse.words.reason import Reason, reasons_in
from diagnose.patterns import late
from diagnose.record import dataclass
from diagnose.statement import counted, fail, ok, stamped, unknown

_KINDS = 300  # kinds of failure kept
_HARMLESS_SHOWN = 8
_MANY = 3  # clients rejected for so many reasons: anybody's
_POSSIBLE = 4  # merely possible diagnoses kept
_FINE = frozenset({"sent", "deliverable"})


@dataclass
class _Kind:
    """All events with one label and destination: the first one, its reason, and their number."""

    event: Event
    reason: Reason | None
    count: int = 1
    stranger: bool = False


@dataclass
class Collected:
    """The events of a text, grouped in bounded memory. events: number of all; fine: of successful deliveries."""

    events: int = 0
    fine: int = 0
    _kinds: dict[tuple[str, str, bool], _Kind] = field(default_factory=dict)
    _strangers: list[Trouble] = field(default_factory=list)
    _scanners: set[str] = field(default_factory=set)
    _failed: int = 0
    _reached: dict[str, int] = field(default_factory=dict)  # domains whose servers took mail, and the last such line
    _senders: Senders = field(default_factory=Senders)

    def read(self, events: Iterable[Event]) -> None:
        """Reads all events; to be called once.

        Rejected clients from the Internet are normal, and count only if the text has nothing else.
        """
        for event in Settled().read(events):
            self._take(event)
        if not self.fine and self._strangers and not self._scanned() and not any(map(_accuses, self._kinds.values())):
            # Nothing else: the client may be a spammer, or a wanted sender.
            for kind in self._kinds.values():
                if "Relay access denied" in kind.event.text:
                    continue  # a probe for an open relay
                if kind.stranger and kind.reason is not None:
                    kind.reason = replace(kind.reason, grip=Grip.HINT)
                kind.stranger = False
        sensed = {
            key for key, kind in self._kinds.items() if kind.reason is not None and kind.reason.grip == Grip.SENSE
        }
        told = (kind for key, kind in self._kinds.items() if key not in sensed and _accuses(kind))
        if self.fine or any(kind.reason is None or kind.reason.grip > Grip.TOPIC for kind in told):
            for key in sensed:  # a guess, for use without other evidence
                del self._kinds[key]
        if self.fine and not self._failed:
            self._pass_over_notes()
        if any(label == "app-config-not-applied" for label, _, _ in self._kinds):
            for kind in self._kinds.values():
                if kind.reason is not None and kind.reason.program and _source(kind.event) != "settings":
                    kind.reason = replace(kind.reason, grip=Grip.HINT)  # about the server used before the change

    def judge(self, lines: list[str]) -> None:
        """Marks all as harmless if the text explains failures in general, or ends with the failure mended; reply codes
        if it shows another protocol. lines: the first of the text."""
        accusing = [kind for kind in self._kinds.values() if kind.reason is not None and _accuses(kind)]
        text = "\n".join(lines)
        if accusing and not (reference.is_solved(text) or _explained(accusing, text, lines)):
            accusing = [kind for kind in accusing if _is_anybodys(kind.reason) and subject.is_another_protocols(text)]
        for kind in accusing:
            if kind.reason is not None:
                kind.reason = replace(kind.reason, harmless=True)

    def _pass_over_notes(self) -> None:
        """Marks programs' remarks and quoted text as harmless; for a text in which mail flows and none fails."""
        for kind in self._kinds.values():
            remark = isinstance(kind.event, Trouble) and kind.reason is not None and kind.reason.grip <= Grip.WORD
            if kind.reason is not None and (remark or _source(kind.event) == "quote"):
                kind.reason = replace(kind.reason, harmless=True)

    def observations(self, numbered: bool = True) -> Observations:
        """One or two for each kind: failed, unknown if the text is not recognised, ok if harmless; and one for a
        sender of spam."""
        far = [kind for kind in self._kinds.values() if kind.reason is not None and kind.reason.label in OF_CONNECTING]
        several = len({_subject(kind.event) for kind in far} - {""}) > 1
        here = [kind for kind in self._kinds.values() if _refused_a_program_here(kind.event)]
        replies = [kind.reason.text for kind in here if kind.reason is not None]
        for kind in self._kinds.values():
            # Skips a program's own line that repeats the reply of this host's server.
            if kind in here or kind.reason is None or not any(reply in kind.reason.text for reply in replies):
                near = kind in far
                flags: Data = {"several": several and near, "alone": near and self._alone(kind.event)}
                yield from _observations(kind, numbered, flags)
        if (sender := self._senders.worst()) is not None:
            text = f"sent to {counted(sender.recipients, 'recipient')} at {counted(len(sender.domains), 'domain')}"
            text += f", {sender.gone} of which do not exist" if sender.gone else ""
            yield fail("mail.sending-spam", sender.name, text, sender=sender.name, count=sender.recipients)

    def _alone(self, event: Event) -> bool:
        """Whether another domain's server took mail since."""
        return any(domain != _subject(event) and at > event.number for domain, at in self._reached.items())

    def _take(self, event: Event) -> None:
        self.events += 1
        if isinstance(event, Delivery) and event.sender:
            self._senders.count(
                f"sender {event.sender}", event.domain, event.status == "bounced" and no_such(event.dsn or "")
            )
        if isinstance(event, Delivery) and event.status in _FINE and not event.reasons:
            self.fine += 1
            if event.left and len(self._reached) < _KINDS:
                self._reached[event.domain] = event.number
            return
        stranger = isinstance(event, Trouble) and event.stranger
        self._failed += not isinstance(event, Trouble) and _source(event) != "quote"
        if len(self._scanners) < _KINDS and _scans(event):
            self._scanners.add(event.client or "")
        self._keep(event, stranger)
        if isinstance(event, Trouble) and stranger and len(self._strangers) < _KINDS and not _listed(event):
            self._strangers.append(event)

    def _scanned(self) -> bool:
        """Whether other clients scanned this host, or many were rejected for many reasons: all are scanners then."""
        clients = {event.client for event in self._strangers}
        why = {event.reason.label for event in self._strangers if event.reason is not None}
        return bool(self._scanners - clients) or min(len(clients), len(why)) >= _MANY

    def _keep(self, event: Event, stranger: bool) -> None:
        reasons = reasons_in(event)
        if not reasons and not _alarming(event):
            return
        for reason in reasons or (None,):
            harmless = stranger or (reason is not None and reason.harmless)
            label = reason.entry if reason is not None and harmless else reason.label if reason is not None else ""
            key = (label or "", _subject(event) if not harmless else "", harmless)
            known = self._kinds.get(key)
            if known is not None:
                known.count += 1
                if known.reason is not None and reason is not None and known.reason.grip == Grip.SENSE < reason.grip:
                    known.event, known.reason = event, reason
            elif len(self._kinds) < _KINDS:
                self._kinds[key] = _Kind(event, reason, stranger=stranger)


def explain(lines: Iterable[str | bytes], name: str, now: datetime, *, numbered: bool = True) -> Report:
    """The report on a text. name: of its source; now: for timestamps without a year; numbered: observations name
    their line."""
    began = time.monotonic()
    collected = Collected()
    counted = reference.Overview(lines)
    collected.read(read_lines(counted, now))
    collected.judge(counted.first)
    observations = tuple(collected.observations(numbered))
    diagnoses = brief(rank.diagnose_words(observations))
    outcome, reason = Outcome.COMPLETED, ""
    if not diagnoses and any(seen.sign == "mail.unknown" for seen in observations):
        outcome, reason = Outcome.SKIPPED, "it reports failures in words that this tool does not know"
    elif not collected.events and (counted.binary or not counted.mail):
        what = "the line is not" if counted.lines == 1 else f"none of the {counted.lines} lines is"
        outcome, reason = Outcome.SKIPPED, "it is not text" if counted.binary else f"{what} about mail"
        observations = (unknown("explain.text", name, f"{reason}, as far as this tool knows"),)
    run = Run(
        check="explain",
        title=name,
        outcome=outcome,
        observations=observations,
        seconds=round(time.monotonic() - began, 3),
        reason=reason,
    )
    return Report(
        version=__version__,
        host=HostInfo(network=False),
        target=_target(diagnoses),
        started=now.replace(microsecond=0),
        seconds=time.monotonic() - began,
        runs=(run,),
        diagnoses=diagnoses,
        notes=_notes(diagnoses, observations) if numbered else (),
    )


def about(report: Report) -> tuple[str, ...]:
    """The heading of the text report: source and number of failures."""
    (run,) = report.runs
    failures = sum(seen.status is Status.FAILED for seen in run.observations)
    harmless = sum(seen.status is Status.OK for seen in run.observations)
    parts = f"{failures} different failures" if failures > 1 else "1 failure" if failures else "no failure"
    parts += f", {counted(harmless, 'harmless line')}" if harmless else ""
    return (f"{run.title}: {parts}; nothing was contacted",)


def brief(found: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """The diagnoses without the merely possible ones beyond the first _POSSIBLE."""
    found = tuple(found)
    dropped = [d for d in found if d.confidence is Confidence.POSSIBLE][_POSSIBLE:]
    return tuple(d for d in found if d not in dropped)


# --- events as observations -----------------------------------------------------------------------------------------


def _alarming(event: Event) -> bool:
    if isinstance(event, Delivery):
        return event.status not in _FINE
    return isinstance(event, Trouble) and event.level != "info"


def _accuses(kind: _Kind) -> bool:
    may_pass = not isinstance(kind.event, Delivery)
    return not (kind.stranger or (may_pass and kind.reason is not None and kind.reason.harmless))


def _is_anybodys(reason: Reason | None) -> bool:
    """Whether a reason is known by a reply code alone, which HTTP, FTP and SIP use as well."""
    return reason is not None and reason.grip <= Grip.CODE and reason.enhanced is None and reason.code is not None


def _source(event: Event) -> str:
    return event.source if isinstance(event, Said) else "log"


def _explained(accusing: list[_Kind], text: str, lines: list[str]) -> bool:
    """Whether a text only explains the failures."""
    events = [kind.event for kind in accusing]
    named_in = [line for each in events for line in lines[each.number - 1 : getattr(each, "last", each.number)]]
    reasons = [kind.reason for kind in accusing if kind.reason is not None]
    at_server = any((reason.peer_name or "").strip("Xx.") and reason.peer_port for reason in reasons)
    # An attempt's record, rather than words that may be quoted anywhere.
    recorded = any((each.recipient if isinstance(each, Said) else each.at) is not None for each in events)
    happened = recorded or (at_server and not (reference.is_test(text) or reference.is_code(lines)))
    return not happened and reference.explains(text, len({reason.label for reason in reasons}), named_in)


def _scans(event: Event) -> TypeGuard[Trouble]:
    """Whether a client guesses passwords or does not speak SMTP."""
    if not isinstance(event, Trouble) or event.client is None or event.reason is None or not event.reason.harmless:
        return False
    return event.reason.entry == "client-password" or event.text.startswith(
        ("too many errors after ", "non-SMTP command ", "improper command pipelining ")
    )


def _listed(event: Event) -> bool:
    """Whether this host rejected the client for a blocklist entry, which is the client's own problem."""
    return isinstance(event, Trouble) and event.reason is not None and event.reason.label == "ip-blocklisted"


def _subject(event: Event) -> str:
    """The recipient's domain or the service that the event concerns, for grouping; "" if none."""
    if isinstance(event, Delivery):
        return event.domain
    if isinstance(event, Said):
        return (event.recipient or "").rpartition("@")[2].lower()
    return event.service or ""


def _observations(kind: _Kind, numbered: bool, flags: Data) -> Observations:
    event, reason = kind.event, kind.reason
    subject = f"line {event.number}" if numbered else ""
    times = f" ({kind.count} times)" if kind.count > 1 else ""
    if reason is None:
        yield unknown("mail.unknown", subject, f"not recognised: {event.text[:300]}{times}", line=event.number)
        return
    data = _data(event, reason, kind.count) | flags
    if not _accuses(kind):
        entry = next((each for each in phrases.every() if each.id == reason.entry), None)
        why = f" — {entry.meaning}" if entry is not None and entry.meaning and reason.harmless else ""
        if kind.stranger:
            why = f" — a client from the Internet ({event.client}) was rejected" if isinstance(event, Trouble) else ""
        text = reason.text if len(reason.text) <= 160 else f"{reason.text[:157]}..."
        yield ok(f"mail.{reason.label}", subject, f"harmless: {text}{times}{why}", harmless=True, **data)
        return
    where = f"{subject}: " if subject else ""
    labels = [reason.label]
    if _refused_a_program_here(event):
        # This host's own server rejected the sender; the label would mean that a relay did.
        labels = ["submission-rejected", *([] if reason.label == "sender-not-allowed" else labels)]
    for label in labels:
        said = fail(f"mail.{label}", subject, f"{where}{reason.text}{times}", **data)
        yield stamped(said, None if isinstance(event, Said) else event.at)


_OWN_FAULT = frozenset(
    "blocklist-query-refused milter-down disk-full lookup-table-broken table-unavailable content-filter-down".split()
)
_LOGGED_IN = late(r"\bnot owned by user \S|\bsasl_username=\S")


def _refused_a_program_here(event: Event) -> bool:
    """Whether this host's SMTP server rejected a local or logged-in client, or refused to relay for one in a private
    network, for no fault of its own."""
    client = _refused(event)
    return (
        client is not None
        and isinstance(event, Trouble)
        and event.reason is not None
        and event.reason.label not in _OWN_FAULT
        and (
            own_network.is_loopback(client)
            or _LOGGED_IN.search(event.text) is not None
            or (event.reason.label == "relay-access-denied" and own_network.is_private(client))
        )
    )


def _refused(event: Event) -> str | None:
    """The IP address of the client that this host's SMTP server rejected; None if the event is no rejection."""
    if not isinstance(event, Trouble) or "NOQUEUE: reject" not in event.text or not event.client:
        return None
    return event.client.rpartition("[")[2].partition("]")[0].removeprefix("IPv6:")


def _data(event: Event, reason: Reason, count: int) -> Data:
    """The observation's data with the keys of `checks/log.py`, which remedies use."""
    delivery = event if isinstance(event, Delivery) else None
    trouble = event if isinstance(event, Trouble) else None
    recipient = None if trouble is not None else getattr(event, "recipient", None)
    host = reason.peer_name or (delivery.relay_host if delivery and delivery.relay_host != "none" else None)
    port = reason.peer_port or (delivery.relay_port if delivery else None)
    data: Data = {**reason.scalars(), "line": event.number, "count": count, "host": host, "port": port}
    data |= {
        "domain": (recipient or "").rpartition("@")[2].lower() or None,
        "sender": getattr(event, "sender", None),
        "recipient": recipient,
        "queue_id": getattr(event, "queue_id", None),
        "status": delivery.status if delivery else None,
        "service": delivery.service if delivery else trouble.service if trouble else None,
        "client": trouble.client if trouble else None,
        "source": _source(event),
    }
    client = _refused(event)
    if client is not None and not own_network.is_loopback(client) and reason.label not in _OWN_FAULT:
        # The text does not show whether the client is the program whose mail is missing.
        data["at_most"] = min(reason.scalars()["at_most"] or Strength.STRONG, Strength.STRONG)
    return {key: value for key, value in data.items() if value is not None}


def _target(diagnoses: tuple[Diagnosis, ...]) -> Target:
    """Sender and recipient from the first diagnosis; None if the text does not name them."""
    data = diagnoses[0].data if diagnoses else {}
    sender, recipient = data.get("sender"), data.get("recipient")
    return Target(str(sender) if sender else None, str(recipient) if recipient else None)


def _notes(diagnoses: tuple[Diagnosis, ...], observations: tuple[Observation, ...]) -> tuple[str, ...]:
    """Notes for the report: lines that only look alarming, and how to learn more."""
    notes = [f"{seen.subject} is {seen.summary}" for seen in observations if seen.status is Status.OK]
    if len(notes) > _HARMLESS_SHOWN:
        notes = [*notes[:_HARMLESS_SHOWN], f"{len(notes) - _HARMLESS_SHOWN} more kinds of harmless lines"]
    if diagnoses and diagnoses[0].confidence < Confidence.CERTAIN:
        notes.append("the text fits more than one cause; `mail-diagnose run` on its server finds out which it is")
    return tuple(notes)

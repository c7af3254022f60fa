"""Reads pasted text about mail that does not arrive into deliveries, troubles and other statements.

The text may mix log lines, queue listings, SMTP replies and dialogues, bounces, stack traces and programs' errors.
Lines that belong together are joined first: a reply's lines, an exception with nested ones, text wrapped by a mail
program. Reading is streamed: memory holds one block of lines, not the input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from diagnose.knowledge.phrases import Grip
from diagnose.parse.log import ordinary
from diagnose.parse.log.logline import LONGEST_LINE, Line, parse
from diagnose.parse.log.maillog import Delivery, MailLog, Trouble
from diagnose.parse.pasted import dialogue, mailhead, mailq, message, other_mta, program_text, prose, sense, subject
from diagnose.parse.pasted.pasted_line import cleaned, parts, unquoted as without_marks
from diagnose.parse.pasted.said import Event, Said, informative
from diagnose.parse.pasted.settings import Settings
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

__all__ = ["Delivery", "Event", "Said", "Trouble", "read_lines"]

LONGEST_BLOCK = 400  # lines of one block; a longer one is cut into several


_Numbered = tuple[int, str]


def read_lines(lines: Iterable[str | bytes], now: datetime) -> Iterator[Event]:
    """Read a stream of lines and yield events in order; last, remarks on settings found among the lines. ``now`` (aware)
    supplies the year of stamps without one."""
    settings = Settings()
    numbered = settings.lines((number, _text(line)) for number, line in enumerate(lines, 1))
    for event in informative(_events(numbered, now)):
        settings.event(event, event.source if isinstance(event, Said) else "log")
        yield event
    for number, reason in settings.remarks():
        yield Said(source="settings", number=number, last=number, text=reason.text, reasons=(reason,))


def _events(lines: Iterable[_Numbered], now: datetime) -> Iterator[Event]:
    reader = _Reader(now)
    for found in message.split(lines):
        if isinstance(found, message.Report):
            yield from reader.finish()
            yield from _from_report(found)
            continue
        number, line = found
        if mailhead.is_notice(line):
            yield from reader.finish()
            yield from _from_report(found)
            continue
        for part in parts(cleaned(line)):
            yield from reader.feed(number, part)
    yield from reader.finish()


def _text(line: str | bytes) -> str:
    line = line[:LONGEST_LINE]
    return (line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")).rstrip("\r\n")


def _from_report(report: message.Report | _Numbered) -> Iterator[Event]:
    from diagnose.parse.pasted import bounce

    read = bounce.read(report.lines) if isinstance(report, message.Report) else bounce.notified(*report)
    for each in read:
        yield Said(
            source="delay" if each.waits else "bounce",
            number=each.number,
            last=each.number,
            text=reasons_of.mask(each.text[:2000]),
            reasons=(each.reason,) if each.reason is not None else (),
            recipient=each.recipient,
        )


_CONTINUES = late(r"^(?:\s+\S|Caused by:|nested exception is|\.\.\. \d+ more|at [\w.$]+\()")


class _Reader:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.log = MailLog(now)
        self.pending: tuple[int, Line] | None = None
        self.width = 0  # of the last physical line of ``pending``
        self.block: list[_Numbered] = []
        self.mailq: list[_Numbered] = []
        self.reply: list[_Numbered] = []
        self.stage: str | None = None
        self.in_dialogue = False
        self.introduced = False  # whether the paragraph before was a person's words about mail
        self.program: str | None = None  # the program whose text it is; it received a bare reply below its words

    def feed(self, number: int, line: str) -> Iterator[Event]:
        stripped = line.strip()
        if not stripped or program_text.only_possible(line) or subject.is_clients_login(line):
            if not self.mailq:
                yield from self._flush()
            return
        if stripped.startswith("{") and '"queue_id"' in stripped:
            yield from self._flush()
            yield from _from_queue_json(number, stripped)
            return
        if mailq.is_mailq_head(line) or (self.mailq and not _is_log(line, self.now)):
            if not self.mailq:
                yield from self._flush()
            self.mailq.append((number, line))
            if len(self.mailq) > LONGEST_BLOCK and mailq.is_mailq_head(line):
                last = self.mailq.pop()
                yield from self._flush()
                self.mailq.append(last)
            return
        yield from self._line(number, line)

    def _line(self, number: int, line: str) -> Iterator[Event]:
        unquoted = without_marks(line)
        parsed = None if _CONTINUES.match(line) and (self.pending or self.block) else parse(unquoted.strip(), self.now)
        if parsed is None and not self.pending and not self.block:
            parsed = parse(unquoted.strip(), self.now)
        # OpenSMTPD's daemon has the same name as one of Postfix's.
        own = parsed is not None and not parsed.syslog_name
        other = _of_another(unquoted, number, parsed.at) if parsed is not None and own else None
        if parsed is not None and other is None and _is_postfix(parsed):
            yield from self._flush()
            self.pending = (number, parsed)
            self.width = len(line)
            return
        if (
            self.pending is not None
            and other is None
            and (line[:1].isspace() or (parsed is None and self._breaks_off(self.pending[1].text)))
        ):
            start, before = self.pending
            between = "" if self.width in _WIDTHS and not line[:1].isspace() else " "
            self.pending = (start, replace(before, text=f"{before.text}{between}{unquoted.strip()}"[:LONGEST_LINE]))
            self.width = len(line)
            return
        body = other_mta.words_of(parsed) if parsed is not None and parsed.at is not None else unquoted
        if not own:
            other = _of_another(unquoted, number, parsed.at if parsed is not None else None)
        if other is not None:
            yield from self._flush()
            yield other
            return
        spoken = dialogue.read(line) or (dialogue.read(body, alone=parsed is None) if body is not line else None)
        if spoken is not None and not self.block and not subject.is_unrelated(line):
            if " -> " in line or "[<-]" in line:
                self.program = program_text.is_program(line) or self.program
            yield from self._spoken(number, spoken)
            return
        if self.pending is not None or self.mailq or self.reply:
            yield from self._flush()
        if parsed is not None and self.log.lines and ordinary.is_aside(parsed):
            return
        self.block.append((number, body))
        if len(self.block) >= LONGEST_BLOCK:
            yield from self._flush()

    def _breaks_off(self, text: str) -> bool:
        """Whether a log line continues on the next, wrapped at the width of a terminal or a mail."""
        if len(text) <= 12:
            return False
        return (
            self.width in _WIDTHS or text.count("(") > text.count(")") or _CONTINUED.search(text.rstrip()) is not None
        )

    def finish(self) -> Iterator[Event]:
        yield from self._flush()

    # --- one kind after the other ---

    def _flush(self) -> Iterator[Event]:
        if self.pending is not None:
            number, line = self.pending
            self.pending = None
            yield from self._log_line(number, line)
        if self.mailq:
            lines, self.mailq = self.mailq, []
            yield from _from_mailq(lines, self.now)
        yield from self._flush_reply()
        if self.block:
            lines, self.block = self.block, []
            joined = "\n".join(line for _, line in lines)
            self.program = program_text.is_program(joined, self.program) or self.program
            yield from _from_block(lines, self.program, self.introduced)
            self.introduced = prose.is_vague(joined) and subject.is_of_mail(joined)

    def _log_line(self, number: int, line: Line) -> Iterator[Event]:
        if line.service is None and line.queue_id is None and subject.is_unrelated(line.text):
            return
        self.log.lines = number
        events = self.log.take(line)
        for event in events:
            ours = line.service is not None or subject.is_of_mail(line.text)
            if ours and isinstance(event, Trouble) and event.reason is None and event.level in {"fatal", "panic"}:
                event = replace(event, reason=Reason(label="daemon-failed", text=event.text[:300], grip=Grip.TOPIC))
            yield event
        if events or line.service is not None or line.level != "info":
            return
        yield from _from_block([(number, line.text)])

    def _spoken(self, number: int, spoken: dialogue.Spoken) -> Iterator[Event]:
        if self.pending is not None or self.mailq:
            yield from self._flush()
        if spoken.reply is None:
            yield from self._flush_reply()
            self.in_dialogue = True
            self.stage = spoken.stage or self.stage
            return
        if self.reply and self.reply[-1][1][:4] != f"{spoken.reply[:3]}-":
            yield from self._flush_reply()
        self.reply.append((number, spoken.reply))
        if len(self.reply) > LONGEST_BLOCK:
            yield from self._flush_reply()

    def _flush_reply(self) -> Iterator[Event]:
        if not self.reply:
            return
        lines, self.reply = self.reply, []
        text = "\n".join(line for _, line in lines)
        stage = self.stage if self.in_dialogue else None
        if text[0] == "2" and stage is None:
            self.in_dialogue = True
        if text[0] not in "45":
            return
        reason = reasons_of.classify(text, stage=stage)
        if reason is not None:
            source = "dialogue" if self.in_dialogue else "reply"
            reason = program_text.given_to(self.program, reason)
            yield Said(source=source, number=lines[0][0], last=lines[-1][0], text=reason.text, reasons=(reason,))


def _of_another(line: str, number: int, at: datetime | None) -> Delivery | Trouble | None:
    """The event in another mailer's log line."""
    return other_mta.read(line, number, at) or other_mta.note(line, number, at)


def _is_postfix(line: Line) -> bool:
    """Whether a parsed line is from a mail log, rather than an application's with a stamp."""
    if line.service in other_mta.SENDMAIL and not line.syslog_name:
        return False
    if line.queue_id is not None or (
        line.level not in {"info", "panic"} and line.service is None and not line.text.isdecimal()
    ):
        return True
    return line.service is not None and (
        ordinary.is_postfix(line)
        or ordinary.is_local(line)
        or line.service.startswith(("post", "exim", "pluginviewer", "audit", "kernel"))
    )


_WIDTHS = frozenset({80, 100, 120, 132, 160, 200})  # of terminals, which break words
_CONTINUED = late(
    r"(?:\b(?:to|from|with|for|by|of|in|and|the|not|is|was|said|error|host|name|type|reply|domain|service|server)|[,:=(<\[;])$",
    re.IGNORECASE,
)


def _is_log(line: str, now: datetime) -> bool:
    if line[:1].isspace():
        return False
    parsed = parse(line, now)
    return parsed is not None and parsed.service is not None and _is_postfix(parsed)


# --- queue ----------------------------------------------------------------------------------------------------------


def _from_queue_json(number: int, line: str) -> Iterator[Event]:
    queued = _whole(line)
    if not isinstance(queued, dict):
        return
    recipients = queued.get("recipients")
    queue_name = str(queued.get("queue_name") or "")
    for each in recipients if isinstance(recipients, list) else ():
        if not isinstance(each, dict):
            continue
        text = str(each.get("delay_reason") or each.get("bounce_reason") or "")
        yield _waiting(
            number=number,
            queue_name=queue_name,
            queue_id=str(queued.get("queue_id")),
            sender=str(queued.get("sender") or ""),
            recipient=str(each.get("address") or ""),
            text=text,
        )


def _whole(line: str) -> object:
    """The JSON object in a line; if the line was cut, the object with the recipients before the cut. None if there
    is none."""
    for text in (line, f"{line.rpartition('},')[0]}}}]}}"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return None


def _from_mailq(lines: list[_Numbered], now: datetime) -> Iterator[Event]:
    for each in mailq.messages_of_mailq("\n".join(line for _, line in lines), now):
        for recipient, text in each.recipients:
            yield _waiting(
                number=lines[min(each.number, len(lines)) - 1][0],
                queue_name=each.queue_name,
                queue_id=each.queue_id,
                sender=each.sender,
                recipient=recipient,
                text=text,
            )


def _waiting(*, number: int, queue_name: str, queue_id: str, sender: str, recipient: str, text: str) -> Said:
    reason = reasons_of.classify(text) if text else None
    if queue_name == "hold" and reason is None:
        reason = Reason(label="mail-on-hold", text="in the hold queue", grip=Grip.NAMES)
    return Said(
        source="queue",
        number=number,
        last=number,
        text=reasons_of.mask(text[:2000]),
        reasons=(reason,) if reason else (),
        recipient=recipient,
        sender=sender,
        queue_id=queue_id,
    )


# --- everything else ------------------------------------------------------------------------------------------------


def _from_block(lines: list[_Numbered], before: str | None = None, introduced: bool = False) -> Iterator[Said]:
    """Read a paragraph: a stack trace, a program's error, or a few separate lines. before: the program of earlier
    paragraphs; introduced: by a person's words about mail."""
    joined = "\n".join(line for _, line in lines)
    if prose.is_account(joined) or prose.is_rule(joined) or subject.is_unrelated(joined):
        return
    of_mail = introduced or subject.is_of_mail(joined)
    if not of_mail and program_text.traces_other_work(lines):
        return
    lines = [each for each in subject.of_sending(lines) if not prose.is_setting(each[1])]
    joined = "\n".join(line for _, line in lines)
    program = program_text.is_program(joined, before, introduced)
    for said in _from_paragraph(lines, joined, program, introduced):
        (reason,) = said.reasons
        others = reason.bare or (program in subject.PRODUCTS and sense.is_anybodys(reason))
        if of_mail or not others:
            yield said


def _from_paragraph(lines: list[_Numbered], joined: str, program: str | None, of_mail: bool) -> Iterator[Said]:
    if program is not None:
        for group, why in program_text.read(lines, program, of_mail):
            yield _said("program", group, why)
        return
    lines = [(number, line) for number, line in lines if not subject.fetches(line)]
    found: list[Said] = []
    sent = program_text.went_through(lines)
    for group, text in program_text.unsettled(lines, sent):
        if mailhead.field_name(group[0][1]):
            continue
        reason = program_text.classify(text)
        if reason is not None:
            source = (
                "bounce" if "in reply to" in text or " said:" in text else "quote" if prose.quotes(text) else "text"
            )
            found.append(_said(source, group, reason))
    best = max((each.reasons[0].grip for each in found), default=0)
    whole = (
        program_text.classify(" ".join(line.strip() for _, line in lines))
        if len(lines) > 1 and best < Grip.PHRASE and sent < 0
        else None
    )
    if whole is not None and whole.grip > best:
        lines, whole = program_text.carrying(lines, whole, program_text.classify)
        found = [_said("quote" if prose.quotes(joined) else "text", lines, whole)]
    yield from found


def _said(source: str, lines: list[_Numbered], reason: Reason) -> Said:
    text = _short(" ".join(line.strip() for _, line in lines))
    reason = prose.without_secret(text, reason)
    return Said(source=source, number=lines[0][0], last=lines[-1][0], text=text, reasons=(reason,))


def _short(text: str) -> str:
    return reasons_of.mask(re.sub(r"\s+", " ", text).strip()[:2000])

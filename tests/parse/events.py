"""What a log's lines tell, in order, and what a pasted text does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from diagnose.mail.explain import explain
from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.log.maillog import MailLog
from diagnose.parse.pasted.evidence import Event, read_lines

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)


def stream(lines: Iterable[str], now: datetime) -> list[Delivery | Trouble]:
    log = MailLog(now)
    return [event for line in lines for event in log.feed(line)]


def read_anything(text: str, now: datetime = NOW) -> tuple[Event, ...]:
    """The events of a pasted text."""
    return tuple(read_lines(text.splitlines(), now))


def first(text: str) -> str | None:
    """The first cause that a pasted text names."""
    found = explain(text.splitlines(), "pasted", NOW).diagnoses
    return found[0].cause.id if found else None

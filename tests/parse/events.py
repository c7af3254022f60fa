"""What a log's lines tell, in order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from diagnose.parse.log.mail_event import Delivery, Trouble
from diagnose.parse.log.maillog import MailLog


def stream(lines: Iterable[str], now: datetime) -> list[Delivery | Trouble]:
    log = MailLog(now)
    return [event for line in lines for event in log.feed(line)]

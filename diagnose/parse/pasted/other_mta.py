"""Log lines of mailers that are not Postfix, as deliveries: Exim's main log, sendmail's, OpenSMTPD's, msmtp's.

Exim marks a line by a sign (Exim specification, "Log files"): ``=>`` and ``->`` delivered, ``==`` put off, ``**``
failed. Sendmail writes ``stat=``, OpenSMTPD ``result=`` and ``stat=``, msmtp ``exitcode=`` and ``errormsg=``.
"""

from __future__ import annotations

import re
from datetime import datetime

from diagnose.parse.log.mail_event import Delivery
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason

_LONGEST = 4000  # characters of a line; some of the patterns take time that grows with their square
_EXIM = re.compile(
    r"(?:^|\s)(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}) (?P<flag><=|=>|->|>>|\*>|==|\*\*|Completed|Frozen)(?: (?P<rest>.*))?$"
)
_EXIM_ROUTE = re.compile(r"\bR ?= ?(?P<router>[\w-]+)(?: T ?= ?(?P<transport>[\w-]+))?")
_EXIM_HOST = re.compile(
    r"\b(?:H=)?(?:host )?(?P<host>[\w.-]+\.[\w-]+) \[(?P<address>[0-9A-Fa-f.:]+)\](?::(?P<port>\d{1,5}))?"
)
_EXIM_FIELDS = re.compile(r"\b(?:X|CV|DN|A|C|F|P|S|QT|DT|K|id|SNI|PRX|TFO)=(?:\"(?:[^\"\\]|\\.)*\"|\S+)")
_ERRNO = re.compile(
    r"\b(?:Connection timed out|Connection refused|Network is unreachable|No route to host|Permission denied|Connection reset by peer|Operation timed out)\b"
)
_SENDMAIL = re.compile(r"\bto=(?P<to>[^,]*),.*?\bmailer=(?P<mailer>\w+),.*?\bstat=(?P<stat>.*)$", re.DOTALL)
_DSN = re.compile(r"\bdsn=(?P<dsn>[45]\.\d{1,3}\.\d{1,3})")
_STAT = re.compile(r"^\W*stat=(?P<stat>Deferred: (?:Connection|Operation|No route|Network|Name server).*)$")
_SENDMAIL_RELAY = re.compile(r"\brelay=(?P<host>[^\s,\[]*)\.?(?: \[(?P<address>[0-9A-Fa-f.:]+)\])?")
_OPENSMTPD = re.compile(r"\bresult=\"?(?P<result>Ok|TempFail|PermFail)\"?,? .*?\bstat=\"(?P<stat>[^\"]*)\"")
_MSMTP = re.compile(r"\bhost=(?P<host>\S+) .*\brecipients=(?P<to>\S+).*?\bexitcode=(?P<exit>\w+)")
_MSMTP_ERROR = re.compile(r"errormsg='(?P<text>.*?)' exitcode=")


def read(line: str, number: int = 0, at: datetime | None = None) -> Delivery | None:
    """The delivery that a line tells of; None where it is none of these mailers' or only says that mail came in."""
    line = line[:_LONGEST]
    exim = _EXIM.search(line)
    if exim:
        return _exim(exim, number, at)
    if "stat=" in line:
        sendmail = _SENDMAIL.search(line)
        if sendmail:
            return _sendmail(line, sendmail, number, at)
        bare = _STAT.match(line)
        if bare:
            return _bare_stat(bare.group("stat"), number, at)
        smtpd = _OPENSMTPD.search(line)
        if smtpd:
            status = {"Ok": "sent", "TempFail": "deferred", "PermFail": "bounced"}[smtpd.group("result")]
            return _delivery(status, smtpd.group("stat"), number=number, at=at)
    if "exitcode=" in line:
        msmtp = _MSMTP.search(line)
        if msmtp:
            error = _MSMTP_ERROR.search(line)
            status = "sent" if msmtp.group("exit") == "EX_OK" else "bounced"
            text = error.group("text") if error else line
            return _delivery(status, text, number=number, at=at, to=msmtp.group("to"), host=msmtp.group("host"))
    return None


def _exim(match: re.Match[str], number: int, at: datetime | None) -> Delivery | None:
    flag, rest = match.group("flag"), match.group("rest") or ""
    if flag in {"<=", "Completed", "Frozen"}:
        return None
    to = rest.split(" ", 1)[0].rstrip(":")
    if flag not in {"==", "**"}:
        return _delivery("sent", rest, number=number, at=at, to=to, queue_id=match.group("id"))
    route = _EXIM_ROUTE.search(rest)
    tail = rest[route.end() :] if route else rest[len(to) :]
    where = _EXIM_HOST.search(tail)
    host = where.group("host") if where else None
    text = _EXIM_FIELDS.sub("", tail).strip(" :")
    error = _ERRNO.search(text)
    if error and "SMTP error from remote" not in text:
        remote = route is None or "smtp" in (route.group("transport") or "smtp")
        if where and remote:
            text = f"connect to {host}[{where.group('address')}]:{where.group('port') or 25}: {error.group()}"
    return _delivery(
        "deferred" if flag == "==" else "bounced",
        text,
        number=number,
        at=at,
        to=to,
        host=host,
        queue_id=match.group("id"),
    )


def _sendmail(line: str, match: re.Match[str], number: int, at: datetime | None) -> Delivery:
    stat = match.group("stat").strip()
    where = _SENDMAIL_RELAY.search(line)
    host = where.group("host").rstrip(".") if where else None
    if stat.startswith("Sent"):
        return _delivery("sent", stat, number=number, at=at, to=match.group("to").strip("<>"), host=host)
    dsn = _DSN.search(line)
    text = stat.partition("Deferred: ")[2] or (f"{dsn.group('dsn')} {stat}" if dsn else stat)
    error = _ERRNO.search(text)
    if error and match.group("mailer") in {"esmtp", "smtp", "relay"}:
        address = where.group("address") if where else None
        text = f"connect to {host or 'relay'}[{address or '0.0.0.0'}]:25: {error.group()}"
    status = "deferred" if stat.startswith("Deferred") else "bounced"
    return _delivery(status, text, number=number, at=at, to=match.group("to").strip("<>"), host=host)


def _bare_stat(stat: str, number: int, at: datetime | None) -> Delivery:
    """What is often posted of a sendmail line: its last field, which names the server after the error."""
    where = re.search(r"\b(?:with|by|for) (?P<host>[\w.-]+)", stat)
    host = where.group("host").rstrip(".") if where else None
    error = _ERRNO.search(stat)
    text = f"connect to {host or 'relay'}[0.0.0.0]:25: {error.group()}" if error else stat
    return _delivery("deferred", text, number=number, at=at, host=host)


def _delivery(
    status: str,
    text: str,
    *,
    number: int,
    at: datetime | None,
    to: str | None = None,
    host: str | None = None,
    queue_id: str | None = None,
) -> Delivery:
    reason: Reason | None = None
    if status != "sent":
        reason = reasons_of.classify(text, peer=host)
    return Delivery(
        at=at,
        queue_id=queue_id,
        sender=None,
        recipient=to,
        relay_host=host,
        status=status,
        text=reasons_of.mask(text[:2000]),
        reasons=(reason,) if reason is not None else (),
        number=number,
    )

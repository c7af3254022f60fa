"""One line of a mail log to its parts: time stamp, host, service, process, queue id, level, text.

Understood: syslog's traditional stamps (no year), RFC 3339 and ISO 8601 stamps, RFC 5424 lines, busybox' facilities, the journal's `short`, `short-unix`,
`short-iso`, `short-full` and `json` forms, a container runtime's prefixes, supervisor levels between stamp and
program, and lines that begin with the program (as terminals and issue texts show them).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

LONGEST_LINE = 16_384  # what is looked at of a line; the rest of a longer one is cut

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_TRADITIONAL = re.compile(
    r"(?:[A-Z][a-z]{2} )?(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<day>\d{1,2})(?: (?P<year>\d{4}))? "
    r"(?P<time>\d{2}:\d{2}:\d{2})(?:\.\d+)?(?: (?P<later>\d{4}))?\s+"
)
_ISO = re.compile(
    r"(?:[A-Z][a-z]{2} )?\[?(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}:\d{2})(?P<fraction>[.,]\d{1,9})?"
    r"\s?(?P<zone>Z|[+-]\d{2}:?\d{2}|UTC)?(?: [A-Z]{3,4}(?= [\w.-]+ \S+\[\d))?\]?\s+"
)
_UNIX = re.compile(r"\[?(?P<seconds>\d{9,11})(?P<fraction>\.\d{1,9})?\]?\s+")
# compose and kubectl: "mail-1  | ", "2026-... stdout F ", "[pod/mail] "; syslog's own priority: "<22>", "<22>1 "
_RUNTIME = re.compile(
    r"(?:[\w./@-]{1,80}\s+\|\s+|<\d{1,3}>(?:1 (?=\d{4}-))?|\[pod/[^\]]+\]\s+|(?:stdout|stderr) [FP] )"
)
_PROGRAM = re.compile(
    r"(?:(?P<host>[^\s:\[\]=]+)\s+)??(?:(?:mail|daemon|user|auth|syslog|local\d)\.[a-z]{3,7}\s+|[A-Z][\w-]{2,30}\s+(?=postfix/))?(?:(?:INFO|WARN(?:ING)?|ERR(?:OR)?|CRIT|DEBUG|NOTICE|info|warning|err|error|crit|mail)[:|\s]*\s*)?"
    r"(?P<service>(?:postfix|dovecot|opendkim|amavis|spamd|rspamd|saslauthd|pluginviewer|msmtp|ssmtp|sSMTP|nullmailer|exim\d?|"
    r"sendmail|postmulti|postconf|postmap|postalias|postqueue|postsuper|postcat|postdrop|postlog|audit|kernel|sm-mta|mail)"
    r"[\w./@-]*)(?:\[(?P<pid>\w{1,10})\])?:\s+"
)
# RFC 5424 section 6: host, program, process, message id, structured data
_RFC_5424 = re.compile(
    r"(?P<host>\S+) (?P<service>[\w./@-]{1,64}) (?P<pid>\d{1,10}|-) \S{1,32} (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) (?:\ufeff)?"
)
_ANY_PROGRAM = re.compile(r"(?P<host>[^\s:\[\]]+)\s+(?P<service>[\w./@()-]{1,64})(?:\[(?P<pid>\d{1,10})\])?:\s+")
# Short ids are upper-case hexadecimal, 5 to 15 characters; long ones base 52 with a "z" before the inode.
_QUEUE_ID = re.compile(
    r"(?P<id>[0-9A-F]{5,16}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{5,}|NOQUEUE): "
)
_LEVEL = re.compile(r"(?P<level>warning|error|fatal|panic): ")
_LEVEL_COLUMN = re.compile(r"\s*(?:err|warning|crit|info|notice|error)\s*\|\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line's parts. ``service`` is the daemon's name ("smtp"), ``syslog_name`` what stood before it ("postfix/relay").

    ``at`` is aware; None when the line has no stamp, or one without a year and no ``now`` was given. ``level`` is
    "warning", "error", "fatal", "panic" or "info". ``text`` starts after queue id and level.
    """

    at: datetime | None
    host: str | None
    service: str | None
    syslog_name: str | None
    pid: int | None
    queue_id: str | None
    level: str
    text: str


def parse(line: str | bytes, now: datetime | None = None) -> Line | None:
    """Read one line; None when nothing of a log line is in it.

    ``now`` (aware) gives stamps without a year their year, and stamps without a zone its zone.
    """
    if isinstance(line, bytes):
        line = line[:LONGEST_LINE].decode("utf-8", "replace")
    line = line[:LONGEST_LINE].strip("\r\n\0")
    stripped = line.lstrip()
    if stripped.startswith("{") and '"MESSAGE"' in stripped:
        return _from_journal(stripped, now)
    at, rest = _stamp(stripped, now)
    program = (
        (_RFC_5424.match(rest) if at is not None else None)
        or _PROGRAM.match(rest)
        or (_ANY_PROGRAM.match(rest) if at is not None or rest is not stripped else None)
    )
    if program is None:
        return _bare(rest, at)
    return _build(
        at=at,
        host=program.group("host"),
        service=program.group("service"),
        pid=program.group("pid"),
        text=rest[program.end() :],
    )


def _stamp(text: str, now: datetime | None) -> tuple[datetime | None, str]:
    """Take stamps and runtime prefixes off; a container's line often has two stamps, of which the inner one counts."""
    at: datetime | None = None
    for _ in range(4):
        match = _ISO.match(text)
        if match:
            at = _iso(match, now) or at
        else:
            match = _TRADITIONAL.match(text)
            if match:
                at = _traditional(match, now) or at
            else:
                match = _UNIX.match(text)
                if match:
                    at = _from_seconds(match.group("seconds"), now) or at
                else:
                    match = _RUNTIME.match(text)
        if not match:
            break
        text = text[match.end() :]
    return at, text


def _bare(rest: str, at: datetime | None) -> Line | None:
    column = _LEVEL_COLUMN.match(rest)
    if column:
        rest = rest[column.end() :]
    level = _LEVEL.match(rest)
    queue_id = _QUEUE_ID.match(rest)
    if not (level or queue_id or column or at):
        return None
    return _build(at=at, host=None, service=None, pid=None, text=rest)


def _build(*, at: datetime | None, host: str | None, service: str | None, pid: str | None, text: str) -> Line:
    syslog_name = None
    if service and "/" in service:
        syslog_name, service = service.rsplit("/", 1)
    level = "info"
    queue_id = None
    for _ in range(2):  # "warning: QID: text" and "QID: warning: text" both occur
        has_level = _LEVEL.match(text)
        if has_level and level == "info":
            level = has_level.group("level")
            text = text[has_level.end() :]
        has_id = _QUEUE_ID.match(text)
        if has_id and queue_id is None:
            queue_id = has_id.group("id")
            text = text[has_id.end() :]
    return Line(
        at=at,
        host=host,
        service=service,
        syslog_name=syslog_name,
        pid=int(pid) if pid and pid.isascii() and pid.isdigit() else None,
        queue_id=queue_id,
        level=level,
        text=text,
    )


# --- stamps ---------------------------------------------------------------------------------------------------------


def _iso(match: re.Match[str], now: datetime | None) -> datetime | None:
    zone = match.group("zone") or ""
    if zone in {"Z", "UTC"}:
        zone = "+00:00"
    elif zone and ":" not in zone:  # Python 3.10 wants the colon
        zone = f"{zone[:3]}:{zone[3:]}"
    fraction = (match.group("fraction") or "").replace(",", ".")[:7]
    try:
        at = datetime.fromisoformat(
            f"{match.group('date')}T{match.group('time')}{fraction.ljust(7, '0') if fraction else ''}{zone}"
        )
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo if now else timezone.utc)


def _traditional(match: re.Match[str], now: datetime | None) -> datetime | None:
    year = match.group("year") or match.group("later")
    if year is None and now is None:
        return None
    hour, minute, second = (int(part) for part in match.group("time").split(":"))
    zone = now.tzinfo if now else timezone.utc
    month, day = _MONTHS[match.group("month")], int(match.group("day"))
    try:
        if year is not None:
            return datetime(int(year), month, day, hour, minute, min(second, 59), tzinfo=zone)
        assert now is not None
        return _latest_year(now, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None


def _latest_year(now: datetime, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    """The last such moment that is not after tomorrow: a stamp without a year is never far in the future."""
    for year in (now.year + 1, now.year, now.year - 1, now.year - 2, now.year - 3, now.year - 4):
        try:
            at = datetime(year, month, day, hour, minute, second, tzinfo=now.tzinfo)
        except ValueError:  # 29 February
            continue
        if at <= now + timedelta(days=1):
            return at
    raise ValueError("no such day")


def _from_seconds(seconds: str, now: datetime | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), now.tzinfo if now else timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _from_journal(text: str, now: datetime | None) -> Line | None:
    try:
        record: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    message = record.get("MESSAGE") if isinstance(record, dict) else None
    if isinstance(message, list):  # the journal exports what is not UTF-8 as a list of bytes
        message = bytes(b for b in message if isinstance(b, int) and 0 <= b < 256).decode("utf-8", "replace")
    if not isinstance(message, str):
        return None
    stamp = str(record.get("__REALTIME_TIMESTAMP") or record.get("_SOURCE_REALTIME_TIMESTAMP") or "")
    at = _from_seconds(stamp[:-6], now) if stamp.isascii() and stamp.isdigit() and len(stamp) > 6 else None
    return _build(
        at=at,
        host=str(record["_HOSTNAME"]) if record.get("_HOSTNAME") else None,
        service=str(record.get("SYSLOG_IDENTIFIER") or "") or None,
        pid=str(record.get("SYSLOG_PID") or record.get("_PID") or "") or None,
        text=message[:LONGEST_LINE],
    )

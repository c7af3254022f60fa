"""Splits a line of a mail log into time stamp, host, service, process, queue id, level and text.

Supports syslog's traditional stamps (without a year, or with one before or after), RFC 3339 and ISO 8601 stamps, RFC
5424 lines, the facilities that busybox, FreeBSD, AIX and Solaris log, the journal's `short`, `short-unix`,
`short-iso`, `short-full` and `json` forms, objects of log shippers, a container runtime's prefixes, supervisor
levels between stamp and program, and lines that begin with the program (as in terminals and issue reports).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from diagnose.parse.log import queue_id
from diagnose.patterns import late
from diagnose.record import frozen

LONGEST_LINE = 16_384  # characters of a line that are read; the rest is cut off

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_TRADITIONAL = late(
    r"(?:[A-Z][a-z]{2} )?(?:(?P<first>\d{4}) )?(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<day>\d{1,2})"
    r"(?: (?P<year>\d{4}))? (?P<time>\d{2}:\d{2}:\d{2})(?:\.\d+)?(?: (?P<later>\d{4}))?\s+"
)
_ISO = late(
    r"(?:[A-Z][a-z]{2} )?\[?(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}:\d{2})(?P<fraction>[.,]\d{1,9})?"
    r"\s?(?P<zone>Z|[+-]\d{2}:?\d{2}|UTC)?(?: [A-Z]{3,4}(?= [\w.-]+ \S+\[\d))?\]?\s+"
)
_UNIX = late(r"\[?(?P<seconds>\d{9,11})(?P<fraction>\.\d{1,9})?\]?\s+")
# compose and kubectl: "mail-1  | ", "2026-... stdout F ", "[pod/mail] ", "mail.info: "; syslog's own priority: "<22>", "<22>1 ",
# "<mail.info>1 " (FreeBSD); AIX and relays of syslog: "Message forwarded from mx: ", "192.0.2.7 Nov 26 20:00:01 mx "
_RUNTIME = late(
    r"(?:[\w./@-]{1,80}\s+\|\s+|<\d{1,3}>(?:1 (?=\d{4}-))?|<\w{3,9}\.\w{3,7}>1 (?=\d{4}-)|1 (?=\d{4}-\d\d-\d\dT)|Message forwarded from \S+: |"
    r"[\w.:-]{1,80} (?=[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ \S+: )|\[pod/[^\]]+\]\s+|(?:stdout|stderr) [FP] |mail\.[a-z]{3,7}: (?=[A-Z][a-z]{2} ))"
)
# "mail.info " (busybox), "<mail.info> " (FreeBSD), "mail:info " (AIX), "[ID 197553 mail.info] " (Solaris, behind the program)
_PRIORITY = r"(?:<?(?:mail|daemon|user|auth|authpriv|syslog|local\d)[.:][a-z]{3,7}>?|<\d{1,2}\.\d>)"
_HOST = r"(?P<host>[^\s:\[\]=<>{]+|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})"
_TAG = r"(?: ?\[(?P<pid>\w{1,10})\])?:\s+(?:\[ID \d{1,10} [a-z0-9]+\.[a-z]+\] )?"
# The form of nearly every line, tried first.
_COMMON = late(r"(?P<host>[\w.-]+) (?P<service>postfix[\w./-]*)\[(?P<pid>\d{1,10})\]: (?!\[ID )")
_PROGRAM = late(
    rf"(?:{_PRIORITY}\s+)?(?:{_HOST}\s+(?:mail\s+(?=postfix/))?)??(?:{_PRIORITY}\s+|[A-Z][\w-]{{2,30}}\s+(?=postfix/))?"
    r"(?:(?:INFO|WARN(?:ING)?|ERR(?:OR)?|CRIT|DEBUG|NOTICE|info|warning|err|error|crit)[:|\s]+)?"
    r"(?P<service>(?:postfix|postgrey|policyd|dovecot|opendkim|opendmarc|amavis|spamd|rspamd|clam|cyrus|sogod|saslauthd|pluginviewer|msmtp|ssmtp|"
    r"sSMTP|nullmailer|exim\d?|sendmail|postmulti|postconf|postmap|postalias|postqueue|postsuper|postcat|postdrop|postlog|audit|"
    rf"kernel|sm-mta|mail)[\w./@-]*){_TAG}"
)
# RFC 5424 section 6: host, program, process, message id, structured data
_RFC_5424 = late(
    r"(?P<host>\S+) (?P<service>[\w./@-]{1,64}) (?P<pid>\d{1,10}|-) \S{1,32} (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) (?:\ufeff)?"
)
_ANY_PROGRAM = late(rf"(?:{_PRIORITY}\s+)?{_HOST}\s+(?:{_PRIORITY}\s+)?(?P<service>[\w./@()-]{{1,64}}){_TAG}")
# Dovecot's own log file names no host: "auth-worker(22401): Info: ", and in older releases "Info: imap-login: ".
_DOVECOT = late(
    r"(?:(?:Info|Warn(?:ing)?|Error|Fatal|Panic|Debug): )?(?P<service>(?:auth|imap|pop3|managesieve|lmtp|lda|master|config|dict|anvil)"
    r"(?:-login|-worker)?(?:\((?P<pid>[^)\s]*)\))?(?:<[^>\s]*>){0,2}): (?P<host>)?"
)
_QUEUE_ID = late(rf"(?P<id>{queue_id.PATTERN}|NOQUEUE): ")
_LEVEL = late(r"(?P<level>warning|error|fatal|panic): (?!\[Errno |\[[^\]]{1,200}\]: (?:FAILED|UNREACHABLE)!)")
_MARKED = late(r"[:|{]|\d{9}")  # every log line has a stamp, a level column, a program or an object
_LEVEL_COLUMN = late(r"\s*(?:err|warning|crit|info|notice|error)\s*\|\s*")


@frozen
class Line:
    """The parts of a line. ``service`` is the daemon's name ("smtp"), ``syslog_name`` the part before it
    ("postfix/relay").

    ``at`` is aware; None if the line has no stamp, or a stamp without a year and no ``now`` was given. ``level`` is
    "warning", "error", "fatal", "panic" or "info". ``text`` is the rest, after queue id and level.
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
    """Parse one line; None if it is not a log line.

    ``now`` (aware) supplies the year and the time zone that a stamp lacks.
    """
    if isinstance(line, bytes):
        line = line[:LONGEST_LINE].decode("utf-8", "replace")
    line = line[:LONGEST_LINE].strip("\r\n\0")
    if not _MARKED.search(line):
        return None
    stripped = line.lstrip()
    if stripped.startswith("{"):
        return _from_object(stripped, now)
    at, rest = _stamp(stripped, now)
    program = (
        _COMMON.match(rest)
        or (_RFC_5424.match(rest) if at is not None else None)
        or _PROGRAM.match(rest)
        or (_ANY_PROGRAM.match(rest) if at is not None or rest is not stripped else None)
        or (_DOVECOT.match(rest) if at is not None else None)
    )
    if program is None:
        return _bare(rest, at)
    return _build(
        at=at,
        host=program["host"],
        service=program["service"],
        pid=program["pid"],
        text=rest[program.end() :],
    )


def _stamp(text: str, now: datetime | None) -> tuple[datetime | None, str]:
    """The time, and the text without stamps and runtime prefixes; of two stamps (common in containers) the inner one
    counts."""
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
                    at = _from_seconds(match["seconds"], now) or at
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
            level = has_level["level"]
            text = text[has_level.end() :]
        has_id = _QUEUE_ID.match(text)
        if has_id and queue_id is None:
            queue_id = has_id["id"]
            text = text[has_id.end() :]
    return Line(
        at=at,
        host=host,
        service=service,
        syslog_name=syslog_name,
        pid=int(pid) if pid and pid.isascii() and pid.isdecimal() else None,
        queue_id=queue_id,
        level=level,
        text=text,
    )


# --- stamps ---------------------------------------------------------------------------------------------------------


def _iso(match: re.Match[str], now: datetime | None) -> datetime | None:
    zone = match["zone"] or ""
    if zone in {"Z", "UTC"}:
        zone = "+00:00"
    elif zone and ":" not in zone:  # Python 3.10 wants the colon
        zone = f"{zone[:3]}:{zone[3:]}"
    fraction = (match["fraction"] or "").replace(",", ".")[:7]
    try:
        at = datetime.fromisoformat(
            f"{match.group('date')}T{match.group('time')}{fraction.ljust(7, '0') if fraction else ''}{zone}"
        )
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo if now else timezone.utc)


def _traditional(match: re.Match[str], now: datetime | None) -> datetime | None:
    year = match["first"] or match["year"] or match["later"]
    if year is None and now is None:
        return None
    hour, minute, second = (int(part) for part in match["time"].split(":"))
    zone = now.tzinfo if now else timezone.utc
    month, day = _MONTHS[match["month"]], int(match["day"])
    try:
        if year is not None:
            return datetime(int(year), month, day, hour, minute, min(second, 59), tzinfo=zone)
        assert now is not None
        return _latest_year(now, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None


def _latest_year(now: datetime, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    """The latest such time that is not after tomorrow: a stamp without a year is never far in the future. Raises
    ValueError if there is none."""
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


# Keys in the JSON of log shippers: the last part of a path, without a leading "_" or "@".
_MESSAGES = ("message", "short_message", "msg", "log", "text", "line")
_IDENTIFIERS = tuple(
    "syslog_identifier identifier program programname appname application_name ident syslogtag tag process.name".split()
)
_HOSTS = ("hostname", "host", "host.name", "fromhost", "logsource", "source")
_PROCESSES = ("syslog_pid", "pid", "procid", "process_id")
_STAMPS = (
    "realtime_timestamp",
    "source_realtime_timestamp",
    "timestamp",
    "time",
    "timereported",
    "timegenerated",
    "date",
)
_IDENTIFIER = late(r"(?P<service>[\w./@-]{1,64})(?:\[(?P<pid>\d{1,10})\])?:?")


def _from_object(text: str, now: datetime | None) -> Line | None:
    """Parse a line that the journal or a log shipper wrapped in JSON; None for any other object."""
    try:
        record: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    values: dict[str, str] = {}
    for name, value in _named(record, 3) if isinstance(record, dict) else ():
        values.setdefault(name, value)
    message = next((values[name] for name in _MESSAGES if name in values), "").strip()
    if not message or message.startswith("{"):
        return None
    at = next((found for name in _STAMPS if name in values and (found := _moment(values[name], now))), None)
    host = next((values[name] for name in _HOSTS if name in values), None)
    for name in _IDENTIFIERS:
        known = _IDENTIFIER.fullmatch(values.get(name, ""))
        # Fluentd's and Docker's tags name a container or a stream; the line inside names the program.
        if known and (name != "tag" or _PROGRAM.match(f"{known['service']}: ")):
            pid = known["pid"] or next((values[each] for each in _PROCESSES if each in values), None)
            inner = parse(message, now)
            if inner is not None and inner.service is not None and inner.at is not None:
                return inner
            return _build(at=at, host=host, service=known["service"], pid=pid, text=message[:LONGEST_LINE])
    inner = parse(message, now) if "\n" not in message else None
    return replace(inner, at=inner.at or at, host=inner.host or host) if inner is not None and inner.service else None


def _named(record: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        name = key.lower().lstrip("_@").replace("-", "_").replace("app_name", "appname")
        if isinstance(value, list):  # the journal exports text that is not UTF-8 as a list of bytes
            value = bytes(b for b in value if isinstance(b, int) and 0 <= b < 256).decode("utf-8", "replace")
        if isinstance(value, dict) and depth:
            for inner, found in _named(value, depth - 1):
                yield (f"{name}.{inner}" if inner == "name" else inner), found
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            path = name.rsplit(".", 2)
            yield (".".join(path[-2:]) if path[-1] == "name" else path[-1]), str(value)


def _moment(text: str, now: datetime | None) -> datetime | None:
    """The time of an ISO 8601 or syslog stamp, or of (milli-, micro-)seconds since 1970; else None."""
    if text[:9].isascii() and text[:9].isdecimal():
        return _from_seconds(text.partition(".")[0][:10], now)
    return _stamp(f"{text} ", now)[0]

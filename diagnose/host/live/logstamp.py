"""Time stamps of log lines, cheap enough to be read while bisecting a file.

Three styles: syslog's traditional one (local time, no year: RFC 3164), ISO 8601 with or without an offset (RFC 5424,
rsyslog, `journalctl -o short-iso`), and seconds since the epoch (`journalctl -o short-unix`). A short prefix before the
stamp (a priority, a container's name) is passed over.
"""

from __future__ import annotations

import calendar
import re
import time

_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_STAMP = re.compile(
    rb"(?:(?P<first>\d{4}) )?(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s{1,2}(?P<day>\d{1,2})(?: (?P<year>\d{4}))? "
    rb"(?P<clock>\d\d:\d\d:\d\d)"
    rb"|(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?P<part>[.,]\d{1,9})?(?P<zone>Z|[+-]\d\d:?\d\d)?"
    rb"|(?<![\d.])(?P<epoch>\d{9,10}\.\d{1,9})(?= )"
)
_PREFIX = 80  # octets before a stamp at most: "<22>1 ", "mail-1  | "
_DAY = 86_400.0


def epoch(line: bytes, near: float) -> float | None:
    """Seconds since the epoch, or None for a line without a credible stamp.

    `near`: when the file was last written. A stamp without a year is of the latest year that does not put it more than
    a day after that (a day, since the writer may have lived in another time zone).
    """
    found = _STAMP.match(line) or _STAMP.search(line, 0, _PREFIX + 40)
    if found is None or found.start() > _PREFIX:
        return None
    try:
        return _read(found, near)
    except (ValueError, OverflowError):
        return None


def _read(found: re.Match[bytes], near: float) -> float | None:
    if found["epoch"]:
        return float(found["epoch"])
    if found["date"]:
        year, month, day = (int(part) for part in found["date"].split(b"-"))
        clock = _clock(found["time"])
        if clock is None or not (1970 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31):
            return None
        part = float(b"0." + found["part"][1:]) if found["part"] else 0.0
        zone = found["zone"]
        if zone is None:
            return time.mktime((year, month, day, *clock, 0, 0, -1)) + part
        offset = 0
        if zone != b"Z":
            digits = zone[1:].replace(b":", b"")
            offset = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (-1 if zone[:1] == b"-" else 1)
        return calendar.timegm((year, month, day, *clock, 0, 0, 0)) - offset + part
    clock = _clock(found["clock"])
    month, day = _MONTHS[found["month"]], int(found["day"])
    if clock is None or not 1 <= day <= 31:
        return None
    written = found["year"] or found["first"]
    if written:
        return time.mktime((int(written), month, day, *clock, 0, 0, -1))
    year = time.localtime(near).tm_year
    for candidate in (year + 1, year):
        when = time.mktime((candidate, month, day, *clock, 0, 0, -1))
        if when <= near + _DAY:
            return when
    return time.mktime((year - 1, month, day, *clock, 0, 0, -1))


def _clock(text: bytes) -> tuple[int, int, int] | None:
    hour, minute, second = int(text[:2]), int(text[3:5]), int(text[6:8])
    return (hour, minute, second) if hour < 24 and minute < 60 and second < 61 else None

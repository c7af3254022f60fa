"""The queue as text and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from diagnose.mail.queueview import Row, Seen
from diagnose.parse.postfix.queue import AGE_LIMITS, QueueGroup
from diagnose.parse.text import duration
from diagnose.parse.text.masking import plain
from diagnose.report.page import WIDTH, Terminal

_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")


def as_text(seen: Seen, top: int = 10, verbose: int = 0, terminal: Terminal | None = None) -> str:
    """Totals, reasons, destinations by age, then the diagnoses as `run` prints them. top: rows per table."""
    from diagnose.report.json_ import as_plain
    from diagnose.report.text import render

    head = _head(seen)
    if verbose < 0:
        return render(as_plain(seen.report), terminal, verbose, ())
    if seen.summary is None:
        return render(as_plain(seen.report), terminal, verbose, head)
    if not seen.total and not seen.report.diagnoses:
        return "\n".join([*head, "", "The mail queue is empty."]) + "\n"
    width = terminal.width if terminal else WIDTH
    body = [*_why(seen, top, width), "", *_where(seen, top, width)] if seen.total else ["The mail queue is empty."]
    rest = render(as_plain(seen.report), terminal, verbose, ())
    return "\n".join([*head, "", *body]) + "\n\n" + rest


def _head(seen: Seen) -> list[str]:
    at = datetime.fromtimestamp(seen.now).astimezone()
    lines = [f"{seen.report.host.name} · mail queue on {at:%Y-%m-%d at %H:%M:%S %z}"]
    summary = seen.summary
    if summary is None or not seen.total:
        return lines + _grown(seen)
    parts = [
        f"{_number(summary.messages[q])} {'on hold' if q == 'hold' else q}" for q in _QUEUES if summary.messages.get(q)
    ]
    about = "about " if summary.estimated else ""
    lines.append(f"{about}{_number(seen.total)} message{'' if seen.total == 1 else 's'}: {', '.join(parts)}")
    if seen.read < seen.total:
        share = f"{100 * seen.read / seen.total:.1f} %"
        total = f"{about}{_number(seen.total)}"
        lines.append(
            f"SAMPLE: {_number(seen.read)} of {total} messages could be read in time ({share}); everything below is about those"
        )
    elif not summary.complete:
        lines.append(
            f"SAMPLE: {_number(seen.read)} messages could be read in time, and there are more; everything below is about those"
        )
    lines.append(
        f"{_number(summary.recipients)} recipient{'' if summary.recipients == 1 else 's'}, {_octets(summary.size)}"
    )
    if summary.oldest is not None:
        since = datetime.fromtimestamp(summary.oldest).astimezone()
        whose = ""
        if seen.oldest is not None and seen.oldest.oldest == seen.oldest.sample.arrival == summary.oldest:
            whose = f": {seen.oldest.sample.queue_id} to {_line(seen.oldest.sample.recipient)}"
        lines.append(f"the oldest since {since:%b %d %H:%M} ({duration.words(seen.now - summary.oldest)}){whose}")
    return lines + _grown(seen)


def _grown(seen: Seen) -> list[str]:
    if seen.growth is None:
        return []
    growth = seen.growth
    when = datetime.fromtimestamp(seen.now - growth.seconds).astimezone()
    pace = abs(growth.messages) / max(growth.seconds / 60, 1e-9)
    rate = f", {pace:.0f} a minute" if pace >= 1 and growth.seconds >= 60 else ""
    what = f"{growth.messages:+,}".replace(",", " ") if growth.messages else "no change"
    return [f"since the last count at {when:%b %d %H:%M} ({duration.words(growth.seconds)} ago): {what}{rate}"]


def _why(seen: Seen, top: int, width: int) -> list[str]:
    from tabulate import tabulate

    rows = [
        (
            _number(why.count),
            duration.words(seen.now - why.oldest) if why.oldest is not None else "",
            f"{why.domains}+" if why.more else why.domains,
            _cut(why.text or why.label, max(16, width - 56)),
            why.cause or why.label,
        )
        for why in seen.whys[:top]
    ]
    more = len(seen.whys) - top
    lines = ["Why (recipients)"]
    lines += tabulate(
        rows,
        ("count", "oldest", "domains", "reason", "likeliest cause"),
        "simple",
        colalign=("right", "right", "right"),
        disable_numparse=True,
    ).split("\n")
    return lines + ([f"… and {more} more reasons (--top {len(seen.whys)})"] if more > 0 else [])


def _where(seen: Seen, top: int, width: int) -> list[str]:
    """The table of destinations by age, in the format of qshape(1)."""
    small = seen.summary.rest if seen.summary is not None else ()
    total = _summed([*seen.rows, *small])
    rows: list[tuple[object, ...]] = [("", "T", *AGE_LIMITS, f"{AGE_LIMITS[-1]}+"), ("TOTAL", sum(total), *total)]
    rows += [(_line(row.domain), row.count, *row.ages) for row in seen.rows[:top]]
    rest = seen.rows[top:]
    if rest:
        ages = _summed(rest)
        rows.append((f"({len(rest)} more domains)", sum(ages), *ages))
    if small:
        ages = _summed(small)
        rows.append(("(small domains)", sum(ages), *ages))
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    names = max(12, min(widths[0], width - sum(widths[1:]) - len(widths) + 1))
    lines = [
        " ".join(
            [
                _cut(str(row[0]), names).rjust(names),
                *(str(c).rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    return ["Where to (recipients by minutes since arrival)", *lines]


def _summed(rows: Sequence[Row | QueueGroup]) -> list[int]:
    return [sum(row.ages[index] for row in rows) for index in range(len(AGE_LIMITS) + 1)]


def as_json(seen: Seen, top: int = 50) -> str:
    """The report's JSON with an additional object, `queue`."""
    from diagnose.report.json_ import as_plain

    return json.dumps({**as_plain(seen.report), "queue": _plain(seen, top)}, indent=2, ensure_ascii=False) + "\n"


def _plain(seen: Seen, top: int) -> dict[str, Any] | None:
    summary = seen.summary
    if summary is None:
        return None
    return {
        "messages": summary.messages,
        "total": seen.total,
        "read": seen.read,
        "complete": summary.complete,
        "estimated": summary.estimated,
        "recipients": summary.recipients,
        "octets": summary.size,
        "hold": summary.messages.get("hold", 0),
        "oldest": _iso(summary.oldest),
        "growth": None
        if seen.growth is None
        else {"messages": seen.growth.messages, "seconds": round(seen.growth.seconds)},
        "reasons": [
            {
                "label": why.label,
                "cause": why.cause or None,
                "count": why.count,
                "domains": why.domains,
                "oldest": _iso(why.oldest),
                "text": _line(why.text),
            }
            for why in seen.whys[:top]
        ],
        "age_limits_minutes": list(AGE_LIMITS),
        "domains": [
            {"domain": _line(row.domain), "count": row.count, "ages": list(row.ages)} for row in seen.rows[:top]
        ],
        "senders": [{"sender": _line(sender), "messages": count} for sender, count in summary.senders[:top]],
    }


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds") if seconds is not None else None


def _number(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _octets(size: int) -> str:
    if size < 1000:
        return f"{size} octets"
    power = min(int(math.log10(size)) // 3, 4)
    return f"{size / 1000**power:.3g} {('', 'kB', 'MB', 'GB', 'TB')[power]}"


def _line(text: str) -> str:
    return " ".join(plain(text).split())


def _cut(text: str, width: int) -> str:
    text = _line(text)
    return text if len(text) <= width else text[: width - 1] + "…"

"""For Checkmk: three services of a local check, `STATUS "Service" metrics text`, with details behind `\\n`.

https://docs.checkmk.com/latest/en/localchecks.html. Names and number of the services do not depend on the findings,
because Checkmk turns a missing service UNKNOWN. One cause makes one service CRITICAL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnose.parse.text import duration
from diagnose.report import Plain, checklines, digest
from diagnose.report.levels import with_levels

LONGEST = 400  # characters of a line's text
DETAILS = 20  # lines


def render(plain: Plain, warning: str | None = None, critical: str | None = None, every: bool = False) -> str:
    """every: with a further service for each check. Raises UsageError for levels that cannot be read."""
    plain = with_levels(plain, warning, critical)
    lines = [_delivery(plain), _queue(plain), _watch(plain)]
    stale = digest.status(plain) == "unknown" and digest.stale(plain)
    for check in checklines.lines(plain) if every else ():
        status, text = ("unknown", digest.headline(plain)) if stale else (check.status, check.text)
        lines.append(_line(status, f"Mail check {check.check}", "-", text))
    return "".join(lines)


def _delivery(plain: Plain) -> str:
    """The verdict; the queue's levels have a service of their own."""
    before = plain["levels"]["before"]
    own = {**plain, "status": "ok" if before == "warning" and digest.lost(plain) else before}
    crossed = plain["levels"].get("crossed", ())
    own["notes"] = [note for note in plain.get("notes", ()) if note not in crossed]
    more = [digest.lasting(plain)]
    if digest.stale(plain):
        return _line("unknown", "Mail delivery", "-", digest.headline(own), more)
    main = digest.main_diagnoses(plain)
    for first in main[:1]:
        more += [f"+ {digest.statement(support)}" for support in first["support"][:3]]
        more.append(f"Do: {first['remedy']['text']}")
        more += [line for command in digest.commands(plain, first) for line in command.split("\n")]
        more += [f"Also: {other['title']} ({other['cause']}, {other['confidence']})" for other in main[1:]]
    more += [str(note) for note in own["notes"]]
    more += ["Full report, on the host: mail-diagnose report --last"] if main else []
    return _line(digest.status(own), "Mail delivery", f"causes={len(main)}", digest.headline(own), more)


def _queue(plain: Plain) -> str:
    counts = digest.queue(plain)
    metrics = []
    for label, value in (("queue", counts.length), ("age", counts.oldest)):
        if value is not None:
            metrics.append(f"{label}={value};{_upper(plain, 'warning', label)};{_upper(plain, 'critical', label)};0")
    if counts.held is not None:
        metrics.append(f"held={counts.held}")
    states = digest.shares(plain, "states")
    metrics += [f"{name}={count}" for name, count in states.items() if name.isalpha() and name != "hold"]
    crossed = list(plain["levels"].get("crossed", ()))
    if digest.stale(plain):
        return _line("unknown", "Mail queue", "-", digest.headline(plain))
    if counts.length is None:
        none = bool(plain.get("runs")) and not plain["host"].get("mta") and not crossed
        unread = next((digest.statement(o) for o in digest.measured(plain, "queue")), "the queue was not read")
        return _line(
            "ok" if none else "unknown", "Mail queue", "-", "no Postfix on this host" if none else unread, crossed
        )
    text = crossed or [digest.waiting(plain)]
    reasons = sorted(digest.shares(plain, "reasons").items(), key=lambda pair: -pair[1])
    more = [
        *([digest.waiting(plain)] if crossed else []),
        *(f"{count} for {reason}" for reason, count in reasons if reason != "none"),
    ]
    return _line(str(plain["levels"]["status"]), "Mail queue", "|".join(metrics), "; ".join(text), more)


def _watch(plain: Plain) -> str:
    """Whether the watch itself works: results are recent, alarms are delivered."""
    watch = digest.kept(plain)
    lost = digest.undelivered(plain)
    age: Any = watch.get("age_seconds")
    known = isinstance(age, (int, float))
    metrics = [f"result_age={digest.number(max(0, age))}"] if known else []
    if plain.get("runs") and not watch.get("stale"):
        metrics.append(f"duration={digest.number(plain.get('seconds', 0))}")
    text = [digest.headline(plain)] if watch.get("stale") else []
    text += [f"checked {duration.words(max(0, age))} ago"] if known and not text else []
    text += [f"alarms not delivered: {len(lost)}"] if lost else []
    text += filter(None, [digest.elsewhere(plain)])
    text += [digest.state_words(plain) or "one run"] if not watch.get("stale") else []
    status = "unknown" if watch.get("stale") else "warning" if lost or digest.elsewhere(plain) else "ok"
    return _line(status, "Mail watch", "|".join(metrics) or "-", "; ".join(text), digest.watched(plain))


def _upper(plain: Plain, kind: str, name: str) -> str:
    """The upper bound, the only one that Checkmk takes; other ranges have raised the status already."""
    text = str(plain["levels"][kind].get(name, ""))
    return text if text.replace(".", "", 1).isdecimal() else ""


def _line(status: str, service: str, metrics: str, text: str, more: Sequence[str] = ()) -> str:
    name = "".join(c for c in digest.clean(service) if c not in "\"'|\\")
    details = [_words(line) for line in more if line.strip()][:DETAILS]
    return f'{digest.CODES[status]} "{name}" {metrics} ' + "\\n".join([_words(text), *details]) + "\n"


def _words(text: str) -> str:
    # A backslash would begin an escape.
    words = digest.clean(text).replace("\\", "/")
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"

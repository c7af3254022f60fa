"""For Zabbix: one small JSON object, from which dependent items take their values.

An agent stops at 512 kB, a text item at 64 kB; the text stays under LIMIT. Unknown values are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from diagnose.report import Plain, digest
from diagnose.report.levels import with_levels

LIMIT = 16_000  # bytes
TEXT = 500  # characters of one text
MOST = 20  # entries of one list


def render(plain: Plain, warning: str | None = None, critical: str | None = None) -> str:
    """status: 0 to 3 as for Nagios. seconds and messages are numbers, moments ISO 8601. Raises UsageError for levels
    that cannot be read."""
    plain = with_levels(plain, warning, critical)
    watch = digest.kept(plain)
    counts = digest.queue(plain)
    fresh = not watch.get("stale")
    first = next(iter(digest.main_diagnoses(plain)), None) if fresh else None
    found: dict[str, Any] = {
        "status": digest.CODES[digest.status(plain)],
        "host": plain["host"]["name"],
        "problem": digest.headline(plain),
        "cause": first["cause"] if first else "none" if fresh else None,
        "confidence": first["confidence"] if first else None,
        "impact": first["impact"] if first else None,
        "evidence": digest.statement(first["support"][0]) if first and first["support"] else None,
        "do": first["remedy"]["text"] if first else None,
        "commands": digest.commands(plain, first)[:MOST] if first else None,
        "also": [d["cause"] for d in digest.main_diagnoses(plain)[1:MOST]] if fresh else None,
        "state": watch.get("state"),
        "since": watch.get("since"),
        "age": watch.get("age_seconds"),
        "stale": int(not fresh),
        "lost_alarms": len(digest.undelivered(plain)),
        "acknowledged": len(watch.get("ignored", ())),
        "started": plain["started"] if plain.get("runs") else None,
        "seconds": plain["seconds"] if fresh and plain.get("runs") else None,
        "queue": counts.length,
        "oldest": counts.oldest,
        "held": counts.held,
        "states": digest.shares(plain, "states"),
        "reasons": _largest(digest.shares(plain, "reasons")),
        "rising": [each["domain"] for each in digest.trend(plain) if each["rising"]][:MOST],
        "notes": plain.get("notes", ())[:MOST],
    }
    text = _text(found, TEXT)
    return text if len(text) < LIMIT else _text(found, TEXT // 10)


def _text(found: Plain, longest: int) -> str:
    short = {key: _short(value, longest) for key, value in found.items() if value not in (None, [], (), {})}
    return json.dumps(short, ensure_ascii=True, allow_nan=False) + "\n"


def _short(value: Any, longest: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_short(item, longest) for item in value]
    if isinstance(value, str):
        words = digest.clean(value)
        return words if len(words) <= longest else words[: longest - 1] + "…"
    return value


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: -pair[1])[:MOST])

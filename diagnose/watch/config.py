"""The optional configuration file: TOML, its keys the names of the options; what the command line says wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import UsageError
from diagnose.parse.text import bounded
from diagnose.report import Plain

PLACE = Path("/etc/mail-diagnose.toml")
LIMIT = 1_000_000  # bytes
TEXT, NUMBER, WHOLE, LIST, FLAG = "a text in quotes", "a number", "a whole number", "a list of texts", "true or false"
KEYS: Mapping[str, str] = {
    "to": TEXT,
    "from": TEXT,
    "app-config": LIST,
    "only": LIST,
    "skip": LIST,
    "timeout": NUMBER,
    "no-network": FLAG,
    "no-auth": FLAG,
    "state-dir": TEXT,
    "attempts": WHOLE,
    "unknown-attempts": WHOLE,
    "flap-high": NUMBER,
    "flap-low": NUMBER,
    "renotify": TEXT,
    "retention": TEXT,
    "jitter": TEXT,
    "notify": LIST,
    "heartbeat": TEXT,
    "heartbeat-status": FLAG,
    "canary": TEXT,
    "canary-every": TEXT,
    "max-age": TEXT,
    "state": TEXT,
    "format": LIST,
    "warning": TEXT,
    "critical": TEXT,
}


def load(path: Path | None, reading: bool = False) -> dict[str, Any]:
    """Raises UsageError, with the line, for a file that is named and missing, not TOML, or has an unknown option.

    reading: for a command that only reads results. A monitoring system's user need not see the webhooks' secrets: the
    usual file counts as absent where it may not be read.
    """
    place = path or PLACE
    try:
        text = files.read(place, LIMIT, owners=files.trusted()).decode("utf-8")
    except FileNotFoundError:
        if path is None:
            return {}
        raise UsageError(f"--config {path}: no such file") from None
    except OSError as error:
        if reading and path is None and isinstance(error, PermissionError) and not isinstance(error, files.Refused):
            return {}
        raise UsageError(f"cannot read {place}: {error.strerror}; --config names another file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{place}: not UTF-8 text") from None
    try:
        data = bounded.toml(text)
    except ValueError as error:
        where = re.search(r"\(at (line \d+)", str(error))
        why = f" at {where[1]}: see https://toml.io" if where else f": {error}"
        raise UsageError(f"{place}: not valid TOML{why}") from None
    for key, value in data.items():
        where_text = f"{place}, line {_line(text, key)}"
        if key not in KEYS:
            from difflib import get_close_matches

            near = get_close_matches(key, KEYS, 1)
            hint = f"; is {near[0]!r} meant?" if near else f"; known options: {', '.join(KEYS)}"
            raise UsageError(f"{where_text}: {key!r} is not an option{hint}")
        if not _fits(value, KEYS[key]):
            raise UsageError(f"{where_text}: {key!r} takes {KEYS[key]}")
    return data


def exposed(path: Path | None, data: Plain) -> str:
    """A warning if every user may read the webhooks' addresses, which are secrets; else ""."""
    place = path or PLACE
    if not {"notify", "heartbeat"} & set(data):
        return ""
    try:
        open_to_all = bool(place.stat().st_mode & 0o004)
    except OSError:
        return ""
    return f"{place} names webhooks, and everybody can read it: chmod o-r {place}" if open_to_all else ""


def _fits(value: Any, kind: str) -> bool:
    if kind == LIST:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == TEXT:
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (kind == NUMBER and isinstance(value, float))


def _line(text: str, key: str) -> int:
    """The line of a top-level key, or of the table of that name."""
    name = re.escape(key)
    start = re.compile(rf"""\s*(?:\[+\s*)?(?:"{name}"|'{name}'|{name})\s*(?:[=.\]]|$)""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), 1)

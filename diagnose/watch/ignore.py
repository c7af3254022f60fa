"""Acknowledged findings: signs, with or without a subject, that do not count until a given day or for good."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import StateError, UsageError
from diagnose.model import Observation
from diagnose.parse.text import bounded
from diagnose.parse.text.masking import plain
from diagnose.record import frozen
from diagnose.report import Plain
from diagnose.watch.files import failure, keep_whole, locked, prepare

NAME = "ignored.json"
LIMIT = 1_000_000  # bytes


@frozen
class Rule:
    """subject: None for every subject. until, since: ISO 8601; until None for good. why: in the user's words."""

    sign: str
    subject: str | None
    until: str | None
    why: str
    since: str

    @property
    def name(self) -> str:
        return self.sign if self.subject is None else f"{self.sign}:{self.subject}"

    def covers(self, sign: str, subject: str) -> bool:
        return self.sign == sign and self.subject in (None, subject)

    def expired(self, at: datetime) -> bool:
        return self.until is not None and datetime.fromisoformat(self.until) <= at


def parse_name(text: str) -> tuple[str, str | None]:
    """SIGN[:SUBJECT]; a subject may hold colons."""
    sign, colon, subject = plain(text).strip().partition(":")
    if not sign or (colon and not subject):
        raise UsageError(f"{text!r} is not of the form SIGN[:SUBJECT], such as queue.age or egress.port-25:192.0.2.1")
    return sign, subject if colon else None


def parse_until(text: str, now: datetime) -> str:
    """A day (to its end), a moment, or a span from now."""
    from diagnose.parse.text.duration import seconds

    span = seconds(text)
    try:
        if span is not None:
            moment = now + timedelta(seconds=span)
        elif len(text) == len("2026-12-24"):
            day = date.fromisoformat(text) + timedelta(days=1)
            moment = datetime(day.year, day.month, day.day).astimezone()
        else:
            moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(f"--until takes a day (2026-12-24) or a span (90m, 14d), not {text!r}") from None
    if moment <= now:
        raise UsageError(f"--until {text}: that has passed already")
    return moment.isoformat(timespec="seconds")


def load(directory: Path) -> tuple[Rule, ...]:
    """Raises StateError if the list cannot be read; the caller must say so, because acknowledged findings would
    alarm again."""
    path = directory / NAME
    try:
        rows = bounded.json(files.read(path, LIMIT, owners=files.trusted(service=True)))["ignored"]
        rules = tuple(Rule(**row) for row in rows)
        for rule in rules:
            rule.expired(datetime.now().astimezone())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise failure(error, f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise StateError(f"{path} is damaged: correct it, or remove it and add the findings again") from None
    return rules


def change(directory: Path, edit: Callable[[tuple[Rule, ...]], Sequence[Rule]]) -> None:
    """Loads, edits and keeps the list under its own lock."""
    prepare(directory)
    with locked(directory, "ignored.lock", "another change of this list"):
        rules = sorted(edit(load(directory)), key=lambda rule: rule.name)
        text = json.dumps({"schema": 1, "ignored": [asdict(rule) for rule in rules]}, indent=1, ensure_ascii=False)
        keep_whole(directory / NAME, text + "\n")


def matcher(rules: Sequence[Rule], at: datetime) -> Callable[[Observation], bool] | None:
    """For the ranking: a test whether an observation is acknowledged. None if no rule is in force."""
    current = [rule for rule in rules if not rule.expired(at)]
    if not current:
        return None
    return lambda observation: any(rule.covers(observation.sign, observation.subject) for rule in current)


def counted(rules: Sequence[Rule], report: Plain, at: datetime) -> list[dict[str, Any]]:
    """The acknowledged findings of this report; observations that are OK are left out."""
    found = []
    for run in report["runs"]:
        for seen in run["observations"]:
            if seen["status"] not in ("failed", "warning"):
                continue
            rule = next((r for r in rules if not r.expired(at) and r.covers(seen["sign"], seen["subject"])), None)
            if rule is not None:
                found.append(
                    {
                        "sign": seen["sign"],
                        "subject": seen["subject"],
                        "summary": seen["summary"],
                        "status": seen["status"],
                        "why": rule.why,
                        "until": rule.until,
                    }
                )
    return found

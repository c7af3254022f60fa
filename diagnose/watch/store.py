"""The history of outages, in SQLite: when each began and ended, how bad it was, and its causes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from diagnose.errors import StateError
from diagnose.report import Plain
from diagnose.watch.files import hand_over

NAME = "history.sqlite"
_TABLE = """
CREATE TABLE IF NOT EXISTS outage (
    id TEXT PRIMARY KEY,        -- of the kept state, so that keeping it twice keeps it once
    began REAL NOT NULL,        -- seconds since the epoch, as the rest
    ended REAL,                 -- NULL while it lasts
    worst TEXT NOT NULL,        -- warning or failed
    causes TEXT NOT NULL,       -- ids, comma separated, in the order in which they were told
    title TEXT NOT NULL,        -- of the first cause
    passes INTEGER NOT NULL
)
"""
Outage = dict[str, Any]
COLUMNS = ("id", "began", "ended", "worst", "causes", "title", "passes")


@contextmanager
def opened(directory: Path) -> Iterator[sqlite3.Connection]:
    path = directory / NAME
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as link:
            # One writer, seldom: a rollback journal needs no side files that other users could not open.
            link.execute("PRAGMA journal_mode=DELETE")
            with link:
                link.execute(_TABLE)
                yield link
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: {error}") from None


def keep(directory: Path, outages: Sequence[Plain], since: float) -> str:
    """Inserts or updates the outages and deletes those that ended before `since` (epoch); returns a note when a damaged
    history was set aside. Raises StateError when it cannot be written."""
    try:
        _keep(directory, outages, since)
    except StateError as error:
        path = directory / NAME
        if "malformed" not in str(error) and "not a database" not in str(error):
            raise
        aside = directory / f"{NAME}.unusable-{time.time_ns():020d}"
        path.replace(aside)
        _keep(directory, outages, since)
        return f"the history was damaged: set aside as {aside}, starting afresh"
    return ""


def _keep(directory: Path, outages: Sequence[Plain], since: float) -> None:
    if (directory / NAME).is_symlink():
        raise StateError(f"{directory / NAME} is not a regular file: remove it")
    with opened(directory) as link:
        link.executemany(
            f"INSERT OR REPLACE INTO outage VALUES ({', '.join(f':{name}' for name in COLUMNS)})",
            [{**outage, "causes": ",".join(outage["causes"])} for outage in outages],
        )
        link.execute("DELETE FROM outage WHERE ended IS NOT NULL AND ended < ?", (since,))
    hand_over(directory / NAME)


def outages(directory: Path, since: float = 0.0) -> list[Outage]:
    """The outages not yet over at `since` (epoch seconds), newest first; empty if there is no history."""
    path = directory / NAME
    try:
        path.stat()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}; run as the user of the watch, or as root") from None
    try:
        try:
            rows = _rows(path, since, "ro")
        except sqlite3.OperationalError:
            # A pass that was killed as it wrote left its journal: whoever may write takes it back first.
            rows = _rows(path, since, "rw")
    except sqlite3.DatabaseError as error:
        raise StateError(f"cannot read {path}: {error}") from None
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for outage in found:
        outage["causes"] = [cause for cause in str(outage["causes"]).split(",") if cause]
    return found


def _rows(path: Path, since: float, mode: str) -> list[Any]:
    # Not `opened`, which writes: whoever may only read the history has no rights to that.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5.0)) as link:
        return link.execute(
            f"SELECT {', '.join(COLUMNS)} FROM outage WHERE ended IS NULL OR ended >= ? ORDER BY began DESC, id",
            (since,),
        ).fetchall()

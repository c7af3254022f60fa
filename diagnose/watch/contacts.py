"""Restraint towards other people's servers: few questions while mail is seen to pass, and no second try of refused
credentials.

Kept beside the state, readable by its owner alone: a key, when others were last asked, and a keyed hash of each
refused login.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import StateError
from diagnose.parse.text import bounded
from diagnose.watch import refuge, state
from diagnose.watch.files import keep_private

NAME = "contacts.json"
PAUSE = 3600.0  # seconds
_LIMIT = 1_000_000  # bytes
_MOST = 100  # refused logins that are kept

Report = dict[str, Any]
Look = Callable[[bool, float], tuple[Report, bool]]
"""look(network, seconds): the report, and whether a delivery within the hour stands in the log."""


class Contacts:
    """Read when a pass begins, written by `keep` when it ends. `directory` None: nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.key, self.looked, self.again = secrets.token_hex(32), 0.0, ""
        self._refused: dict[str, dict[str, Any]] = {}
        if directory is None:
            return
        for place in (directory, *refuge.known(directory)):
            self._read(place)

    def _read(self, directory: Path) -> None:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            kept = bounded.json(files.read(directory / NAME, _LIMIT, owners=files.trusted(service=True)))
            key, looked = bytes.fromhex(kept["key"]).hex(), float(kept["looked"])
            refused = {
                str(one): {"at": float(each["at"]), "reply": str(each["reply"])}
                for one, each in kept["refused"].items()
                if _recent(float(each["at"]))
            }
            self.key, self.looked, self._refused = key, looked, refused

    def refused(self, place: str, user: str, password: str) -> str | None:
        """The reply by which this server refused these credentials within the hour; None if it may be asked."""
        found = self._refused.get(self._hash(place, user, password))
        if found is None:
            return None
        at = time.strftime("%H:%M", time.localtime(found["at"]))
        self.again = f"{place} refused these credentials at {at}: not tried again within the hour, unless they change"
        return str(found["reply"])

    def keep_refused(self, place: str, user: str, password: str, reply: str) -> None:
        self._refused[self._hash(place, user, password)] = {"at": time.time(), "reply": reply[:2000]}

    def keep(self) -> None:
        """If the file cannot be written, the next pass asks others again."""
        if self.directory is not None:
            text = {"key": self.key, "looked": self.looked, "refused": dict(list(self._refused.items())[-_MOST:])}
            with suppress(StateError, OSError):
                refuge.keep(self.directory / NAME, json.dumps(text), keep_private)

    def _hash(self, *parts: str) -> str:
        text = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hmac.new(bytes.fromhex(self.key), text, "sha256").hexdigest()

    def look(self, look: Look, seconds: float) -> Report:
        """The log and the queue first; others where these do not show that mail passes as before, or an hour went by."""
        began = time.monotonic()
        before = self._before()
        if before is not None:
            report, passes = look(False, seconds / 2)
            if passes and _as_before(report, before):
                return _with_what_was_seen(report, before, self.looked)
        report, _ = look(True, max(1.0, seconds - (time.monotonic() - began)))
        self.looked = time.time()
        return report

    def _before(self) -> Report | None:
        """The last pass's report, if it makes asking others unnecessary."""
        if self.directory is None or not _recent(self.looked):
            return None
        try:
            kept = state.load(self.directory)
        except (state.Unusable, StateError):
            return None
        if kept is None or kept["machine"].get("attempt"):
            return None
        report: Report = kept["report"]
        settled = report["status"] == kept["machine"].get("status") and report["status"] in ("ok", "warning")
        return report if settled else None


def _recent(at: float) -> bool:
    """Within the hour; a clock that was set back makes nothing recent."""
    return 0 <= time.time() - at < PAUSE


def _as_before(report: Report, before: Report) -> bool:
    known = {each["cause"] for each in before["diagnoses"]}
    return (
        report["status"] in ("ok", "warning")
        and report["target"] == before["target"]
        and report["version"] == before["version"]
        and all(each["cause"] in known for each in report["diagnoses"])
    )


def _with_what_was_seen(report: Report, before: Report, looked: float) -> Report:
    """The report; what this pass left out is taken from the last pass that contacted others."""
    old = {run["check"]: run for run in before["runs"]}
    unasked = {run["check"] for run in report["runs"] if run["outcome"] == "skipped"} & old.keys()
    runs = [old[run["check"]] if run["check"] in unasked else run for run in report["runs"]]
    signs = {o["sign"] for run in runs if run["check"] in unasked for o in run["observations"]}
    seen = {each["cause"] for each in report["diagnoses"]}
    kept = [
        each
        for each in before["diagnoses"]
        if each["cause"] in seen or any(one["sign"] in signs for one in each["support"])
    ]
    at = time.strftime("%H:%M", time.localtime(looked))
    note = f"mail passes: the network, other servers and the login were last tried at {at}"
    status = before["status"] if kept else report["status"]
    return {
        **report, "host": before["host"], "runs": runs, "diagnoses": kept, "status": status,
        "notes": [*report["notes"], note],
    }  # fmt: skip

"""The state between passes: one JSON file with the last report, the state machine and the alarms still to send.

Reading it needs neither the engine nor the network's libraries, so that a monitoring system's call is cheap.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import StateError
from diagnose.parse.text import bounded
from diagnose.report import Plain
from diagnose.watch import refuge
from diagnose.watch.files import NotKept, failure

SCHEMA = 1
NAME = "state.json"
LIMIT = 16_000_000  # bytes
SYSTEM = Path("/var/lib/mail-diagnose")
FUTURE = 60.0  # seconds that a result may be ahead of the clock before its age counts as unknown

State = dict[str, Any]


class Unusable(Exception):
    """The file exists but cannot be used: damaged, or of another schema; str() says which."""


def default_dir() -> Path:
    """The default state directory: systemd's StateDirectory, /var/lib for root, else by the XDG rules."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given.startswith("/"):
        return Path(given)
    if os.geteuid() == 0:
        return SYSTEM
    home = os.environ.get("XDG_STATE_HOME", "")
    if home.startswith("/"):
        return Path(home) / "mail-diagnose"
    try:
        return Path.home() / ".local/state/mail-diagnose"
    except RuntimeError:
        raise StateError("this user has no home directory: set --state-dir for the state") from None


def reading_dir() -> Path:
    """The state directory to read: the user's own if it exists, else the system's."""
    try:
        own = default_dir()
    except StateError:
        return SYSTEM
    return own if os.path.exists(own / NAME) or not os.path.isdir(SYSTEM) else SYSTEM


def load(directory: Path) -> State | None:
    """The kept state, in its directory or the stand-in; None if there is none yet. Raises Unusable, or StateError if it
    cannot be read."""
    newest: State | None = None
    for place in refuge.known(directory):
        with suppress(Unusable, StateError):
            newest = newest or _load(place)
    try:
        own = _load(directory)
    except (Unusable, NotKept):
        if newest is None:
            raise
        return newest
    if newest is None or own is None:
        return newest or own
    if own["id"] != newest["id"]:
        return _going_on(own, newest)
    return own if own["passes"] > newest["passes"] else newest


def _going_on(own: State, newest: State) -> State:
    """The stand-in that was started while the directory could not be read, with that one's undelivered alarms and
    open outage added."""
    closed, outage, lasts = [*own["closed"], *newest["closed"]], own.get("outage"), newest.get("outage")
    if outage and lasts:
        lasts = {**lasts, "id": outage["id"], "began": outage["began"]}
    elif outage:
        closed.append({**outage, "ended": max(outage["began"], float(newest["written"].get("epoch", 0)))})
    return {
        **newest,
        **{name: max(own[name], newest[name]) for name in ("serial", "passes")},
        "id": own["id"],
        "outbox": [*own["outbox"], *newest["outbox"]],
        "closed": closed,
        "outage": lasts,
    }


def _load(directory: Path) -> State | None:
    path = directory / NAME
    try:
        state = bounded.json(files.read(path, LIMIT, owners=files.trusted(service=True)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure(
            error, f"cannot read {path}: {error.strerror}; run as the user of the watch, or as root"
        ) from None
    except ValueError as error:
        raise Unusable(f"it is damaged ({error})") from None
    if not isinstance(state, dict) or not isinstance(state.get("schema"), int):
        raise Unusable("it is not a state file of mail-diagnose")
    if state["schema"] != SCHEMA:
        age = "an older" if state["schema"] < SCHEMA else "a newer"
        raise Unusable(f"it is of {age} version (schema {state['schema']}, this version keeps {SCHEMA})")
    wrong = _misshapen(state)
    if wrong:
        raise Unusable(f"it is damaged ({wrong})")
    return state


_SHAPE: Mapping[str, type] = {
    "id": str,
    "serial": int,
    "passes": int,
    "machine": dict,
    "report": dict,
    "written": dict,
    "outbox": list,
    "closed": list,
    "deliveries": list,
    "heartbeat": list,
}
_REPORT: Mapping[str, type] = {"status": str, "watch": dict, "notes": list, "diagnoses": list, "runs": list}
_ENTRY: Mapping[str, type] = {"key": str, "target": str, "note": dict, "tries": int, "problem": str}
_NOTE = tuple("id kind host status before cause title text since at".split())
_OUTAGE: Mapping[str, type] = {"id": str, "worst": str, "causes": list, "title": str, "passes": int}


def _misshapen(state: Plain) -> str:
    """The first part that no pass would write like this; "" if there is none."""
    for key, kind in _SHAPE.items():
        if not _is(state.get(key), kind):
            return key
    if not _fits(state["report"], _REPORT) or state["report"]["status"] not in ("ok", "unknown", "warning", "failed"):
        return "report"
    for entry in state["outbox"]:
        if not _fits(entry, _ENTRY) or not _is(entry.get("since"), float) or any(n not in entry["note"] for n in _NOTE):
            return "outbox"
    outages = [*state["closed"], *([] if state.get("outage") is None else [state["outage"]])]
    for outage in outages:
        ended = outage.get("ended") if isinstance(outage, dict) else ""
        if (
            not _fits(outage, _OUTAGE)
            or not _is(outage.get("began"), float)
            or not (ended is None or _is(ended, float))
        ):
            return "outage"
        if not all(isinstance(cause, str) for cause in outage["causes"]):
            return "outage"
    ground = state.get("ground")
    if not (ground is None or isinstance(ground, dict)):
        return "ground"
    return "" if all(isinstance(item, dict) for item in state["deliveries"]) else "deliveries"


def _fits(value: Any, shape: Mapping[str, type]) -> bool:
    return isinstance(value, dict) and all(_is(value.get(key), kind) for key, kind in shape.items())


def _is(value: Any, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool) and abs(value) < 1e15
    return isinstance(value, kind)


def store(directory: Path, state: State) -> None:
    """Raises StateError, and then leaves the previous state in place."""
    refuge.keep(directory / NAME, json.dumps(state, ensure_ascii=False))


def room(directory: Path, size: int) -> str:
    """Whether a state of that many octets can be written: "" if the directory has room, else why only its stand-in
    has. Raises NotKept if neither has."""
    path = directory / f"{NAME}.probe"
    elsewhere = refuge.keep(path, " " * (size + 20_000))
    refuge.drop(path)
    with suppress(OSError):
        path.unlink()
    return elsewhere


def set_aside(directory: Path, why: str) -> str:
    """Moves an unusable state aside, keeping the newest three; returns a sentence about it."""
    kept = sorted(directory.glob(f"{NAME}.unusable-*"))
    aside = directory / f"{NAME}.unusable-{time.time_ns():020d}"
    try:
        for old in kept[:-2]:
            old.unlink(missing_ok=True)
        (directory / NAME).replace(aside)
    except OSError as error:
        return f"the kept state cannot be used: {why}; it cannot be set aside: {error.strerror}; starting afresh"
    return f"the kept state cannot be used: {why}; set aside as {aside}, starting afresh"


def moment(at: float) -> dict[str, Any]:
    """Now, by the clock and by the time since boot, so that ages survive a changed clock."""
    return {"epoch": at, "boot": _boot(), "uptime": _uptime()}


def age(kept: Plain) -> float | None:
    """Seconds since `kept`, None if the clock contradicts it."""
    uptime, boot = _uptime(), _boot()
    if boot and kept.get("boot") == boot and isinstance(kept.get("uptime"), (int, float)):
        passed = uptime - float(kept["uptime"])
        if passed >= 0:
            return passed
    epoch = kept.get("epoch")
    if not isinstance(epoch, (int, float)):
        return None
    passed = time.time() - float(epoch)
    return max(0.0, passed) if passed >= -FUTURE else None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _uptime() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def delivery(entry: Plain, delivered: bool, problem: str) -> dict[str, Any]:
    """The delivery status of an alarm, as reports show it."""
    note = entry["note"]
    return {
        "id": note["id"],
        "kind": note["kind"],
        "target": entry["target"],
        "at": note["at"],
        "tries": entry["tries"],
        "delivered": delivered,
        "problem": problem,
    }


def notifications(state: Plain) -> list[dict[str, Any]]:
    """The latest alarms: those that arrived or were given up, then those that still wait, then a failing heartbeat."""
    waiting = [delivery(entry, False, entry["problem"] or "not sent yet") for entry in state["outbox"]]
    heart = [
        {
            "id": "",
            "kind": "heartbeat",
            "target": "heartbeat",
            "at": None,
            "tries": 1,
            "delivered": False,
            "problem": text,
        }
        for text in state.get("heartbeat", ())
    ]
    return [*state.get("deliveries", ()), *waiting, *heart]


def last(state_dir: Path | None = None, max_age: float | None = None, *, hard: bool = False) -> dict[str, Any]:
    """The last report, as plain data of schema 1, with the key "watch" beside the schema's own.

    Where there is no result yet, or it cannot be read, or it is older than `max_age` seconds, its status is
    "unknown" and `watch.stale` is true; a note says why. An undelivered alarm makes it at least a warning.
    hard: its status is the one that enough passes confirmed; what a single pass saw is left to a note.
    """
    directory = state_dir or reading_dir()
    try:
        state = load(directory)
    except Unusable as why:
        return nothing(f"the state in {directory} cannot be used: {why}; the next `mail-diagnose watch` starts afresh")
    except StateError as error:
        return nothing(str(error))
    if state is None:
        return nothing(f"no result yet in {directory}: run `mail-diagnose watch`, or see --state-dir")
    report: dict[str, Any] = state["report"]
    watch = report.setdefault("watch", {})
    watch["notifications"] = notifications(state)
    if hard:
        _confirmed(report)
    if report["status"] == "ok" and any(not each["delivered"] for each in watch["notifications"]):
        report["status"] = "warning"
    passed = age(state.get("written", {}))
    watch["age_seconds"] = None if passed is None else round(passed, 1)
    watch["stale"] = False
    if passed is None:
        _stale(report, "the last result is from the future: the clock was set back, its age is not known")
    elif max_age is not None and passed > max_age:
        from diagnose.parse.text.duration import words

        _stale(report, f"the last result is {words(passed)} old, older than {words(max_age)}: is the timer running?")
    return report


def _confirmed(report: dict[str, Any]) -> None:
    """Limits the report to what the hard state says."""
    status = str(report["watch"].get("confirmed", report["status"]))
    if status == "ok":
        titles = [str(diagnosis["title"]) for diagnosis in report["diagnoses"]]
        if titles:
            report["notes"] = [f"the last pass saw: {titles[0]}; not confirmed yet", *report["notes"]]
        report["diagnoses"] = []
    report["status"] = status


def _stale(report: dict[str, Any], why: str) -> None:
    report["watch"]["stale"] = True
    report["watch"]["last_status"] = report["status"]
    report["status"] = "unknown"
    report["notes"] = [why, *report.get("notes", [])]


def nothing(why: str) -> dict[str, Any]:
    """An empty report with the reason as its note."""
    from diagnose import __version__

    name = os.uname().nodename
    return {
        "schema": 1,
        "version": __version__,
        "host": {
            "name": name, "system": "", "family": "", "mta": "", "user": "", "privileged": False, "network": False
        },
        "target": {"sender": None, "recipient": None},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "seconds": 0.0,
        "status": "unknown",
        "diagnoses": [],
        "advice": [],
        "runs": [],
        "notes": [why],
        "watch": {
            "state": None,
            "since": None,
            "attempts": 0,
            "ignored": [],
            "age_seconds": None,
            "stale": True,
            "last_status": None,
            "notifications": [],
        },
    }  # fmt: skip

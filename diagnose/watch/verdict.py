"""One report as input of the state machine."""

from __future__ import annotations

from collections.abc import Mapping

from diagnose.report import Plain
from diagnose.watch.machine import OK, UNKNOWN, Machine, Seen

Ground = dict[str, str]  # the check and the sign that spoke loudest for the hard state's cause


def seen(report: Plain, now: Machine, ground: Mapping[str, str] | None, at: float) -> Seen:
    """Status and first cause. A problem does not end because its proof could not be looked at: then the status is
    UNKNOWN."""
    status = str(report["status"])
    if status == OK and now.status not in (OK, UNKNOWN) and ground and not _looked(report, ground):
        status = UNKNOWN
    cause = None if status in (OK, UNKNOWN) else first(report)
    return Seen(status, cause, at)


def first(report: Plain) -> str | None:
    """The cause that is named first: no other one explains it."""
    for diagnosis in report["diagnoses"]:
        if not diagnosis["explained_by"]:
            return str(diagnosis["cause"])
    return None


def ground(report: Plain) -> Ground | None:
    """The check and sign that must be looked at before this report's problem counts as over."""
    for diagnosis in report["diagnoses"]:
        if diagnosis["explained_by"] or not diagnosis["support"]:
            continue
        sign = str(diagnosis["support"][0]["sign"])
        for run in report["runs"]:
            if any(o["sign"] == sign for o in run["observations"]):
                return {"check": str(run["check"]), "sign": sign}
    return None


def _looked(report: Plain, ground: Mapping[str, str]) -> bool:
    for run in report["runs"]:
        if run["check"] != ground.get("check"):
            continue
        statuses = [o["status"] for o in run["observations"] if o["sign"] == ground.get("sign")]
        if statuses:
            return any(status != UNKNOWN for status in statuses)
        # Skipped: what it asks about is not here any more.
        return run["outcome"] in ("completed", "skipped")
    return True  # the check is no longer among those that are run

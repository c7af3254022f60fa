"""Each check of a report in one line, for the formats that list them."""

from __future__ import annotations

from collections.abc import Mapping

from diagnose.record import frozen
from diagnose.report.digest import Plain, statement

_SEVERITY = {"ok": 0, "unknown": 1, "warning": 2, "failed": 3}


@frozen
class Line:
    """One check: its status as far as it matters to the verdict, and a sentence. done: it ran to its end, was not
    skipped or cut off, and did not crash."""

    check: str
    status: str
    outcome: str
    text: str
    seconds: float

    @property
    def done(self) -> bool:
        return self.outcome == "completed"


def lines(plain: Plain) -> list[Line]:
    """The checks in the report's order. An observation counts as much as the diagnoses that it supports: a closed
    port that no mail uses is a note, not an alarm. A check that was cut off or crashed is unknown; one that does not
    apply is ok, with the reason."""
    weight: dict[tuple[str, str], str] = {}
    for diagnosis in plain.get("diagnoses", ()):
        if diagnosis.get("explained_by"):
            continue
        bad = diagnosis["impact"] in ("partial", "outage") and diagnosis["confidence"] in ("certain", "likely")
        for support in diagnosis["support"]:
            key = (support["sign"], support["subject"])
            if support["weight"] > 0 and weight.get(key) != "failed":
                weight[key] = "failed" if bad else "warning"
    return [_line(run, weight) for run in plain.get("runs", ())]


def _line(run: Plain, weight: Mapping[tuple[str, str], str]) -> Line:
    outcome = str(run["outcome"])
    worst, text = "ok", ""
    noted = ""
    for o in run["observations"]:
        counts = weight.get((o["sign"], o["subject"]), "ok") if o["status"] in ("failed", "warning") else "ok"
        if _SEVERITY[counts] > _SEVERITY[worst]:
            worst, text = counts, statement(o)
        elif not noted and o["status"] != "ok":
            noted = ("not known: " if o["status"] == "unknown" else "noted: ") + statement(o)
    if outcome in ("timed-out", "crashed"):
        worst = "unknown" if worst == "ok" else worst
        text = text or f"{outcome}: {run['reason']}"
    elif outcome == "skipped":
        text = text or f"not checked: {run['reason']}"
    if not text:
        text = noted or (statement(run["observations"][0]) if run["observations"] else "nothing to report")
    return Line(check=str(run["check"]), status=worst, outcome=outcome, text=text, seconds=float(run["seconds"]))

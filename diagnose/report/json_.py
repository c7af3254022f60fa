"""The report as JSON, schema 1 (`diagnose/data/report.schema.json`)."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import fields
from typing import Any

from diagnose.model import Advice, Diagnosis, Observation, Report, Run, Status

# Of observations of one sign and status so many are told by themselves, and the others counted; fewer where a check has
# more than ROOM to tell even so. A queue of 20,000 messages for 3,000 domains makes no larger report than one of 20.
ALIKE = (10, 3, 1)
ROOM = 100


def render(report: Report) -> str:
    return json.dumps(as_plain(report), indent=2, ensure_ascii=False)


def as_plain(report: Report) -> dict[str, Any]:
    cited = {(s.sign, s.subject, s.summary) for d in report.diagnoses for s in (*d.support, *d.against)}
    return {
        "schema": report.schema,
        "version": report.version,
        "host": _fields(report.host),
        "target": _fields(report.target),
        "started": report.started.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "status": report.status.word,
        "diagnoses": [_diagnosis(diagnosis) for diagnosis in report.diagnoses],
        "advice": [_advice(advice) for advice in report.advice],
        "proofs": [{"stage": str(p.stage), "status": p.status.word, "why": p.why} for p in report.proofs],
        "unchecked": [str(stage) for stage in report.unchecked] if any(run.signs for run in report.runs) else [],
        "hidden": list(report.hidden),
        "runs": [_run(run, cited) for run in report.runs],
        "notes": list(report.notes),
    }


def _fields(value: Any) -> dict[str, Any]:
    """A record's fields by name; the schema uses the same names."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    cause = diagnosis.cause
    return {
        "cause": cause.id,
        "title": cause.title,
        "explanation": cause.explanation,
        "station": cause.station,
        "impact": cause.impact.word,
        "confidence": diagnosis.confidence.word,
        "score": diagnosis.score,
        "explained_by": diagnosis.explained_by,
        "support": [_fields(s) for s in diagnosis.support],
        "against": [_fields(s) for s in diagnosis.against],
        "unknown": list(diagnosis.unknown),
        "remedy": {
            "text": diagnosis.remedy.text,
            "commands": list(diagnosis.remedy.commands),
            "others": [{"who": who, "text": text, "record": record} for who, text, record in diagnosis.remedy.others],
        },
        "relay": cause.relay,
        "otherwise": cause.otherwise,
        "links": list(cause.links),
        "data": dict(diagnosis.data),
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return _fields(advice) | {
        "main_cf": dict(advice.main_cf),
        "files": [_fields(file) for file in advice.files],
        "commands": list(advice.commands),
        "notes": list(advice.notes),
    }


def _run(run: Run, cited: Container[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "check": run.check,
        "title": run.title,
        "outcome": run.outcome.value,
        "seconds": run.seconds,
        "reason": run.reason,
        "observations": _observations(run, cited),
    }


def _observations(run: Run, cited: Container[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Repetitions are left out and counted as "more" on the last one kept; cited and measured observations are
    always kept."""
    found: list[dict[str, Any]] = []
    for alike in ALIKE:
        found = []
        told: dict[tuple[str, Status], list[dict[str, Any]]] = {}
        for each in run.observations:
            kind = told.setdefault((each.sign, each.status), [])
            if len(kind) < alike or run.spec(each.sign).gauge or (each.sign, each.subject, each.summary) in cited:
                kind.append(_observation(each, run))
                found.append(kind[-1])
            else:
                kind[-1]["more"] = kind[-1].get("more", 0) + 1
        if len(found) <= ROOM:
            break
    return found


def _observation(observation: Observation, run: Run) -> dict[str, Any]:
    plain = {
        "sign": observation.sign,
        "status": observation.status.word,
        "subject": observation.subject,
        "summary": observation.summary,
        "data": dict(observation.data),
        "at": observation.at.isoformat() if observation.at else None,
    }
    spec = run.spec(observation.sign)
    marks = {"gauge": spec.gauge, "clears": spec.clears}
    return plain | {name: word for name, word in marks.items() if word}

"""One JSON object on each line, for log shippers and jq: the report first, then a line for each finding."""

from __future__ import annotations

import json
from typing import Any

from diagnose.report import Plain, digest


def render(plain: Plain) -> str:
    """type: report, diagnosis, advice, observation (not ok) or check (not carried out).

    Every line carries schema, host and started, so that each stands alone.
    """
    head = {"schema": plain["schema"], "host": plain["host"]["name"], "started": plain["started"]}
    found: list[dict[str, Any]] = []
    report = {k: plain[k] for k in ("version", "status", "seconds", "target", "notes") if k in plain}
    first = digest.main_diagnoses(plain)
    counts = digest.queue(plain)
    report |= {
        "system": plain["host"]["system"],
        "mta": plain["host"]["mta"],
        "cause": first[0]["cause"] if first else None,
        "queue": {"messages": counts.length, "oldest_seconds": counts.oldest, "held": counts.held},
    }
    if "watch" in plain:
        report["watch"] = plain["watch"]
    found.append({"type": "report", **head, **report})
    found += [{"type": "diagnosis", **head, **diagnosis} for diagnosis in plain.get("diagnoses", ())]
    found += [{"type": "advice", **head, **advice} for advice in plain.get("advice", ())]
    for run in plain.get("runs", ()):
        if run["outcome"] in ("timed-out", "crashed"):
            keep = {k: run[k] for k in ("check", "outcome", "reason", "seconds")}
            found.append({"type": "check", **head, **keep})
        found += [
            {"type": "observation", **head, "check": run["check"], **observation}
            for observation in run["observations"]
            if observation["status"] != "ok"
        ]
    # ensure_ascii: no line separator of Unicode ends a line, and no consumer guesses the encoding.
    return "".join(json.dumps(line, ensure_ascii=True, allow_nan=False) + "\n" for line in found)

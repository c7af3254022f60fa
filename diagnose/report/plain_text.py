"""The last result of a watch for reading: its state, the diagnoses, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.parse.text.masking import plain as hygiene

_WORDS = {"ok": "OK", "warning": "WARNING", "failed": "FAILED", "unknown": "UNKNOWN"}


def render(plain: Mapping[str, Any]) -> str:
    watch = plain.get("watch", {})
    name = plain.get("host", {}).get("name", "")
    lines = [f"{_WORDS.get(str(plain['status']), 'UNKNOWN')}{f' {name}' if name else ''}, looked at {plain['started']}"]
    state = [str(watch["state"])] if watch.get("state") else []
    if watch.get("since"):
        state.append(f"since {watch['since']}")
    if watch.get("attempts"):
        state.append(f"seen {watch['attempts']} times in a row")
    if state:
        lines.append(f"State: {', '.join(state)}")
    lines += [f"Note: {note}" for note in plain.get("notes", ())]
    for diagnosis in plain.get("diagnoses", ()):
        if diagnosis.get("explained_by"):
            continue
        lines += ["", f"{diagnosis['title']} ({diagnosis['confidence']}, {diagnosis['cause']})"]
        lines += [f"  because {support['subject']}: {support['summary']}" for support in diagnosis["support"]]
        lines.append(f"  {diagnosis['remedy']['text']}")
        lines += [f"    {line}" for command in diagnosis["remedy"]["commands"] for line in command.split("\n")]
    ignored = watch.get("ignored", ())
    if ignored:
        lines += ["", f"Acknowledged, not weighed: {len(ignored)}"]
        lines += [f"  {item['sign']} {item['subject']}: {item['summary']} ({item['why']})" for item in ignored]
    undelivered = [item for item in watch.get("notifications", ()) if not item.get("delivered")]
    if undelivered:
        lines += ["", f"Alarms not delivered: {len(undelivered)}"]
        lines += [f"  {item['target']}: {item['problem']} (tried {item['tries']} times)" for item in undelivered]
    return hygiene("\n".join(lines)) + "\n"

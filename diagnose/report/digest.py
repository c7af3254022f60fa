"""What several formats take out of a report of schema 1: pure, and without the model or the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diagnose.parse.text.masking import mask
from diagnose.parse.text.masking import plain as hygiene

Plain = Mapping[str, Any]

WORDS = {"ok": "OK", "warning": "WARNING", "failed": "CRITICAL", "unknown": "UNKNOWN"}  # as monitors call them
CODES = {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}
_SEVERITY = {"ok": 0, "unknown": 1, "warning": 2, "failed": 3}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~\u0080-\U0010ffff-]+(?=@[A-Za-z0-9\u0080-\U0010ffff\[])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The mail queue as far as it could be read: messages, and the age of the oldest in seconds; None: not known."""

    length: int | None = None
    oldest: int | None = None
    held: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One check: its status as far as it matters to the verdict, and a sentence.

    done: it was carried out; `not` for one that does not apply here, was cut off or crashed.
    """

    check: str
    status: str
    outcome: str
    text: str
    seconds: float

    @property
    def done(self) -> bool:
        return self.outcome == "completed"


def status(plain: Plain) -> str:
    found = str(plain.get("status", "unknown"))
    return found if found in CODES else "unknown"


def main_diagnoses(plain: Plain) -> list[Plain]:
    """Those that no other one explains, the answer first."""
    return [d for d in plain.get("diagnoses", ()) if not d.get("explained_by")]


def observations(plain: Plain) -> Iterator[Plain]:
    for run in plain.get("runs", ()):
        yield from run.get("observations", ())


def measured(plain: Plain, gauge: str) -> Iterator[Plain]:
    """What was observed by signs that are this gauge (`diagnose.model.SignSpec`)."""
    return (o for o in observations(plain) if o.get("gauge") == gauge)


def ports(plain: Plain) -> Iterator[tuple[Plain, int, bool]]:
    """Each TCP port that is known to get out of this network or not: the observation, the port, whether it does."""
    for observation in measured(plain, "port"):
        port = _whole(observation["data"].get("port"))
        if port is not None and observation["status"] in ("ok", "failed"):
            yield observation, port, observation["status"] == "ok"


def queue(plain: Plain) -> Queue:
    found: dict[str, int | None] = {"length": None, "oldest": None, "held": None}
    for data in (o["data"] for o in measured(plain, "queue") if "count" in o["data"]):
        found.update(length=_whole(data["count"]), oldest=_whole(data.get("oldest")))
    for observation in measured(plain, "held"):
        found["held"] = _whole(observation["data"].get("count", 0))
    return Queue(**found)


def lines(plain: Plain) -> list[Line]:
    """The checks in the report's order.

    What was observed counts with the weight of the diagnoses that it supports: a closed port that no mail takes is a
    note, not an alarm. A check that was cut off or crashed is unknown; one that does not apply is ok and says so.
    """
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
        text = noted or (statement(run["observations"][0]) if run["observations"] else "nothing to tell")
    return Line(check=str(run["check"]), status=worst, outcome=outcome, text=text, seconds=float(run["seconds"]))


def statement(said: Plain) -> str:
    """An observation's or support's summary, with its subject before it where it does not name it itself."""
    subject, summary = clean(str(said["subject"])), clean(mask(str(said["summary"])))
    return summary if subject.lower() in summary.lower() else f"{subject}: {summary}"


def headline(plain: Plain) -> str:
    """The verdict in a sentence."""
    watch = plain.get("watch", {})
    notes = [clean(str(note)) for note in plain.get("notes", ())]
    if status(plain) == "unknown":
        return notes[0] if notes else "could not tell"
    found = main_diagnoses(plain)
    if not found:
        ignored = len(watch.get("ignored", ()))
        return "nothing wrong found" + (f" ({ignored} acknowledged)" if ignored else "")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    first = found[0]
    return f"{clean(str(first['title']))} [{first['cause']}, {first['confidence']}]{more}"


def state_words(plain: Plain) -> str:
    """soft, hard and the rest between passes of `watch`, in words; empty without them."""
    watch = plain.get("watch", {})
    state = str(watch.get("state") or "")
    if not state:
        return ""
    words = [f"state {state}"]
    if watch.get("attempts"):
        words.append(f"attempt {watch['attempts']}")
    if watch.get("since"):
        words.append(f"since {watch['since']}")
    return clean(", ".join(words))


def undelivered(plain: Plain) -> list[Plain]:
    return [n for n in plain.get("watch", {}).get("notifications", ()) if not n.get("delivered", True)]


def started(plain: Plain) -> datetime | None:
    try:
        return datetime.fromisoformat(str(plain.get("started")))
    except ValueError:
        return None


def clean(text: str) -> str:
    """One line without control characters and bidirectional marks."""
    return " ".join(hygiene(text.replace("\r", " ")).split())


def clean_block(text: str) -> str:
    """The same with line ends kept."""
    return hygiene(text.replace("\u2028", "\n").replace("\u2029", "\n"))


def anonymous(text: str) -> str:
    """Without the local parts of mail addresses: for a ticket that others read."""
    return _ADDRESS.sub("***", text)


def number(value: Any) -> str:
    """A number without exponent: three decimals at most."""
    found = f"{float(value):.3f}"
    return found.rstrip("0").rstrip(".") if "." in found else found


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e15:
        return None
    return max(0, int(value))

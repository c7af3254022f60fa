"""For the node exporter's textfile collector: the classic text format, without timestamps (they would make it drop the
file) and without labels of many values (recipients, queue ids).

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diagnose.report import Plain, checklines, digest

Sample = tuple[Mapping[str, str], float]
_STATES = ("ok", "soft", "hard", "flapping", "acknowledged")


def render(plain: Plain) -> str:
    watch = digest.kept(plain)
    counts = digest.queue(plain)
    begun = digest.started(plain)
    fresh = not watch.get("stale")
    text = _one(
        "maildiag_status",
        "Verdict of the last run: 0 ok, 1 warning, 2 critical, 3 unknown.",
        digest.CODES[digest.status(plain)],
    )
    text += _gauge(
        "maildiag_build_info", "The version that wrote this file.", [({"version": _label(plain["version"])}, 1)]
    )
    if begun is not None and plain.get("runs"):
        about = "When the last run began, in seconds since 1970."
        text += _one("maildiag_last_run_timestamp_seconds", about, begun.timestamp())
        text += _one("maildiag_run_duration_seconds", "How long it took.", float(plain["seconds"]))
    if fresh and plain.get("runs"):
        text += _causes(plain) + _checks(plain) + _ports(plain)
        text += _one("maildiag_queue_messages", "Messages in the mail queue.", counts.length)
        text += _one("maildiag_queue_oldest_message_age_seconds", "Age of the oldest one.", counts.oldest)
        text += _one("maildiag_queue_held_messages", "Messages on hold.", counts.held)
        text += _gauge(
            "maildiag_queue_state_messages", "Messages by queue.",
            [({"state": _label(name)}, count) for name, count in digest.shares(plain, "states").items()],
        )  # fmt: skip
        text += _gauge(
            "maildiag_queue_reason_recipients", "Waiting recipients, by the reason for the delay.",
            [({"reason": _label(name)}, count) for name, count in digest.shares(plain, "reasons").items()],
        )  # fmt: skip
        trend = {_label(each["domain"]): each for each in digest.trend(plain)}
        text += _gauge(
            "maildiag_destination_deferred_ratio", "Share of the recent messages to a busy destination that were deferred.",
            [({"domain": domain}, each["share"]) for domain, each in trend.items()],
        )  # fmt: skip
        text += _gauge(
            "maildiag_destination_deferred_rising", "1 if that share is far above its earlier level.",
            [({"domain": domain}, int(each["rising"])) for domain, each in trend.items()],
        )  # fmt: skip
    if watch:
        text += _gauge(
            "maildiag_state", "1 for the current state of watch, 0 for the others.",
            [({"state": state}, int(watch.get("state") == state)) for state in _STATES],
        )  # fmt: skip
        if (since := digest.moment(watch.get("since"))) is not None:
            text += _one("maildiag_state_since_timestamp_seconds", "Since when that state lasts.", since.timestamp())
        text += _one("maildiag_stale", "1 if the last result is too old to count.", int(not fresh))
        text += _one("maildiag_ignored_findings", "Acknowledged findings.", len(watch.get("ignored", ())))
        lost = len(digest.undelivered(plain))
        text += _one("maildiag_undelivered_notifications", "Alarms that were not delivered.", lost)
    return text


def _causes(plain: Plain) -> str:
    scores: dict[tuple[str, str, str], float] = {}
    for diagnosis in digest.main_diagnoses(plain):
        key = (_label(diagnosis["cause"]), _label(diagnosis["impact"]), _label(diagnosis["confidence"]))
        scores[key] = max(float(diagnosis["score"]), scores.get(key, float("-inf")))
    labelled = [
        ({"cause": cause, "impact": impact, "confidence": confidence}, score)
        for (cause, impact, confidence), score in scores.items()
    ]
    return _one("maildiag_causes", "Causes found.", len(labelled)) + _gauge(
        "maildiag_cause_score_decibans", "Causes found, with their score (certain from 20, likely from 10).", labelled
    )


def _checks(plain: Plain) -> str:
    # A check has one line, whatever a foreign plug-in calls itself.
    checks = {_label(line.check): line for line in checklines.lines(plain)}
    return (
        _gauge(
            "maildiag_check_status", "0 ok or not applicable, 1 warning, 2 critical, 3 could not tell.",
            [({"check": name}, digest.CODES[line.status]) for name, line in checks.items()],
        )
        + _gauge(
            "maildiag_check_skipped", "1 if the check does not apply or was not carried out.",
            [({"check": name}, int(not line.done)) for name, line in checks.items()],
        )
        + _gauge(
            "maildiag_check_duration_seconds", "How long the check took.",
            [({"check": name}, line.seconds) for name, line in checks.items()],
        )
    )  # fmt: skip


def _ports(plain: Plain) -> str:
    found = {str(port): int(good) for _, port, good in digest.ports(plain)}
    return _gauge(
        "maildiag_egress_port_open", "1 if this TCP port gets out of this network.",
        [({"port": port}, value) for port, value in found.items()],
    )  # fmt: skip


def _one(name: str, help: str, value: float | None) -> str:
    """ "" for an unknown value."""
    return _gauge(name, help, [({}, value)] if value is not None else ())


def _gauge(name: str, help: str, samples: Iterable[Sample]) -> str:
    lines = []
    for labels, value in samples:
        inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inner}}} {digest.number(value)}" if inner else f"{name} {digest.number(value)}")
    if not lines:
        return ""
    return "\n".join([f"# HELP {name} {help}", f"# TYPE {name} gauge", *lines]) + "\n"


def _label(value: Any) -> str:
    return digest.clean(value)[:100]


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

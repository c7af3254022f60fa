"""Delivers alarms, and counts every attempt before it is made.

The count is on disk before anything goes out. A pass that dies between sending and noting it leaves the alarm in the
outbox, and the next pass sends it once more under the same id and a higher try: nothing is lost, and no try is made
twice. A target that hangs costs a pass one time-out, and one that asks for time (Retry-After) gets it.
"""

from __future__ import annotations

import functools
import json
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from diagnose import threads
from diagnose.parse.text.masking import KNOWN
from diagnose.report import Plain
from diagnose.watch import message, state
from diagnose.watch.target import SHAPES, Target

# key, target (its label), note, tries, problem, since (epoch seconds), after (not to be tried before, epoch seconds)
Entry = dict[str, Any]
PAUSES = (1.0, 3.0)  # seconds before the second and the third try of a pass
ONE = 10.0  # seconds that a single try may take
KEPT = 50  # entries for one target; beyond, the oldest are given up
TOO_OLD = 3 * 86_400.0  # seconds after which an alarm is of no use
PATIENCE = 3600.0  # seconds at most for which a target may ask

Result = dict[str, Any]


def enqueue(outbox: Sequence[Entry], targets: Sequence[Target], note: Plain, at: float) -> list[Entry]:
    return [
        *outbox,
        *(
            {"key": t.key, "target": t.label, "note": dict(note), "tries": 0, "problem": "", "since": at}
            for t in targets
        ),
    ]


def given_up(outbox: Sequence[Entry], targets: Sequence[Target], at: float) -> tuple[list[Entry], list[Result]]:
    """(entries still to be sent, entries given up): the latter are too old, too many, or for a target that is no
    longer configured."""
    known = {target.key for target in targets}
    keep: list[Entry] = []
    lost: list[Result] = []
    for place, entry in enumerate(outbox):
        younger = sum(1 for other in outbox[place + 1 :] if other["key"] == entry["key"])
        if entry["key"] not in known:
            continue
        if younger >= KEPT or abs(at - float(entry["since"])) > TOO_OLD:
            lost.append(state.delivery(entry, False, f"given up: {entry['problem'] or 'too old'}"))
        else:
            keep.append(entry)
    return keep, lost


def deliver(
    outbox: list[Entry],
    targets: Sequence[Target],
    report: Plain,
    deadline: float,
    keep: Callable[[], None],
    pauses: Sequence[float],
    clock: Callable[[], float] = time.time,
) -> list[Result]:
    """Sends, a thread for each target, oldest first; delivered entries leave `outbox`. Returns the result for each
    entry.

    keep: stores the outbox; called before each attempt and after each success, never concurrently.
    deadline: of time.monotonic(); entries without an answer by then count as not delivered, and stay.
    """
    gate = threading.Lock()
    ended = threading.Event()
    results: list[Result] = []
    broken: list[BaseException] = []

    def serve(target: Target) -> None:
        try:
            for entry in [e for e in outbox if e["key"] == target.key]:
                asked_to_wait = 0 < float(entry.get("after", 0.0)) - clock() <= PATIENCE
                if asked_to_wait or not _one(entry, target):
                    return
        except BaseException as error:  # a full disk: told by the pass, not lost in a thread
            broken.append(error)

    def _one(entry: Entry, target: Target) -> bool:
        wait = 0.0
        for pause in (0.0, *pauses):
            pause = max(pause, wait)
            if pause and (pause > ONE or time.monotonic() + pause >= deadline or ended.wait(pause)):
                break
            with gate:
                if ended.is_set() or time.monotonic() >= deadline:
                    break
                entry["tries"] += 1
                entry["problem"] = "sent, but its arrival was not noted"
                keep()
            note = {**entry["note"], "try": entry["tries"]}
            begun, allowed = time.monotonic(), min(ONE, deadline - time.monotonic())
            problem, asked = tell(target, note, report, allowed)
            with gate:
                if ended.is_set():
                    return False
                entry["problem"] = problem
                entry["after"] = clock() + min(asked, PATIENCE) if asked else 0.0
                if not problem:
                    outbox.remove(entry)
                    results.append(state.delivery(entry, True, ""))
                keep()
            if not problem:
                return True
            if time.monotonic() - begun >= 0.9 * allowed:
                break  # it hangs: once a pass is enough
            wait = asked or 0.0
        return False

    threads.together([functools.partial(serve, target) for target in targets], deadline + 0.5)
    with gate:
        ended.set()
        results += [state.delivery(entry, False, entry["problem"] or "no time was left for it") for entry in outbox]
    if broken:
        raise broken[0]
    return results


def tell(target: Target, note: Plain, report: Plain, timeout: float) -> tuple[str, float | None]:
    """One attempt. Returns why it failed, without secrets ("" for success), and the seconds to wait that the target
    asked for."""
    note, report = KNOWN.hide_data(dict(note)), KNOWN.hide_data(dict(report))
    if target.kind not in SHAPES:
        return _by_program(target, note, report, timeout), None
    from diagnose.host.live import web

    url, body, headers = message.shaped(target.kind, note, target.place)
    answer = web.send(url, body, headers, timeout)
    return answer.problem, answer.wait


def _by_program(target: Target, note: Plain, report: Plain, timeout: float) -> str:
    if target.kind in ("syslog", "journal"):
        from diagnose.host.live import datagram

        if target.kind == "journal":
            return datagram.journal(message.journal_fields(note), target.place or datagram.JOURNAL, timeout)
        severity = message.SEVERITY[str(note["status"])]
        line = "; ".join([str(note["title"]), *str(note.get("summary", "")).splitlines()])
        return datagram.syslog(line, severity, target.place or datagram.SYSLOG, timeout)
    if target.kind == "exec":
        from diagnose.host.live import hook

        names = ("id", "try", "kind", "status", "before", "cause", "title", "host")
        environment = {f"MAIL_DIAGNOSE_{name.upper()}": str(note[name] or "").replace("\0", "") for name in names}
        full = {**report, "watch": {**report.get("watch", {}), "event": dict(note)}}
        text = json.dumps(full, ensure_ascii=False) + "\n"
        return hook.feed(shlex.split(target.place), text, timeout, environment)
    from diagnose.host.live import apprise_

    tone = {"ok": "success", "failed": "failure", "warning": "warning"}.get(str(note["status"]), "info")
    return apprise_.send(target.place, str(note["title"]), str(note["text"]), tone, timeout)

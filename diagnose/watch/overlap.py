"""A pass that finds another one running: silent, unless the other one has exceeded its time limit."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from diagnose.parse.text.duration import words
from diagnose.watch import machine, message, notify, state
from diagnose.watch.files import Busy, mark
from diagnose.watch.target import Target


def tell(
    directory: Path, other: Busy, targets: Sequence[Target], deadline: float, pauses: Sequence[float]
) -> list[str]:
    """Sends one alarm about a hanging pass, because it blocks all later ones. Returns why deliveries failed."""
    if other.told:
        return []
    host, at = os.uname().nodename, time.time()
    title = f"{host}: UNKNOWN: mail is not watched: {hangs(other)}"
    summary = f"Do: find out why it hangs (a disk, a network file system), then: kill -9 {other.holder}\n{message.clock(at, at)}"
    note = {
        "schema": 1,
        "id": f"{host}-{other.holder}-{other.began:.0f}",
        "kind": machine.BLIND,
        "host": host,
        "status": machine.UNKNOWN,
        "before": machine.UNKNOWN,
        "cause": None,
        "title": title,
        "summary": summary,
        "text": summary,
        "since": message.iso(at - other.lasted),
        "at": message.iso(at),
    }
    outbox = notify.enqueue((), targets, note, at)
    results = notify.deliver(outbox, targets, state.last(directory), deadline, lambda: None, pauses)
    failed = [
        f"alarm not delivered to {each['target']}: {each['problem']}" for each in results if not each["delivered"]
    ]
    if not failed:
        mark(other)
    return failed


def hangs(other: Busy) -> str:
    return f"a pass (process {other.holder}) hangs, running for {words(other.lasted)}"

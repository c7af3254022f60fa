"""One case after the other, or several side by side: prepare the machine, ask the tool, judge the answer."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any

from diagnose.record import frozen

from .fault import Fault
from .machine import SECRET, LabError, Machine
from .roots import MAILERS, Root


@frozen
class Answer:
    """What the tool said about one machine.

    ranked: (cause, confidence) best first. error: why there is no answer (lab broke, tool crashed), or "".
    leaks: places where the planted password showed. seconds: of the tool alone."""

    fault: str
    ranked: tuple[tuple[str, str], ...] = ()
    status: str = ""
    seconds: float = 0.0
    total: float = 0.0
    error: str = ""
    leaks: tuple[str, ...] = ()
    fired: tuple[str, ...] = ()
    text: str = ""


@frozen
class Options:
    """How the tool is asked. via_snapshot: record on the machine, diagnose the file elsewhere on it."""

    user: str | None = None
    extra: tuple[str, ...] = ()
    via_snapshot: bool = False
    check_only: bool = False
    root: Root | None = None


def judge(fault: Fault, answer: Answer) -> bool:
    """Is the answer right? Healthy: no cause certain or likely. Double: both causes among the first three."""
    if answer.error or answer.leaks:
        return False
    if fault.kind == "healthy":
        return not accused(fault, answer)
    if fault.kind == "double":
        first = {cause for cause, _ in answer.ranked[:3]}
        return bool(first & set(fault.accept)) and bool(first & set(fault.also))
    return bool(answer.ranked) and answer.ranked[0][0] in fault.accept


def accused(fault: Fault, answer: Answer) -> list[tuple[str, str]]:
    """What is said in earnest of a machine that delivers, and does not hold."""
    return [one for one in answer.ranked if one[1] in ("certain", "likely") and one[0] not in fault.allowed]


def ask(machine: Machine, options: Options) -> Answer:
    """Run the tool on a prepared machine."""
    fault = machine.fault
    began = time.monotonic()
    leaks: list[str] = []
    if options.via_snapshot:
        recorded = machine.diagnose(
            "record", "-o", "/tmp/snapshot.json", *fault.args, *options.extra, user=options.user
        )
        if SECRET in machine.read("/tmp/snapshot.json") + recorded.stdout + recorded.stderr:
            leaks.append("snapshot")
        arguments = ("run", "--snapshot", "/tmp/snapshot.json", "--format", "json")
        done = machine.diagnose(*arguments, *options.extra, user=options.user)
    else:
        done = machine.diagnose("run", "--format", "json", *fault.args, *options.extra, user=options.user)
    seconds = time.monotonic() - began
    if SECRET in done.stdout:
        leaks.append("stdout")
    if SECRET in done.stderr:
        leaks.append("stderr")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing printed"]
        return Answer(fault=fault.id, seconds=seconds, error=f"exit {done.returncode}: {words[0]}", leaks=tuple(leaks))
    ranked = tuple((d["cause"], d["confidence"]) for d in report.get("diagnoses", ()))
    fired = {
        o["sign"]
        for run in report.get("runs", ())
        for o in run.get("observations", ())
        if o.get("status") in ("failed", "warning")
    }
    return Answer(
        fault=fault.id,
        ranked=ranked,
        status=report.get("status", ""),
        seconds=seconds,
        leaks=tuple(leaks),
        fired=tuple(sorted(fired)),
        text=done.stdout,
    )


def one(fault: Fault, options: Options) -> Answer:
    """Bring a machine up, let it fail, ask, take it down."""
    began = time.monotonic()
    try:
        with Machine(fault, MAILERS.get(fault.mailer, options.root)) as machine:
            machine.prepare()
            answer = Answer(fault=fault.id) if options.check_only else ask(machine, options)
            if fault.truth:
                fault.truth(machine)
    except (LabError, OSError, RuntimeError, AssertionError, subprocess.CalledProcessError) as problem:
        answer = Answer(fault=fault.id, error=f"lab: {problem}")
    values = {field: getattr(answer, field) for field in answer.__dataclass_fields__}
    return Answer(**values | {"total": time.monotonic() - began})


def many(faults: Iterable[Fault], options: Options, jobs: int) -> Iterator[tuple[Fault, Answer]]:
    """Cases as they end, `jobs` at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(one, fault, options): fault for fault in faults}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BaseException:
            for future in waiting:
                future.cancel()
            raise


def settled(faults: Iterable[Fault], options: Options, jobs: int) -> Iterator[tuple[Fault, Answer]]:
    """The same, with each stage that could not be set (a slow machine's time-out) set once more by itself; the tool's answers
    are never asked for twice."""
    again = []
    for fault, answer in many(faults, options, jobs):
        if answer.error.startswith("lab:"):
            again.append(fault)
        else:
            yield fault, answer
    print(f"stages set twice: {', '.join(fault.id for fault in again) or 'none'}")
    yield from many(again, options, 1)


def as_json(fault: Fault, answer: Answer) -> dict[str, Any]:
    """A row for --json."""
    row = asdict(answer)
    del row["text"]
    return row | {"accept": fault.accept, "also": fault.also, "kind": fault.kind, "right": judge(fault, answer)}

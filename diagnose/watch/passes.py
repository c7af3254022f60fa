"""One pass: diagnose, compare with the kept state, save it, send alarms.

The order makes a kill harmless at any instant. The state with its new alarms is written in one rename; before that
no alarm was sent, and the next pass finds the same change again. After it the alarms stay in the state until they
are delivered. The history is written from the state, and writing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from diagnose import __version__
from diagnose.errors import StateError
from diagnose.parse.text.masking import leaving
from diagnose.record import dataclass, frozen
from diagnose.report import digest
from diagnose.watch import (
    canary,
    ignore,
    machine,
    message,
    notify,
    outages as listing,
    overlap,
    past,
    refuge,
    state,
    store,
    trend,
    verdict,
)
from diagnose.watch.canary import Canary
from diagnose.watch.files import Busy, NotKept, locked, prepare, sweep
from diagnose.watch.heartbeat import Heartbeat
from diagnose.watch.probe import Probe
from diagnose.watch.target import Target

RUN = 15.0  # seconds for the run, and SHARE of the pass where that is less
SHARE = 0.6
GRACE = 5.0  # seconds past the deadline after which a pass that hangs is ended from outside
DELIVERIES = 20  # results of alarms that are kept
LATEST = 5  # outages of four weeks that a report tells


@frozen
class Options:
    """timeout: seconds for the whole pass. retention: seconds that ended outages are kept. jitter: the most seconds
    that this host waits before it starts. clock: epoch seconds."""

    state_dir: Path
    policy: machine.Policy = field(default_factory=machine.Policy)
    targets: Sequence[Target] = ()
    heartbeat: str | None = None
    heartbeat_status: bool = False
    canary: Canary | None = None
    retention: float = 400 * 86_400.0
    timeout: float = 60.0
    jitter: float = 0.0
    pauses: Sequence[float] = notify.PAUSES
    clock: Callable[[], float] = time.time


@dataclass
class Outcome:
    """status: for exit. seen: what the pass saw, in one line. told: the alarms, for stdout. warnings: for stderr."""

    status: int
    seen: str = ""
    told: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def one_pass(options: Options, probe: Probe) -> Outcome:
    """Does nothing while another pass runs, but sends an alarm if that one hangs. Raises StateError when the state
    must not be used: then only the heartbeat is sent. If its directory cannot be written, that is a finding, and the
    state goes to the stand-in; without a stand-in alarms go out at once, with a note that says so."""
    time.sleep(delay(options.jitter))
    deadline = time.monotonic() + options.timeout
    limit = options.timeout + 2 * GRACE
    heartbeat = Heartbeat(options.heartbeat, options.heartbeat_status) if options.heartbeat else None
    guard = threading.Timer(options.timeout + GRACE, _hung, (options.timeout,))
    guard.daemon = True
    with suppress(RuntimeError):  # no thread to spare: the pass has its own deadline
        guard.start()
    try:
        with ExitStack() as stack:
            try:
                prepare(options.state_dir)
                stack.enter_context(locked(options.state_dir, limit=limit))
            except NotKept:
                if stand_in := refuge.made(options.state_dir):
                    stack.enter_context(locked(stand_in, limit=limit))
            return _locked_pass(options, probe, heartbeat, deadline)
    except Busy as other:
        return _overlap(options, other, heartbeat, deadline)
    except StateError as error:
        if heartbeat:
            heartbeat.end(3, str(error), deadline, silent=True)
        raise
    finally:
        guard.cancel()


def _overlap(options: Options, other: Busy, heartbeat: Heartbeat | None, deadline: float) -> Outcome:
    if not other.hangs:
        return Outcome(0, seen=str(other))
    outcome = Outcome(3, seen=overlap.hangs(other))
    outcome.warnings = [
        f"nothing was checked: {outcome.seen}",
        *overlap.tell(options.state_dir, other, options.targets, deadline, options.pauses),
    ]
    if heartbeat:
        heartbeat.end(3, outcome.warnings[0], deadline, silent=True)
    return outcome


def delay(jitter: float) -> float:
    """The seconds that this host waits: constant for one host, evenly spread over many."""
    if jitter <= 0:
        return 0.0
    try:
        name = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, ValueError):
        name = ""
    digest = hashlib.sha256((name or os.uname().nodename).encode()).digest()
    return jitter * int.from_bytes(digest[:8], "big") / 2**64


def _hung(timeout: float) -> None:
    os.write(2, f"mail-diagnose: the pass hung and was stopped after {timeout + GRACE:.0f} s\n".encode())
    os._exit(3)


def _locked_pass(options: Options, probe: Probe, heartbeat: Heartbeat | None, deadline: float) -> Outcome:
    outcome = Outcome(0)
    directory = options.state_dir
    sweep(directory, state.NAME)
    kept, now = _kept(directory, outcome)
    rules = _acknowledged(directory, outcome)
    if heartbeat:
        heartbeat.start(min(deadline, time.monotonic() + 5))
    moment = datetime.fromtimestamp(options.clock()).astimezone()
    left = max(1.0, min(RUN, options.timeout * SHARE, deadline - time.monotonic()))
    report = trend.taken(directory, probe(ignore.matcher(rules, moment), left), options.retention, options.clock())
    at = options.clock()
    elsewhere, unkept = _room(directory, report, kept, outcome)
    seen = verdict.seen(report, now, kept.get("ground"), at)
    # What cannot be counted is told at once: the next pass will not remember this one.
    after, event = machine.step(now, replace(options.policy, attempts=1) if unkept else options.policy, seen)
    if seen.status == machine.UNKNOWN and report["status"] == machine.OK:
        report["status"] = machine.UNKNOWN
        report["notes"] = [*report["notes"], f"what proved {now.cause} could not be looked at: not known to be over"]
    if seen.status not in (machine.OK, machine.UNKNOWN):
        kept["ground"] = verdict.ground(report)
    ignored = ignore.counted(rules, report, moment)
    before = kept.get("report", {}).get("watch", {})
    status = machine.UNKNOWN if seen.status == machine.UNKNOWN else after.status
    kept |= {
        "heartbeat": [],
        "machine": machine.as_plain(after),
        "report": report,
        "written": state.moment(at),
        "version": __version__,
    }
    kept["passes"] += 1
    report["watch"] = {
        "state": machine.word(after, len(ignored)),
        "status": after.status,
        "confirmed": machine.UNKNOWN if after.unknowns >= options.policy.unknown_attempts else after.status,
        "since": message.iso(after.since),
        "attempts": after.attempt,
        "ignored": ignored,
        "elsewhere": elsewhere,
        "notifications": [],
        "week": past.week(before.get("week"), status, at),
        "month": past.month(before.get("month"), status, digest.queue(report).length, at),
        "outages": before.get("outages", []),
    }
    _outage(kept, after, report, at)
    kept["outbox"], lost = notify.given_up(kept["outbox"], options.targets, at)
    if event is not None:
        _alarm(options, kept, outcome, event, at, unkept)
    _warn_of_mail(options, kept, outcome)
    kept["deliveries"] = [*kept.get("deliveries", ()), *lost][-DELIVERIES:]
    message_due = _canary(options, kept, report, at)
    if unkept:
        outcome.warnings.append(f"state not saved: {unkept}")
    else:
        state.store(directory, kept)
        if not elsewhere:  # till then the state has what is to be added
            _history(options, kept, outcome, at)
    outcome.status = digest.CODES[str(report["status"])]
    outcome.seen = f"{digest.headline(report)} ({digest.state_words(report)}; {directory})"
    _deliver(options, kept, report, outcome, deadline, lost, bool(unkept))
    if unkept:
        outcome.status = outcome.status or 1
    _sign_off(options, kept, outcome, heartbeat, message_due, deadline)
    if not unkept:
        with suppress(NotKept):  # the disk filled up meanwhile: all is told, and may be told again
            state.store(directory, kept)
    return outcome


def _acknowledged(directory: Path, outcome: Outcome) -> tuple[ignore.Rule, ...]:
    try:
        return ignore.load(directory)
    except StateError as error:  # whatever is wrong with the list: an outage must not pass unseen for it
        outcome.warnings.append(f"no finding counts as acknowledged: {error}")
        return ()


def _room(directory: Path, report: dict[str, Any], kept: state.State, outcome: Outcome) -> tuple[str, str]:
    """(why the state is kept elsewhere, why it cannot be kept at all), determined before any alarm is sent. A
    directory that cannot be written is a warning like any other."""
    try:
        elsewhere = leaving(state.room(directory, len(json.dumps(report))))
    except NotKept as error:
        return "", str(error)
    if elsewhere and report["status"] == machine.OK:
        report["status"] = machine.WARNING
    if elsewhere and elsewhere != kept.get("report", {}).get("watch", {}).get("elsewhere"):
        outcome.warnings.append(elsewhere)
    return elsewhere, ""


def _alarm(options: Options, kept: state.State, outcome: Outcome, event: machine.Event, at: float, unkept: str) -> None:
    kept["serial"] += 1
    number, unknowns = f"{kept['id']}-{kept['serial']}", machine.from_plain(kept["machine"]).unknowns
    outage = kept["outage"] or (kept["closed"][-1] if event.kind == machine.RECOVERY and kept["closed"] else None)
    note = message.compose(event, kept["report"], number, unknowns, outage)
    if unkept:
        note["text"] = f"{note['text']}\nState not saved, so this alarm may be repeated: {unkept}"
    elif event.cause and (elsewhere := kept["report"]["watch"]["elsewhere"]):
        note["text"] = f"{note['text']}\nAlso: {elsewhere}"
    kept["outbox"] = notify.enqueue(kept["outbox"], options.targets, note, at)
    outcome.told += [str(note["title"]), *str(note["text"]).splitlines()]


def _sign_off(
    options: Options,
    kept: state.State,
    outcome: Outcome,
    heartbeat: Heartbeat | None,
    message_due: bytes | None,
    deadline: float,
) -> None:
    if options.canary and message_due:
        problem = canary.send(options.canary, message_due, deadline)
        if problem:
            outcome.warnings.append(f"canary not accepted by the mailer: {problem}")
            outcome.status = outcome.status or 1
    if heartbeat:
        words = outcome.told[0] if outcome.told else _headline(kept["report"])
        heartbeat.end(outcome.status, words, deadline, silent=bool(kept["outbox"]))
        for problem in heartbeat.problems:
            outcome.warnings.append(problem)
            outcome.status = outcome.status or 1
    kept["heartbeat"] = heartbeat.problems if heartbeat else []


def _kept(directory: Path, outcome: Outcome) -> tuple[state.State, machine.Machine]:
    """The kept state, or a new one if there is none or it cannot be used."""
    try:
        kept = state.load(directory)
        if kept is not None:
            return kept, machine.from_plain(kept["machine"])
    except state.Unusable as why:
        outcome.warnings.append(state.set_aside(directory, str(why)))
    except NotKept:
        pass
    except (ValueError, KeyError, TypeError):
        outcome.warnings.append(state.set_aside(directory, "it is damaged (machine)"))
    fresh = {"schema": state.SCHEMA, "id": uuid.uuid4().hex[:12], "serial": 0, "passes": 0, "outbox": [], "closed": []}
    return fresh, machine.Machine()


def _outage(kept: state.State, after: machine.Machine, report: dict[str, Any], at: float) -> None:
    """Updates `outage`, the present one, and `closed`, those not yet in the history."""
    outage = kept.get("outage")
    if after.status != machine.OK:
        if outage is None:
            kept["serial"] += 1
            outage = {
                "id": f"{kept['id']}-{kept['serial']}",
                "began": after.since if after.since is not None else at,
                "ended": None,
                "worst": after.status,
                "causes": [],
                "title": "",
                "passes": 0,
            }
        outage["passes"] += 1
        if after.status == machine.FAILED:
            outage["worst"] = machine.FAILED
        if after.cause and after.cause not in outage["causes"]:
            outage["causes"].append(after.cause)
        if not outage["title"]:
            titles = [str(d["title"]) for d in report["diagnoses"] if d["cause"] == after.cause]
            outage["title"] = titles[0] if titles else after.cause or digest.headline(report)
    elif outage is not None:
        kept["closed"] = [*kept.get("closed", ()), {**outage, "ended": max(at, outage["began"])}][-1000:]
        outage = None
    kept["outage"] = outage


def _canary(options: Options, kept: state.State, report: dict[str, Any], at: float) -> bytes | None:
    """The message, where one is due. Its moment is kept before it goes out: a killed pass sends none rather than two."""
    if options.canary is None or not canary.due(options.canary, kept.get("canary"), at):
        return None
    kept["canary"] = at
    return canary.compose(options.canary, report, f"{kept['id']}-{kept['passes']}")


def _history(options: Options, kept: state.State, outcome: Outcome, at: float) -> None:
    outages = [*kept.get("closed", ()), *([kept["outage"]] if kept.get("outage") else [])]
    try:
        note = store.keep(options.state_dir, outages, at - options.retention)
        lately = store.outages(options.state_dir, at - past.DAYS * 86_400)[:LATEST]
    except (StateError, OSError) as error:
        outcome.warnings.append(f"the history was not written: {error}")
        return
    kept["closed"] = []
    kept["report"]["watch"]["outages"] = [listing.as_plain(outage) for outage in lately]
    if note:
        outcome.warnings.append(note)


def _deliver(
    options: Options,
    kept: state.State,
    report: dict[str, Any],
    outcome: Outcome,
    deadline: float,
    lost: list[dict[str, Any]],
    unkept: bool,
) -> None:
    results: list[dict[str, Any]] = []
    if kept["outbox"]:
        report["watch"]["notifications"] = state.notifications(kept)
        results = notify.deliver(
            kept["outbox"],
            options.targets,
            report,
            deadline,
            (lambda: None) if unkept else (lambda: state.store(options.state_dir, kept)),
            options.pauses,
            options.clock,
        )
    for failed in [*lost, *(r for r in results if not r["delivered"])]:
        outcome.warnings.append(f"alarm not delivered to {failed['target']}: {failed['problem']}")
        outcome.status = outcome.status or 1
    kept["deliveries"] = [*kept["deliveries"], *(r for r in results if r["delivered"])][-DELIVERIES:]


def _warn_of_mail(options: Options, kept: state.State, outcome: Outcome) -> None:
    """Warns once that cron's mail cannot announce broken mail."""
    if options.targets or options.heartbeat:
        kept["warned"] = False
        return
    from diagnose.host.live.hook import ancestors

    if not kept.get("warned") and {"cron", "crond", "CRON", "fcron", "anacron"} & set(ancestors()):
        kept["warned"] = True
        outcome.warnings.append(
            "cron would report broken mail by mail through this very server: set --notify or --heartbeat"
        )


def _headline(report: dict[str, Any]) -> str:
    first = verdict.first(report)
    titles = [str(d["title"]) for d in report["diagnoses"] if d["cause"] == first]
    return f"{str(report['status']).upper()}{f': {titles[0]}' if titles else ''}"

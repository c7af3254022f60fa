"""Runs checks in parallel in daemon threads, and returns in time whatever they do."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import field

from diagnose import threads
from diagnose.check import Check, Context, Settings
from diagnose.errors import Late, Skip
from diagnose.host.memo import Host, Recorder
from diagnose.model import Observation, Outcome, Run, Target
from diagnose.record import dataclass

INTERRUPTED = "interrupted"  # a run's reason after Ctrl-C
GRACE = 1.0  # seconds left to running checks once the answer is certain: they may complete the proof
TICK = 0.5  # seconds between calls of `Watch`


@dataclass(frozen=True)
class Going:
    """The state of a run: finished checks, running checks, and the seconds left at most."""

    ended: tuple[Run, ...]
    running: tuple[Check, ...]
    left: float


# Called when checks end and every TICK seconds; returns True if no running check can change the answer.
Watch = Callable[[Going], bool]
WORKERS = 40  # threads; queries to several servers start more
LIMIT = 500  # observations kept of one check


@dataclass
class _Job:
    check: Check
    recorder: Recorder
    started: float
    observations: list[Observation] = field(default_factory=list)
    ended: float = 0.0
    begun: bool = False
    outcome: Outcome | None = None
    reason: str = ""

    def run(self) -> Run:
        """A snapshot of the state; a thread that still runs goes on writing to the original lists."""
        outcome = self.outcome or Outcome.TIMED_OUT
        reason = self.reason
        if self.outcome is None:
            reason = "not finished in time" if self.begun else "not started in time"
        return Run(
            check=self.check.id,
            title=self.check.title,
            outcome=outcome,
            observations=tuple(self.observations),
            evidence=tuple(self.recorder.evidence),
            seconds=round((self.ended or time.monotonic()) - self.started, 3),
            reason=reason,
            signs=self.check.signs,
            probes=self.check.probes,
            decisive=self.check.decisive,
        )


def run_checks(
    checks: Sequence[Check],
    host: Host,
    target: Target,
    settings: Settings,
    timeout: float,
    missing: Callable[[Check, Context], str | None] = lambda check, context: None,
    watch: Watch | None = None,
) -> tuple[Run, ...]:
    """Every check's Run, sorted by id. missing: returns why a check does not apply here, None if it does.

    Returns after `timeout` seconds at the latest, and upon Ctrl-C with the results so far.
    """
    started = time.monotonic()
    deadline = started + timeout
    done: threading.Semaphore = threading.Semaphore(0)
    jobs = [_Job(check, Recorder(host, min(deadline, started + check.timeout)), started) for check in checks]
    # Starts checks that need the network first: the others are quick.
    waiting = deque(sorted(jobs, key=lambda job: "network" not in job.check.needs))

    def work() -> None:
        with contextlib.suppress(IndexError):
            while True:
                job = waiting.popleft()
                job.begun, job.started = True, time.monotonic()
                job.recorder.deadline = min(deadline, time.monotonic() + job.check.timeout)
                context = Context(host=job.recorder, target=target, settings=settings)
                _work(job, context, missing, done)

    try:
        workers = sum(threads.begin(work) is not None for _ in range(min(WORKERS, len(jobs))))
        if not workers:
            work()
        _wait(jobs, done, deadline, watch)
    except KeyboardInterrupt:
        for job in jobs:
            if job.outcome is None:
                job.outcome, job.reason = Outcome.TIMED_OUT, INTERRUPTED
    return tuple(job.run() for job in sorted(jobs, key=lambda j: j.check.id))


def _wait(jobs: list[_Job], done: threading.Semaphore, deadline: float, watch: Watch | None) -> None:
    """Waits until all jobs have ended, or each is past its deadline, or the answer has been certain for GRACE seconds."""
    seen: dict[str, Run] = {}
    enough: float | None = None
    while len(seen) < len(jobs):
        # A job without a worker yet gets its full time once it has one.
        late = [job.recorder.deadline if job.begun else deadline for job in jobs if job.check.id not in seen]
        # A little longer than the queries' deadline, so that a reply "timed out" still becomes an observation.
        until = min(deadline, max(late) + 0.3)
        left = (until if enough is None else min(until, enough)) - time.monotonic()
        if left <= 0:
            break
        got = done.acquire(timeout=min(left, TICK))
        if not got and watch is None:
            continue
        seen |= {job.check.id: job.run() for job in jobs if job.outcome is not None and job.check.id not in seen}
        if watch is not None and len(seen) < len(jobs):
            running = tuple(job.check for job in jobs if job.check.id not in seen)
            going = Going(tuple(seen.values()), running, max(0.0, left))
            if watch(going) and enough is None:
                enough = time.monotonic() + GRACE
    for job in jobs:
        if job.outcome is None and enough is not None:
            job.outcome, job.reason = Outcome.TIMED_OUT, "not waited for: the cause was already certain"


def _work(
    job: _Job, context: Context, missing: Callable[[Check, Context], str | None], done: threading.Semaphore
) -> None:
    outcome, reason = Outcome.COMPLETED, ""
    try:
        lacks = missing(job.check, context)
        if lacks:
            outcome, reason = Outcome.SKIPPED, lacks
        else:
            for observation in job.check.body(context):
                if not isinstance(observation, Observation):
                    raise TypeError(f"it yielded {type(observation).__name__}, not an Observation")
                if not job.check.declares(observation.sign):
                    raise ValueError(f"it yielded the sign {observation.sign!r}, which it does not declare")
                if len(job.observations) < LIMIT:
                    job.observations.append(observation)
    except Skip as skipped:
        outcome, reason = Outcome.SKIPPED, str(skipped)
    except Late as late:
        outcome, reason = Outcome.TIMED_OUT, str(late)
    except BaseException as error:  # a check may be third-party code; its crash is a result
        outcome, reason = Outcome.CRASHED, f"{type(error).__name__}: {error}"
    finally:
        job.ended = time.monotonic()
        if job.outcome is None:
            job.reason, job.outcome = reason, outcome
        done.release()

"""The mail queue, streamed into a summary: from postqueue(1), or as root from the queue's files where that is quicker."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from diagnose.host.live import queuefiles
from diagnose.host.live.journal import widen
from diagnose.host.live.system import decode, environment, find, why
from diagnose.host.plain import to_plain
from diagnose.host.query import MailQueue, QueueLinesReply
from diagnose.host.redact import mask, plain
from diagnose.parse.queue import QueueSummary, summarise

_MANY = 5_000  # messages from which the fast way is worth its sample
_SAMPLE = 20
_ERR_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class Count:
    """Messages by queue. exact: every directory was listed; else the rest was taken to be as full."""

    queues: dict[str, int]
    exact: bool

    @property
    def total(self) -> int:
        return sum(self.queues.values())


def read(query: MailQueue, deadline: float) -> QueueLinesReply:
    """The answer to `MailQueue`: within its budget, else of as many messages as could be read in it.

    Then `complete` is False, `messages` (and `total`) count what waits where this user may list the queue, and
    everything else is of the sample, whose size is the sum of `ages`.
    """
    program = find("postqueue")
    if program is None:
        return QueueLinesReply(problem="not found: postqueue")
    end = min(deadline, time.monotonic() + query.budget)
    directory = _queue_directory() if os.geteuid() == 0 else None
    counted = count(directory, time.monotonic() + 0.4 * (end - time.monotonic())) if directory else None
    if directory and counted and counted.total > _MANY:
        quick = fast(directory, end)
        if quick is not None:
            return QueueLinesReply(summary=to_plain(_of(quick, counted)), code=0)
    try:
        summary, code, err, cut = _stream([program, "-j"], end)
    except OSError as error:
        return QueueLinesReply(problem=why(error))
    if cut and directory and counted is None:
        counted = count(directory, deadline)
    if cut:
        summary = replace(summary, complete=False)
    return QueueLinesReply(summary=to_plain(_of(summary, counted)), err=_words(err), code=code)


def fast(queue_directory: str, deadline: float) -> QueueSummary | None:
    """The summary from the queue's files (root only), several times faster than postqueue(1) on a cold cache.

    None where that is not to be trusted: not root, or a sample of what postqueue says differs from what the files say
    to us. Not complete where the deadline (monotonic) came first.
    """
    if os.geteuid() != 0 or not agrees(queue_directory, deadline):
        return None
    # A program of its own, so that reading and summing up overlap.
    reader = [sys.executable, "-I", "-S", queuefiles.__file__, queue_directory]
    try:
        summary, code, _, cut = _stream(reader, deadline)
    except OSError:
        return None
    if cut:
        return replace(summary, complete=False)
    return summary if code == 0 else None


def agrees(queue_directory: str, deadline: float) -> bool:
    """Whether what postqueue(1) prints first is what the files of those messages say to us."""
    program = find("postqueue")
    if program is None:
        return False
    import json

    compared = 0
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        child = stack.enter_context(_child([program, "-j"], errors.fileno()))
        stack.callback(child.kill)
        timer = stack.enter_context(_watched(child, deadline))
        for line in _lines(child):
            try:
                told = json.loads(line)
                ours = _ours(queue_directory, told["queue_name"], told["queue_id"])
            except (ValueError, KeyError, queuefiles.Foreign):
                return False
            if ours is not None:
                read = json.loads(ours)
                if any(told.get(key) != read[key] for key in _COMPARED):
                    return False
                compared += 1
            if compared >= _SAMPLE:
                break
        return compared > 0 and not timer.is_set()


_COMPARED = ("arrival_time", "message_size", "sender", "recipients")


def _ours(root: str, queue: str, name: str) -> bytes | None:
    if queue not in queuefiles.QUEUES or "/" in name:
        raise queuefiles.Foreign(queue)
    character = queuefiles.hash_character(name)
    for below in (f"{queue}/{character}", queue):
        path = os.path.join(root, below, name)
        if os.path.exists(path):
            return queuefiles.message(path, queue, name, queuefiles.log(queuefiles.log_path(root, name)))
    return None  # delivered or moved meanwhile


def count(queue_directory: str, deadline: float) -> Count | None:
    """How many messages wait, by listing the queue's directories; estimated for those not listed by the deadline.

    None where they may not be listed (only root may). Costs 3 % of postqueue(1).
    """
    queues: dict[str, int] = {}
    exact = True
    for queue in queuefiles.QUEUES:
        found = queuefiles.directories(queue_directory, queue)
        counts: list[int] = []
        for directory in found:
            try:
                counts.append(queuefiles.count(queue_directory, directory))
            except OSError:
                continue
            if time.monotonic() >= deadline:
                break
        if not counts and not found:
            return None
        if len(counts) < len(found) and counts:
            exact = False
            # The first is the queue's own directory, where a hashed queue has no files.
            hashed = counts[1:] or counts
            queues[queue] = counts[0] + round(sum(hashed) / len(hashed) * (len(found) - 1))
        else:
            queues[queue] = sum(counts)
    return Count(queues, exact)


def _queue_directory() -> str | None:
    program = find("postconf")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-h", "queue_directory"], capture_output=True, env=environment(), timeout=3, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return decode(done.stdout).strip() or None


def _stream(argv: list[str], deadline: float) -> tuple[QueueSummary, int, str, bool]:
    """Summary, exit status, standard error, and whether the deadline cut it short."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        child = stack.enter_context(_child(argv, errors.fileno()))
        stack.callback(child.kill)
        late = stack.enter_context(_watched(child, deadline))
        summary = summarise(_lines(child), time.time(), stop=late.is_set)
        if not late.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.05, deadline - time.monotonic()))
        cut = late.is_set()
        code = child.poll()
        errors.seek(0)
        err = decode(errors.read(_ERR_LIMIT))
    return summary, -1 if code is None else code, err, cut


def _child(argv: list[str], errors: int) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment(),
        cwd="/",
        bufsize=1 << 18,
    )
    assert child.stdout is not None
    widen(child.stdout.fileno())
    return child


@contextlib.contextmanager
def _watched(child: subprocess.Popen[bytes], deadline: float) -> Iterator[threading.Event]:
    """Kills the child at the deadline, and says by the event that it had to."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(max(0.01, deadline - time.monotonic()), stop)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _lines(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert child.stdout is not None
    for line in child.stdout:
        # What a killed child leaves behind is no line.
        if line.endswith(b"\n"):
            yield line


def _of(summary: QueueSummary, counted: Count | None) -> QueueSummary:
    """An incomplete summary with `messages` as counted, so that `total` says of how many it is a sample."""
    if summary.complete or counted is None:
        return summary
    queues = {*summary.messages, *counted.queues}
    messages = {name: max(summary.messages.get(name, 0), counted.queues.get(name, 0)) for name in sorted(queues)}
    return replace(summary, messages={name: number for name, number in messages.items() if number})


def _words(err: str) -> str:
    return mask(plain(err)).strip()

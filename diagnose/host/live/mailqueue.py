"""The mail queue, streamed into a summary: from postqueue(1), or as root from the queue's files where that is quicker."""

from __future__ import annotations

import contextlib
import marshal
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from diagnose.host.live import queuecount, queuefiles
from diagnose.host.live.quiet import popen
from diagnose.host.live.stream import widen
from diagnose.host.live.system import decode, environment, find, scratch, why
from diagnose.host.plain import to_plain
from diagnose.host.query import MailQueue, QueueLinesReply
from diagnose.parse.text.masking import mask, plain
from diagnose.record import frozen

if TYPE_CHECKING:
    from diagnose.parse.postfix.queue import QueueSummary

_SAMPLE = 20
_BLOCK = 1 << 18
_PAUSE = 0.004  # seconds in which a program writes what a pipe of 1 MB holds several times less than that
_ERR_LIMIT = 4000
_LONG = 10_000  # messages from which on the files are quicker read by us, as root
_TRIAL = 0.5  # seconds after which postqueue's pace is judged
# Messages a second: from the page cache postqueue(1) lists 25 000 to 60 000, from a disk 5 000 and fewer.
_SLOW = 15_000
# postqueue(1) prints this for an ordinary user while Postfix is down, and logs it as well.
DOWN = "postqueue: fatal: Queue report unavailable - mail system is down"


def read(query: MailQueue, deadline: float) -> QueueLinesReply:
    """The answer to `MailQueue`; if the budget is too short, of a sample of the messages.

    Then `complete` is False, `messages` (and `total`) count what waits where this user may list the queue, and
    everything else is of the sample, whose size is the sum of `ages`.
    """
    program = find("postqueue")
    if program is None:
        return QueueLinesReply(problem="not found: postqueue")
    end = min(deadline, time.monotonic() + query.budget)
    directory = queuecount.queue_directory()
    if os.geteuid():
        if directory and queuecount.down(directory):
            from diagnose.parse.postfix.queue import summarise

            return QueueLinesReply(
                summary=to_plain(replace(summarise((), time.time()), complete=False)), err=DOWN, code=os.EX_UNAVAILABLE
            )
        directory = None  # only root may list it
    counted = None
    try:
        told = _told(program, directory, end)
        if directory and not told.summary.complete:
            # Some time more, to say of how many it is a sample.
            counted = queuecount.count(
                directory, max(time.monotonic() + 0.2, min(deadline, time.monotonic() + query.budget / 4))
            )
    except OSError as error:
        return QueueLinesReply(problem=why(error))
    return QueueLinesReply(
        summary=to_plain(_of(told.summary, counted)), err=mask(plain(told.err)).strip(), code=told.code
    )


def _told(program: str, directory: str | None, end: float) -> _Told:
    """The summary by postqueue(1); for a long queue, or a slow postqueue, from the files if a sample agrees."""
    quiet = directory is not None and queuecount.down(directory)
    if directory is None or not _long(directory, end):
        told = _stream([program, "-j"], end, trial=directory is not None, quiet=quiet)
        if not told.slow:
            return told
    quick = fast(directory, end) if directory else None
    if quick is None:
        # Disagreement: back to the supported way, with the time that is left.
        return _stream([program, "-j"], end, quiet=quiet)
    return replace(quick, code=0)


def _long(directory: str, end: float) -> bool:
    counted = queuecount.count(directory, min(end, time.monotonic() + 0.5), enough=_LONG)
    return counted is not None and counted.total >= _LONG


def fast(queue_directory: str, deadline: float) -> _Told | None:
    """The summary from the queue's files (root only), several times faster than postqueue(1) on a cold cache.

    None if it cannot be trusted: not root, or a sample of postqueue's output differs. Incomplete if the deadline
    (monotonic) came first. Reasons are worded as by postqueue.
    """
    if os.geteuid() != 0:
        return None
    agreed = agrees(queue_directory, deadline)
    if agreed is None:
        return None
    # A program of its own, so that reading and summing up overlap; told on standard input, since we may be in a zip.
    program = files("diagnose.host.live").joinpath("queuefiles.py").read_bytes()
    try:
        read = _stream([sys.executable, "-I", "-S", "-", queue_directory], deadline, program=program)
    except OSError:
        return None
    return replace(read, err=agreed) if read.late or read.code == 0 else None


def agrees(queue_directory: str, deadline: float) -> str | None:
    """postqueue's complaints if its first messages agree with their files; None if they do not."""
    program = find("postqueue")
    if program is None:
        return None
    import json

    compared = 0
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(scratch())
        child = stack.enter_context(_child([program, "-j"], errors.fileno(), quiet=queuecount.down(queue_directory)))
        stack.callback(child.kill)
        watch = stack.enter_context(_Watch(child, deadline))
        for line in watch.lines():
            try:
                told = json.loads(line)
                ours = _ours(queue_directory, told["queue_name"], told["queue_id"])
                theirs = [(each["address"], each.get("delay_reason", "")) for each in told["recipients"]]
                same = (told["arrival_time"], told["message_size"], told["sender"], theirs)
            except (ValueError, KeyError, TypeError, queuefiles.Foreign):
                return None
            if ours is not None:
                _, _, arrival, size, _, sender, recipients = ours
                if same != (arrival, size, sender, recipients):
                    return None
                compared += 1
            if compared >= _SAMPLE:
                break
        errors.seek(0)
        return decode(errors.read(_ERR_LIMIT)) if compared > 0 and not watch.late else None


def _ours(root: str, queue: str, name: str) -> queuefiles.Message | None:
    if queue not in queuefiles.QUEUES or "/" in name:
        raise queuefiles.Foreign(queue)
    character = queuefiles.hash_character(name)
    for below in (f"{queue}/{character}", queue):
        path = os.path.join(root, below, name)
        if os.path.exists(path):
            return queuefiles.message(root, path, queue)
    return None  # delivered or moved meanwhile


@frozen
class _Told:
    summary: QueueSummary
    code: int
    err: str
    late: bool
    slow: bool


def _stream(
    argv: list[str], deadline: float, *, trial: bool = False, program: bytes = b"", quiet: bool = False
) -> _Told:
    """The summary of a program's lines, or of the messages of our own reader, whose source is `program`. late: cut
    short by the deadline; slow: cut short for its pace (only in a trial)."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(scratch())
        child = stack.enter_context(_child(argv, errors.fileno(), program, quiet))
        stack.callback(child.kill)
        watch = stack.enter_context(_Watch(child, deadline, trial=trial))
        # Imported while the child begins: what reasons mean takes longer to load than a short queue to list.
        from diagnose.parse.postfix.queue import summarise, total

        now = time.time()

        def stop() -> bool:
            return watch.late or watch.slow

        summary = total(watch.messages(), now, stop) if program else summarise(watch.lines(), now, stop=stop)
        if not watch.late and not watch.slow:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.05, deadline - time.monotonic()))
        late, slow = watch.late, watch.slow
        code = child.poll()
        errors.seek(0)
        err = decode(errors.read(_ERR_LIMIT))
    # A killed child's end looks like the queue's, and one that failed has not seen it.
    summary = replace(summary, complete=False) if late or slow or code else summary
    return _Told(summary=summary, code=-1 if code is None else code, err=err, late=late, slow=slow)


def _child(argv: list[str], errors: int, said: bytes = b"", quiet: bool = False) -> subprocess.Popen[bytes]:
    with scratch() as given:
        given.write(said)
        given.seek(0)
        child = popen(
            argv,
            quiet,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(),
            cwd="/",
            bufsize=0,
        )
    assert child.stdout is not None
    widen(child.stdout.fileno())
    return child


class _Watch:
    """Kills a child at the deadline, or after the trial if it printed too little, and records which."""

    def __init__(self, child: subprocess.Popen[bytes], deadline: float, *, trial: bool = False) -> None:
        self.child = child
        self.late = self.slow = False
        self._read = 0
        self._done = False
        self._begun = time.monotonic()
        self._timers: list[threading.Timer] = []
        self._later(deadline - self._begun, self._deadline)
        if trial:
            self._later(_TRIAL, self._judge)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        for timer in self._timers:
            timer.cancel()

    def lines(self) -> Iterator[bytes]:
        """Whole lines; a killed child's last fragment is dropped."""
        rest = b""
        for block in self._blocks():
            *whole, rest = (rest + block).split(b"\n")
            self._read += len(whole)
            yield from whole

    def messages(self) -> Iterator[list[queuefiles.Message]]:
        """The messages that `queuefiles` writes when run as a program."""
        head = queuefiles.LENGTH
        rest = b""
        for block in self._blocks():
            rest += block
            while len(rest) >= head and len(rest) >= (end := head + int.from_bytes(rest[:head], "big")):
                yield marshal.loads(rest[head:end])
                rest = rest[end:]

    def _blocks(self) -> Iterator[bytes]:
        assert self.child.stdout is not None
        descriptor = self.child.stdout.fileno()
        long = False
        while block := os.read(descriptor, _BLOCK):
            yield block
            # postqueue(1) writes 4 KB at a time: to be woken by each costs both of us more than the reading itself.
            if long and len(block) < _BLOCK // 2:
                time.sleep(_PAUSE)
            long = True
        self._done = True

    def _deadline(self) -> None:
        if not self._done:
            self.late = True
            self.child.kill()

    def _judge(self) -> None:
        waited = time.monotonic() - self._begun
        if self._done or self.late:
            return
        if not self._read:
            # No pace yet: a listing of huge directories, or a fatal error, before which Postfix sleeps a second.
            self._later(_TRIAL, self._judge)
        elif self._read < _SLOW * waited:
            self.slow = True
            self.child.kill()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        timer = threading.Timer(max(0.01, seconds), what)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


def _of(summary: QueueSummary, counted: queuecount.Count | None) -> QueueSummary:
    """The incomplete summary with the counted `messages`, so that `total` is the size of the whole queue."""
    if summary.complete or counted is None:
        return summary
    queues = {*summary.messages, *counted.queues}
    messages = {name: max(summary.messages.get(name, 0), counted.queues.get(name, 0)) for name in sorted(queues)}
    messages = {name: number for name, number in messages.items() if number}
    return replace(summary, messages=messages, estimated=not counted.exact)

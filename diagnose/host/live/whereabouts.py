"""Where given messages are in the queue now: by postqueue(1), and as root by the queue's directories."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterable, Iterator

from diagnose.host.live import queuefiles
from diagnose.host.live.stream import streamed
from diagnose.host.live.system import decode, find, scratch, why
from diagnose.parse.text.masking import Secrets, mask, plain
from diagnose.record import frozen

_MOST = 200  # messages


@frozen
class Waiting:
    """One message that waits. recipients: (address, why it was put off); next_try in seconds since 1970, where this
    user may see it."""

    queue_id: str
    queue_name: str
    arrival: float | None = None
    sender: str = ""
    recipients: tuple[tuple[str, str], ...] = ()
    next_try: float | None = None


@frozen
class Whereabouts:
    """complete: the whole queue was searched; problem: why not."""

    waiting: tuple[Waiting, ...] = ()
    complete: bool = True
    problem: str = ""


@frozen
class Parameters:
    """The relevant settings of Postfix, or of the mailer in its place; defaults if postconf(1) does not answer. release:
    the command that releases a held message; times in seconds, 0 if unknown."""

    mailer: str = "Postfix"
    release: str = "postsuper -H"
    maillog_file: str = ""
    queue_directory: str = "/var/spool/postfix"
    least_backoff: float = 300.0
    most_backoff: float = 4000.0
    installed: bool = False


def parameters() -> Parameters:
    from diagnose.host.live import system
    from diagnose.host.query import Exec
    from diagnose.parse.postfix.setting_types import seconds

    names = ("maillog_file", "queue_directory", "minimal_backoff_time", "maximal_backoff_time")
    reply = system.run(Exec(("postconf", *names)), Secrets())
    found: dict[str, str] = {}
    for line in reply.out.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value.strip()
    return Parameters(
        maillog_file=found.get("maillog_file", ""),
        queue_directory=found.get("queue_directory") or "/var/spool/postfix",
        least_backoff=seconds(found.get("minimal_backoff_time", "")) or 300.0,
        most_backoff=seconds(found.get("maximal_backoff_time", "")) or 4000.0,
        installed=find("postconf") is not None,
    )


def find_waiting(ids: Iterable[str], addresses: Iterable[str], queue_directory: str, deadline: float) -> Whereabouts:
    """Messages with one of these queue ids, or to one of these addresses; deadline on the monotonic clock."""
    wanted = tuple(f'"queue_id": "{name}"'.encode() for name in ids)
    to = tuple(f'"address": "{address.lower()}"'.encode() for address in addresses)
    program = find("postqueue")
    if program is None:
        return Whereabouts(complete=False, problem="postqueue is not installed")
    found: dict[str, Waiting] = {}
    try:
        with scratch() as errors, streamed([program, "-j"], errors.fileno(), deadline) as child:
            for line in _lines(child):
                if any(each in line for each in wanted) or (to and any(each in line.lower() for each in to)):
                    message = _message(line)
                    if message is not None:
                        found[message.queue_id] = message
                if len(found) >= _MOST:
                    break
            late = time.monotonic() >= deadline or len(found) >= _MOST
            if not late:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=1)
            code = child.poll()
            errors.seek(0)
            said = mask(plain(decode(errors.read(2000)))).strip().split("\n")[-1]
    except OSError as error:
        return Whereabouts(complete=False, problem=f"postqueue: {why(error)}")
    problem = said if code and not late else ""
    # Root gets an empty list and status 0 when Postfix is down, and a warning.
    if not found and not problem and "unavailable" in said:
        problem = said
    waiting = tuple(_scheduled(queue_directory, each) for each in found.values())
    return Whereabouts(waiting=waiting, complete=not late and not problem, problem=problem)


def _lines(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert child.stdout is not None
    for line in child.stdout:
        if line.endswith(b"\n"):
            yield line


def _message(line: bytes) -> Waiting | None:
    try:
        data = json.loads(line)
        listed = data.get("recipients") or []
        return Waiting(
            queue_id=str(data["queue_id"]),
            queue_name=str(data.get("queue_name") or ""),
            arrival=float(data["arrival_time"]) if "arrival_time" in data else None,
            sender=str(data.get("sender") or ""),
            recipients=tuple(
                (str(each.get("address") or ""), mask(str(each.get("delay_reason") or ""))) for each in listed
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _scheduled(directory: str, message: Waiting) -> Waiting:
    """With the time of the next attempt, which Postfix stores as the mtime of a deferred message's file."""
    if message.queue_name != "deferred" or "/" in message.queue_id:
        return message
    import dataclasses

    names = (f"deferred/{queuefiles.hash_character(message.queue_id)}", "deferred")
    for name in names:
        with contextlib.suppress(OSError):
            when = os.stat(os.path.join(directory, name, message.queue_id)).st_mtime
            return dataclasses.replace(message, next_try=when)
    return message

"""run --ssh: other hosts are recorded over ssh, and diagnosed here."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnose import singlefile, threads
from diagnose.commands.options import exit_status, write, write_json
from diagnose.errors import MailDiagnoseError, SnapshotError, UsageError
from diagnose.host import snapshot
from diagnose.host.live import remote
from diagnose.report import digest

if TYPE_CHECKING:
    from diagnose.host.snapshot import Recording
    from diagnose.session import Result

AT_ONCE = 16  # hosts
MOST = 10_000
_ORDER = (2, 1, 3, 0)  # exit status: the worst first

Diagnose = Callable[["Recording"], "Result"]


def wanted(arguments: Sequence[str], timeout: float, hosts: Sequence[str]) -> remote.Wanted:
    """arguments: of `record` on the other side. A person is asked for one host alone, on a terminal. Raises UsageError."""
    if len(hosts) > MOST:
        raise UsageError(f"--ssh takes at most {MOST} hosts, not {len(hosts)}")
    for host in hosts:
        remote.checked(host)
    ask = len(hosts) == 1 and sys.stdin.isatty() and sys.stderr.isatty()
    lock, made = threading.Lock(), dict[bool, bytes]()
    # The single file holds no compiled code: compiling it for one host takes as long as it saves there.
    spares = len(hosts) > 1 or not singlefile.alone()

    def archive(same: bool) -> bytes:
        with lock:
            if (same := same and spares) not in made:
                made[same] = _file(same)
            return made[same]

    if len(hosts) > 1:  # while they are connected; a single one may need the other
        threads.begin(lambda: _quietly(archive))
    return remote.Wanted(archive=archive, arguments=arguments, timeout=timeout, ask=ask)


def _file(same: bool) -> bytes:
    try:
        return singlefile.compiled() if same else singlefile.carried()
    except OSError as error:
        raise UsageError(f"this program's own files cannot be read: {error.strerror}") from None


def _quietly(archive: Callable[[bool], bytes]) -> None:
    with suppress(UsageError):  # said where the file is asked for
        archive(True)


def one(host: str, how: remote.Wanted) -> Recording:
    """Raises MailDiagnoseError, with the host before the reason."""
    try:
        return snapshot.loads(snapshot.unpack(remote.recorded(host, how)))
    except MailDiagnoseError as error:
        raise type(error)(f"{host}: {error}") from None


def several(hosts: Sequence[str], how: remote.Wanted, diagnose: Diagnose, folder: Path | None) -> int:
    """A line for each host as it finishes, and into the folder its report as JSON, for `fleet`. Returns the exit status of the
    worst: a failure, a warning, what could not be told."""
    from diagnose.report.json_ import as_plain

    if folder is not None:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the directory {folder}: {error.strerror}") from None
    codes = []
    for host, found in _each(hosts, how):
        if isinstance(found, str):
            codes.append(3)
            write(f"{host}: could not look: {found}\n", None)
            continue
        result = diagnose(found)
        plain = as_plain(result.report)
        codes.append(exit_status(result.report))
        write(f"{host}: {told(plain)}\n", None)
        if folder is not None:
            write_json(plain, folder / f"{host}.json")
    return next(code for code in _ORDER if code in codes)


def told(plain: digest.Plain) -> str:
    """The verdict of one host in a line, with what bounds it."""
    first = next(iter(digest.main_diagnoses(plain)), None)
    sure = f" ({first['confidence']})" if first else ""
    user = digest.clean(plain["host"]["user"])[:40]
    seen = "" if plain["host"]["privileged"] else f" As {user or 'a user'}, not as root."
    return f"{digest.verdict(plain)}{sure}{seen}"


def _each(hosts: Sequence[str], how: remote.Wanted) -> Iterator[tuple[str, Recording | str]]:
    """Each host's recording or why there is none, AT_ONCE side by side, as they finish."""
    left, done = queue.SimpleQueue[str](), queue.SimpleQueue[tuple[str, Any]]()
    for host in hosts:
        left.put(host)

    def work() -> None:
        while True:
            try:
                host = left.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((host, remote.recorded(host, how)))
            except Exception as error:  # one host's trouble is no other's
                done.put((host, str(error) or type(error).__name__))

    begun = [threads.begin(work) for _ in hosts[:AT_ONCE]]
    if not any(begun):
        work()
    try:
        for _ in hosts:
            host, data = done.get()
            try:
                yield host, data if isinstance(data, str) else snapshot.loads(snapshot.unpack(data))
            except SnapshotError as error:
                yield host, str(error)
    finally:
        remote.abandon()

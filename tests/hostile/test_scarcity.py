"""A host without a thread to spare still gets an answer."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from diagnose.check import Context, Read, Settings, check, ok
from diagnose.host.memo import FakeHost
from diagnose.model import Observation, Outcome, Target
from diagnose.runner import WORKERS, run_checks


def some(number: int) -> list[object]:
    def body(ctx: Context) -> Iterator[Observation]:
        ctx.ask(Read("/x"))
        yield ok(f"x.c{number}", "x", str(threading.active_count()))

    return [check(id=f"c{number}", title="x", signs=(f"x.c{number}",), informational=(f"x.c{number}",))(body)]


@pytest.mark.parametrize("spare", [0, 1, 5, 1000])
def test_every_check_is_run_whatever_threads_there_are(spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [spare]

    class Scarce(threading.Thread):
        def start(self) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr("diagnose.threads.threading.Thread", Scarce)
    checks = [one for number in range(100) for one in some(number)]
    runs = run_checks(checks, FakeHost(), Target(), Settings(), 10.0)  # type: ignore[arg-type]
    assert {run.outcome for run in runs} == {Outcome.COMPLETED}
    assert len(runs) == 100
    assert max(int(run.observations[0].summary) for run in runs) <= WORKERS + 5


def test_a_run_with_little_address_space_ends_with_an_answer() -> None:
    limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (900_000_000, 900_000_000)); sys.argv[0] = 'x'; runpy.run_module('diagnose', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", limited, "run", "--no-network", "--timeout", "8"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1, 2, 3)
    assert "unexpected error" not in done.stderr
    assert done.stdout


@pytest.mark.parametrize("files", [20, 60])
def test_too_few_open_files_are_said_in_a_line(files: int) -> None:
    limited = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files})); sys.argv[0] = 'x'; runpy.run_module('diagnose', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", limited, "run", "--no-network"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"mail-diagnose: only {files} open files are allowed here")
    assert done.stderr.count("\n") == 1


def test_a_full_standard_output_is_said_in_a_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "diagnose", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 3
    assert done.stderr.startswith("mail-diagnose: cannot write the result: No space left")


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-"])
def test_closed_standard_streams_change_no_status(closed: str) -> None:
    command = f"'{sys.executable}' -m diagnose cause no-such-cause {closed}"
    assert subprocess.run(["/bin/sh", "-c", command], check=False, timeout=60).returncode == 3

"""Ratios of two things measured in one run, on input made for the purpose: `python -m tests.bench [logs|queue|cold|sample|explain|trace|mutations|histories|fleet|single|size]`.

Each line: what, the median and range of both sides in seconds, their ratio, the wanted bound, the ratio of processor time
(which a busy machine disturbs less), and the largest process.
`--full` takes the sizes of the goals (1 GB of log, 100 000 messages); without it everything is small and the bounds say less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from diagnose import singlefile
from tests.bench import fleet, loggen, mutations, queuegen, sandbox, size, text
from tests.watch import nights, promise

Timed = tuple[float, float, int]  # seconds by the clock and of the processor, kilobytes of the largest process

_WINDOW = """
import sys, time
from diagnose.host.live.logs import window
print(sum(len(chunk) for chunk in window(sys.argv[1], time.time() - 3600)), file=sys.stderr)
"""


def timed(argv: list[str], *, codes: tuple[int, ...] = (0,)) -> Timed:
    """Runs a command with its output thrown away; codes: the exit status that it may have."""
    begun = time.monotonic()
    child = subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(sandbox.PROJECT), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise SystemExit(f"ended with {child.returncode}: {' '.join(argv[:4])}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss


def race(name: str, ours: Callable[[], Timed], theirs: Callable[[], Timed], bound: float, rounds: int) -> None:
    """Prints the median of the ratios of rounds in which both ran one after the other."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    ratio = statistics.median(a[0] / b[0] for a, b in pairs)
    work = statistics.median(a[1] / max(b[1], 0.001) for a, b in pairs)
    one, other = ([pair[side][0] for pair in pairs] for side in (0, 1))
    verdict = "ok" if ratio <= bound else "MISSED"
    print(
        f"{name:42} {statistics.median(one):7.3f} s ({min(one):.3f}-{max(one):.3f}) / {statistics.median(other):7.3f} s "
        f"({min(other):.3f}-{max(other):.3f}) = {ratio:.3f}  wanted <= {bound:.2f} {verdict}; "
        f"processor {work:.3f}; {max(a[2] for a, _ in pairs) // 1024} MB, theirs {max(b[2] for _, b in pairs) // 1024} MB",
        flush=True,
    )


def _python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def logs(root: Path, size: int, rounds: int) -> None:
    """The last hour of a log."""
    for style in ("traditional", "iso"):
        path = root / f"{style}.log"
        loggen.write(path, size, style, 28 if size > 500_000_000 else 7)
        window(path, style, rounds)
        path.unlink()


def window(path: Path, style: str, rounds: int) -> None:
    """The last hour of a file, against a search of all of it."""
    search = f"LC_ALL=C grep -cF status= {path} | cat"
    race(
        f"last hour of {path.stat().st_size // 1_000_000} MB, {style}, vs grep of all",
        lambda: timed(_python(_WINDOW, str(path))),
        lambda: timed(["sh", "-c", search]),
        1.0 if path.stat().st_size < 500_000_000 else 0.25,
        rounds,
    )


def queue(root: Path, count: int, rounds: int, how: str) -> None:
    """The summary of a queue against `postqueue -j >/dev/null`, from the page cache or from the disk (cold); or what of
    it fits into the time of `run` and `queue` (sample)."""
    why_not = sandbox.reason_not()
    if why_not:
        print(f"queue: NOT MEASURED, {why_not}")
        return
    queuegen.make(root / "spool", count)
    sandbox.prepare(root)
    arguments = ["warm" if how == "queue" else how, str(count), str(rounds)]
    done = sandbox.python(root, f"import sys\nfrom tests.bench.__main__ import inside\ninside({arguments!r})\n")
    print(done.stdout.rstrip() or done.stderr.rstrip()[-2000:])
    shutil.rmtree(root / "spool")


def inside(arguments: list[str]) -> None:
    """The queue's race, within the mount name space."""
    if arguments[0] == "sample":
        sample()
        return
    cold, count, rounds = arguments[0] == "cold", int(arguments[1]), int(arguments[2])

    def before() -> None:
        if cold:
            forget()

    state = tempfile.mkdtemp()

    def ours() -> Timed:
        before()
        # The whole command, from the interpreter's start to the table.
        command = [sys.executable, "-m", "diagnose", "queue", "--timeout", "600", "--state-dir", state]
        return timed(command, codes=(2,))

    def theirs() -> Timed:
        before()
        return timed(["postqueue", "-j"])

    if not cold:
        theirs()
    name = f"queue of {count}, {arguments[0]}, vs postqueue -j"
    race(name, ours, theirs, 0.5 if cold else 1.2, max(1, rounds // 3) if cold else rounds)
    shutil.rmtree(state)


def forget() -> None:
    """Has the kernel drop what it keeps of the disk."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def sample() -> None:
    """How much of a queue is read in the time of a run's check, and of `queue`, from the disk."""
    state = tempfile.mkdtemp()
    for arguments in (
        ["run", "--only", "queue", "--no-network", "--format", "json"],
        ["queue", "--state-dir", state, "--format", "json"],
    ):
        forget()
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "diagnose", *arguments], capture_output=True, check=False)
        report = json.loads(done.stdout)
        seen = [o["summary"] for run in report["runs"] for o in run["observations"] if o["sign"] == "queue.readable"]
        told = report.get("queue") or {}
        what = seen[0] if seen else f"{told['read']} of {told['total']} messages"
        print(f"mail-diagnose {arguments[0]}, cold: {what}; {time.monotonic() - begun:.1f} s", flush=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"the largest process had {largest} MB")
    shutil.rmtree(state)


def single(root: Path, rounds: int) -> None:
    """The single file against the installed program: its start, and what a run takes longer."""
    path = root / "mail-diagnose.pyz"
    path.write_bytes(singlefile.carried())
    bare = _python("pass")
    installed = [sys.executable, "-m", "diagnose"]
    alone = [sys.executable, "-I", "-S", str(path)]
    run = ["run", "--no-network", "-q", "--only", "mta"]
    timed([*installed, *run], codes=(0, 1, 2, 3))  # compiled modules belong to an installed program
    race(
        "--version, single file vs bare Python", lambda: timed([*alone, "--version"]), lambda: timed(bare), 6.0, rounds
    )
    codes = (0, 1, 2, 3)
    ours, theirs = (lambda: timed([*alone, *run], codes=codes)), (lambda: timed([*installed, *run], codes=codes))
    race("run of one check, single file vs installed", ours, theirs, 2.5, rounds)
    full = ["run", "--no-network", "-q"]
    pairs = [(timed([*alone, *full], codes=codes), timed([*installed, *full], codes=codes)) for _ in range(rounds)]
    over = statistics.median(a[0] - b[0] for a, b in pairs)
    work = statistics.median(a[1] - b[1] for a, b in pairs)
    print(f"run --no-network: the single file takes {over:.2f} s longer (processor {work:.2f} s); wanted <= 0.5")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="logs, queue (the default); cold, sample, explain, trace, mutations, histories, fleet, single, size",
    )
    parser.add_argument(
        "--full", action="store_true", help="1 GB of log, 100 000 messages, 20 000 histories, 10 000 reports"
    )
    parser.add_argument("--megabytes", type=int, help="size of the log")
    parser.add_argument("--messages", type=int, help="messages in the queue")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", help="where the input is made (a disk, for `cold`)")
    options = parser.parse_args()
    megabytes = options.megabytes or (1000 if options.full else 30)
    messages = options.messages or (100_000 if options.full else 5_000)
    known = ("logs", "queue", "cold", "sample", "explain", "trace", "mutations", "histories", "fleet", "single", "size")
    if unknown := set(options.what) - set(known):
        parser.error(f"no such measurement: {min(unknown)} ({', '.join(known)})")
    for what in options.what or ["logs", "queue"]:
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            if what == "logs":
                logs(Path(directory), megabytes * 1_000_000, options.rounds)
            elif what == "explain":
                text.explain(Path(directory), options.rounds)
            elif what == "trace":
                text.trace(Path(directory), megabytes * 1_000_000, options.rounds)
            elif what == "size":
                print(size.report(sandbox.PROJECT))
            elif what == "single":
                single(Path(directory), options.rounds)
            elif what == "fleet":
                fleet.main(Path(directory), 10_000 if options.full else 500)
            elif what == "mutations":
                mutations.main(10_000 if options.full else 1000)
            elif what == "histories":
                promise.report("histories", 20_000 if options.full else 1000, 200, promise.history)
                promise.report("nights", 200 if options.full else 20, 200, nights.elsewhere)
            else:
                queue(Path(directory), messages, options.rounds, what)


if __name__ == "__main__":
    main()

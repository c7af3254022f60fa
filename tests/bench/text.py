"""How long the text commands take from their start: `explain` of twenty lines, `trace` in a large log."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench import loggen, sandbox

_WANTED = 0.35  # seconds for explain


def _seconds(argv: list[str], codes: tuple[int, ...]) -> tuple[float, float]:
    """By the clock and of the processor."""
    begun = time.monotonic()
    child = subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(sandbox.PROJECT)},
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise SystemExit(f"ended with {child.returncode}: {' '.join(argv)}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime


def _tool(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "diagnose", *arguments]


def explain(root: Path, rounds: int) -> None:
    """A new process for each; the interpreter's own start beside it."""
    cases = (sandbox.PROJECT / "tests" / "data" / "field_cases.jsonl").read_text(encoding="utf-8").splitlines()
    lines = "\n".join(json.loads(case)["text"] for case in cases).splitlines()[:20]
    path = root / "pasted"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Compiled modules belong to an installed program.
    _seconds(_tool("explain", str(path)), (2,))
    ours = [_seconds(_tool("explain", str(path)), (2,)) for _ in range(max(5, rounds))]
    bare = [_seconds([sys.executable, "-c", "pass"], (0,)) for _ in range(max(5, rounds))]
    clock, work = (statistics.median(each[side] for each in ours) for side in (0, 1))
    verdict = "ok" if clock <= _WANTED else "ok by processor time" if work <= _WANTED else "MISSED"
    print(
        f"explain of 20 lines, new process: {clock:.3f} s ({min(o[0] for o in ours):.3f}-{max(o[0] for o in ours):.3f}), "
        f"processor {work:.3f} s; the bare interpreter {statistics.median(b[0] for b in bare):.3f} s; wanted <= {_WANTED} {verdict}",
        flush=True,
    )


def trace(root: Path, size: int, rounds: int) -> None:
    """A queue id from the file's middle, all of the file read, against grep for that id."""
    path = root / "trace.log"
    loggen.write(path, size, "iso", 7)
    with open(path, "rb") as file:
        file.seek(size // 2)
        found = b""
        for line in file:
            if b"status=bounced" in line:
                found = line.split(b"]: ", 1)[1].split(b":", 1)[0]
                break
    name = found.decode()
    grep = shutil.which("grep") or "grep"
    pairs = [
        (_seconds(_tool("trace", name, "--log", str(path)), (0, 1, 2)), _seconds([grep, "-c", name, str(path)], (0,)))
        for _ in range(rounds)
    ]
    ours = statistics.median(pair[0][0] for pair in pairs)
    theirs = statistics.median(pair[1][0] for pair in pairs)
    print(
        f"trace of a queue id in {path.stat().st_size // 1_000_000} MB: {ours:.2f} s "
        f"(processor {statistics.median(pair[0][1] for pair in pairs):.2f} s); one grep {theirs:.2f} s",
        flush=True,
    )

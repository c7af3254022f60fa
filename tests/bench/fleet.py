"""`fleet` on many reports and on recordings: seconds, the memory of all its processes together, and what it finds."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from diagnose.fleet.member import Member, read
from diagnose.fleet.shared import compare
from tests.bench import sandbox
from tests.fleet import made

_SECONDS, _MEGABYTES, _RATE = 30.0, 300, 8.0  # wanted of 10,000 reports; recordings a second
_RECORDINGS = 48


def main(root: Path, number: int) -> None:
    folder = root / "reports"
    folder.mkdir()
    made.write(folder, number, 7)
    size = sum(path.stat().st_size for path in folder.iterdir())
    seconds, memory, data = _compared(folder)
    verdict = "ok" if seconds <= _SECONDS and memory <= _MEGABYTES else "MISSED"
    print(
        f"{number} reports of {size // number // 1000} kB: {seconds:.1f} s, {memory} MB together; "
        f"wanted for 10000 <= {_SECONDS:.0f} s and {_MEGABYTES} MB: {verdict}"
    )
    shared = [
        (s["cause"], each["group"], each["value"], each["log10_p"]) for s in data["causes"] for each in s["shared"]
    ]
    print(f"planted {made.PLANT}, found {shared}")
    _shuffled([found for path in sorted(folder.iterdir()) if isinstance(found := read(path), Member)])
    recordings = root / "recordings"
    recordings.mkdir()
    for count in range(_RECORDINGS):
        name = ("healthy", *made.FAULTS)[count % 4]
        shutil.copy(sandbox.PROJECT / f"diagnose/data/demos/{name}.json.gz", recordings / f"{count:03}.json.gz")
    seconds, memory, _ = _compared(recordings)
    rate = _RECORDINGS / seconds
    print(
        f"{_RECORDINGS} recordings: {rate:.1f} a second, {memory} MB; wanted >= {_RATE:.0f} {'ok' if rate >= _RATE else 'MISSED'}"
    )


def _shuffled(members: list[Member]) -> None:
    mix, spurious, begun = random.Random(11), 0, time.monotonic()
    for _ in range(100):
        lots = [(m.status, m.cause, m.title) for m in members]
        mix.shuffle(lots)
        mixed = [replace(m, status=s, cause=c, title=t) for m, (s, c, t) in zip(members, lots, strict=True)]
        spurious += sum(len(seen.shared) for seen in compare(mixed).causes)
    print(f"100 shuffles of {len(members)}: {spurious} spurious findings ({time.monotonic() - begun:.0f} s)")


def _compared(folder: Path) -> tuple[float, int, dict[str, list[dict[str, list[dict[str, str]]]]]]:
    """Seconds, the largest sum of all its processes' memory in MB (shared pages counted once), and what it printed."""
    made_there = folder.parent / "out.json"
    begun, most = time.monotonic(), 0
    with made_there.open("wb") as out:
        command = [sys.executable, "-m", "diagnose", "fleet", str(folder), "--json"]
        child = subprocess.Popen(command, stdout=out, cwd=sandbox.PROJECT)
        while child.poll() is None:
            most = max(most, _together(child.pid))
            time.sleep(0.05)
    return time.monotonic() - begun, most // 1024, json.loads(made_there.read_bytes())


def _together(pid: int) -> int:
    """Kilobytes, as /proc/PID/smaps_rollup shares them out."""
    found = 0
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        for each in (pid, *map(int, children)):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    found += int(line.split()[1])
    return found

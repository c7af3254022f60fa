"""Files that hang, never end, explode or lie, in every place where a file is read: an error of one line, in time."""

from __future__ import annotations

import gzip
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diagnose.host.live import system
from diagnose.host.query import Read
from diagnose.parse.text.masking import Secrets

SECONDS = 25.0
PEAK = 64_000  # kB, of the tool
ESCAPES = b"\x1b[31m\x1b]0;owned\x07\xc2\x9b\xe2\x80\xae"


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50_000_000_000)


def linked(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target if target != "itself" else path)


def holds(data: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def repeats() -> bytes:
    """Lines of a word and then one filler over and over, on which a careless pattern takes time beyond all bounds."""
    words = (
        "",
        "send ",
        "mail ",
        "Bounced message ",
        "mx.example.net said: ",
        "password=",
        "Error: ",
        "EHLO ",
        "at com.",
    )
    fillers = "-", " ", ".", "a ", "1.", "(", "= ", "a.", ", ", "'a' ", "| ", "not ", "é", "=>", "::", "! ", ": if "
    return "\n".join(word + filler * 400 + " failed" for word in words for filler in fillers).encode()


def asked(**query: object) -> bytes:
    item = {"query": {"kind": "Read", "path": "/etc/resolv.conf", **query}, "reply": {"text": ESCAPES.decode()}}
    return recording([item])


def recording(items: object, **more: object) -> bytes:
    return json.dumps(
        {"schema": 1, "version": "0", "started": "2026-11-22T12:00:00+00:00", "asked": items, **more}
    ).encode()


# Whatever it is that should be a file.
KINDS: dict[str, Callable[[Path], None]] = {
    "FIFO": fifo,
    "socket": bound,
    "directory": lambda path: path.mkdir(),
    "loop": linked("itself"),
    "dangling link": linked("/nowhere/at/all"),
    "/dev/zero": linked("/dev/zero"),
    "/dev/tty": linked("/dev/tty"),
    "/dev/full": linked("/dev/full"),
    "/proc/self/mem": linked("/proc/self/mem"),
    "/proc/kmsg": linked("/proc/kmsg"),
    "sparse 50 GB": sparse,
    "empty": holds(b""),
    "zeros": holds(b"\0" * 100_000),
    "noise": holds(bytes(range(256)) * 400),
    "repeats": holds(repeats()),
    "marks": holds((b"[" * 1000 + b"\n") * 2000 + b"550 5.1.1 no such user\n"),
    "exclamations": holds(b"550 5.1.1 no such user " + b"! " * 30_000),
    "invalid UTF-8": holds(b"\xff\xfe\x80" * 1000),
    "control sequences": holds(ESCAPES * 100),
    "one line of 5 MB": holds(b"x" * 5_000_000),
    "a million lines": holds(b"a\n" * 1_000_000),
    "deep lists": holds(b"[" * 1_000_000),
    "deep tables": holds(b'{"a":' * 500_000),
    "deep TOML": holds(b"a = " + b"[" * 100_000),
    "dotted TOML": holds(b".".join([b"a"] * 50_000) + b" = 1\n"),
    "a number without end": holds(b"[" + b"9" * 1_000_000 + b"]"),
    "NaN": holds(b'{"schema": NaN, "asked": []}'),
    "gzip bomb": holds(gzip.compress(b"\0" * 300_000_000, 1)),
    "gzip in gzip": holds(gzip.compress(gzip.compress(b"[" * 10_000_000))),
    "gzip, cut": holds(gzip.compress(b"{}" * 1000)[:20]),
    "gzip, garbage": holds(b"\x1f\x8b" + b"\xff" * 100),
}
RECORDINGS: dict[str, bytes] = {
    "another schema": json.dumps({"schema": 10**9, "asked": [], "version": "\x1b[31m"}).encode(),
    "escape sequences": asked(),
    "asked is a number": recording(5),
    "asked is null": recording(None),
    "an item is a list": recording([[1, 2]]),
    "a query of no kind": recording([{"query": {}, "reply": {}}]),
    "a kind of escapes": recording([{"query": {"kind": "\x1b[31m"}, "reply": {}}]),
    "a field too many": asked(evil=1),
    "a path of a list": asked(path=["x"]),
    "a path of NUL": asked(path="a\0b"),
    "a limit below nothing": asked(limit=-1),
    "a reply of a list": recording([{"query": {"kind": "Now"}, "reply": []}]),
    "an epoch beyond time": recording([{"query": {"kind": "Now"}, "reply": {"epoch": 1e18}}]),
    "an epoch before time": recording([{"query": {"kind": "Now"}, "reply": {"epoch": -1e17}}]),
    "an offset of a year": recording([{"query": {"kind": "Now"}, "reply": {"epoch": 1.0, "offset": 31_536_000}}]),
    "a moment of words": recording([], started="\x1b[31mnow"),
    "a target of words": recording([], target="x"),
    "a target of escapes": recording([], target={"recipient": "\x1b[31m@example.com"}),
    "settings of words": recording([], settings="x"),
    "a window of words": recording([], settings={"since": "x"}),
    "cut off at once": recording([], cut_off={"log": {"observations": -5, "reason": "\x1b[31m"}}),
    "a hundred thousand questions": recording([{"query": {"kind": "Read", "path": f"/{i}"}, "reply": {}} for i in range(100_000)]),
}  # fmt: skip
SETTINGS: dict[str, bytes] = {
    "no option": b'evil = "\\u001b[31m"\n',
    "of another kind": b"attempts = [1]\n",
    "a number too large": b"attempts = 99999999999999999999\n",
    "less than none": b"attempts = -1\n",
    "an endless pause": b"timeout = 1e308\n",
    "infinity": b"timeout = inf\n",
    "escapes in a key": b'"\\u001b[31m" = 1\n',
    "the same twice": b"attempts = 1\nattempts = 2\n",
    "a target of escapes": b'notify = ["\\u001b[31m:x"]\n',
    "a table": b"[attempts]\nx = 1\n",
    "a date": b"attempts = 2026-11-22\n",
    "a NUL": b"attempts = 1\0\n",
}


def run(*arguments: str) -> tuple[int, str, float, int]:
    """Exit status, what was said, seconds, and the peak in kB."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        # A process between: what a child's peak is said to be begins with the memory of whoever started it.
        done = subprocess.run(
            (sys.executable, "-c", _BETWEEN, sys.executable, "-m", "diagnose", *arguments),
            stdout=subprocess.PIPE,
            stderr=said,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            preexec_fn=_limited,
            timeout=SECONDS + 40,
            check=True,
        )
        code, peak = map(int, done.stdout.split())
        said.seek(0)
        return code, said.read().decode("utf-8", "replace"), time.monotonic() - began, peak


_BETWEEN = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))


def wrong_with(code: int, said: str, seconds: float, peak: int) -> bool:
    return (
        peak > PEAK
        or code not in (0, 1, 2, 3, 64)
        or seconds > SECONDS
        or "Traceback" in said
        or "unexpected error" in said
        or any(mark in said for mark in ("\x1b[31m", "\x1b]", "\x07", "\x9b", "\u202e"))
    )


def test_each_hostile_file_in_each_place(tmp_path: Path) -> None:
    places: dict[str, Callable[[Path], tuple[str, ...]]] = {
        "recording": lambda path: ("run", "--snapshot", str(path), "--timeout", "10"),
        "configuration": lambda path: ("report", "--last", "--state-dir", "/nonexistent", "--config", str(path)),
        "text": lambda path: ("explain", str(path)),
        "log": lambda path: ("trace", "jo@example.com", "--log", str(path)),
        "state": lambda path: ("report", "--last", "--state-dir", str(path.parent)),
    }
    cases: list[tuple[str, str, tuple[str, ...]]] = []

    def add(place: str, how: str, make: Callable[[Path], None]) -> None:
        folder = tmp_path / f"{len(cases)}"
        folder.mkdir()
        path = folder / ("state.json" if place == "state" else "file")
        make(path)
        cases.append((place, how, places[place](path)))

    for how, make in KINDS.items():
        for place in places:
            add(place, how, make)
    for how, data in RECORDINGS.items():
        add("recording", how, holds(data))
    for how, data in SETTINGS.items():
        add("configuration", how, holds(data))
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda case: run(*case[2]), cases))
    wrong = [
        (place, how, code, round(seconds, 1), peak, said[-300:])
        for (place, how, _), (code, said, seconds, peak) in zip(cases, done, strict=True)
        # What a recording holds is kept in memory whole, up to its limit.
        if wrong_with(code, said, seconds, peak // 2 if place == "recording" else peak)
    ]
    print(f"files: {len(cases)} tried, {len(wrong)} wrong, peak {max(each[3] for each in done) // 1000} MB")
    assert not wrong, "\n".join(map(str, wrong))
    assert len(cases) >= 60


@pytest.mark.parametrize("how", KINDS)
def test_a_hostile_file_of_this_host_is_bounded(how: str, tmp_path: Path) -> None:
    KINDS[how](tmp_path / "file")
    began = time.monotonic()
    reply = system.read(Read(str(tmp_path / "file")), Secrets())
    assert time.monotonic() - began < 2
    assert len(reply.text) <= 300_000
    if how.startswith("/dev") or how in ("FIFO", "socket", "directory", "loop"):
        assert reply.problem

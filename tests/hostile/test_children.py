"""What the commands that are run may take, and where they are looked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diagnose.host.live import hook, system
from diagnose.host.query import Exec
from diagnose.parse.text.masking import Secrets


def test_a_child_that_wants_all_memory_is_stopped() -> None:
    reply = system.run(Exec(("python3", "-c", "x = bytearray(400_000_000)"), timeout=20.0), Secrets())
    assert reply.code != 0
    assert "MemoryError" in reply.err or reply.code is not None


def test_a_child_that_never_ends_its_output_is_cut_off() -> None:
    began = time.monotonic()
    reply = system.run(Exec(("cat", "/dev/zero"), timeout=5.0), Secrets())
    assert reply.truncated
    assert len(reply.out) <= system.OUTPUT_LIMIT
    assert time.monotonic() - began < 15  # long before a pipe without end would be read


@pytest.mark.parametrize("given", ["", ".", ":/usr/bin", "bin:./x:", ".:/nowhere"])
@pytest.mark.parametrize("root", [True, False])
def test_no_command_comes_out_of_the_current_directory(given: str, root: bool) -> None:
    assert all(entry.startswith("/") for entry in system.search_path(given, root).split(":"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_root_runs_nothing_that_others_may_replace(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert str(tmp_path) not in system.search_path(str(tmp_path), True)
    assert system.search_path("/opt/x", True).startswith("/usr/local/sbin:")


GREEDY = 'import sys; x = bytearray(400_000_000); print("all of it")'


def test_every_kind_of_child_is_limited(tmp_path: Path) -> None:
    """Whoever starts a child limits it, or says here why not."""
    free = {
        "carry.py": "the user's own order: an installation takes what it takes",
        "remote.py": "ssh, which the user may have to answer; what comes back is cut off at a size",
    }
    starts = re.compile(r"subprocess\.(?:Popen|run|check_output|call)\(")
    for path in Path(system.__file__).parents[2].rglob("*.py"):
        for found in starts.finditer(text := path.read_text("utf-8")):
            if path.name not in free:
                assert "limited(" in text[found.start() : found.start() + 200], (
                    f"{path.name}: {text[found.start() :][:200]}"
                )


def test_a_hook_that_wants_all_memory_fails_and_says_so(tmp_path: Path) -> None:
    assert hook.feed((sys.executable, "-c", GREEDY), "x", 20.0, {}) == "exit status 1"
    assert hook.feed(("/nowhere/at/all",), "x", 20.0, {}).startswith("cannot be started")
    # A file of its own may be as long as it is.
    log = tmp_path / "log"
    log.write_bytes(b"x" * 20_000_000)
    assert hook.feed(("/bin/sh", "-c", f"cat >> {log}"), "alarm", 20.0, {}) == ""
    assert log.stat().st_size == 20_000_005


def test_a_child_that_never_ends_its_output_is_kept_in_part() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        system.heard(["/bin/sh", "-c", "sleep 30"], 0.3)
    code, out, _ = system.heard(["/bin/cat", "/dev/zero"], 10.0)
    assert code != 0
    assert len(out) == system.OUTPUT_LIMIT + 1
    assert system.heard(["/bin/cat"], 5.0, b"given") == (0, b"given", b"")


_LEFT = """
import sys, threading, time
from diagnose.host.live import system
threading.Thread(target=system.heard, args=(["/bin/sh", "-c", "touch %s; sleep 5; rm %s" % (sys.argv[1], sys.argv[1])], 60.0), daemon=True).start()
time.sleep(1)
"""


def test_no_child_outlives_the_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    subprocess.run([sys.executable, "-c", _LEFT, str(mark)], timeout=60, check=True)
    time.sleep(6)
    assert mark.exists()


PEAK = 256_000  # kB, of any child
_MEASURED = """
import resource, sys
from diagnose.host.live import hook, system
from diagnose.host.query import Exec
from diagnose.parse.text.masking import Secrets
eats = 'x = [b"x" * 5_000_000 for _ in iter(int, 1)]'
system.run(Exec((sys.executable, "-c", eats), timeout=20.0), Secrets())
system.run(Exec((sys.executable, "-c", "import threading; [threading.Thread(target=exec, args=(%r,)).start() for _ in range(4)]" % eats), timeout=20.0), Secrets())
system.heard([sys.executable, "-c", eats], 20.0)
hook.feed((sys.executable, "-c", eats), "alarm", 20.0, {})
for folder in sys.argv[1:]:
    for program in (("postconf", "-c", folder), ("postconf", "-M", "-c", folder), ("postqueue", "-c", folder, "-p"), ("postmap", "-c", folder, "-q", "x", f"texthash:{folder}/main.cf")):
        system.run(Exec(program, timeout=20.0), Secrets())
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_no_child_takes_more_than_its_share(tmp_path: Path) -> None:
    """Programs that eat memory, and Postfix' own over settings without end."""
    for name, target in (("zero", "/dev/zero"), ("line", None)):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("main.cf", "master.cf"):
            if target:
                (folder / file).symlink_to(target)
            else:
                (folder / file).write_bytes(b"x = " + b"y" * 300_000_000)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(tmp_path / "zero"), str(tmp_path / "line")],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    peak = int(done.stdout)
    print(f"\nchildren: at most {peak // 1024} MB")
    assert peak <= PEAK

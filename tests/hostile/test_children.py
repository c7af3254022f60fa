"""What the commands that are run may take, and where they are looked for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from diagnose.host.live import system
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

"""Who holds a lock, asked of the kernel."""

import fcntl
import os
from pathlib import Path

from diagnose.host.live import system
from diagnose.host.query import Lock


def test_a_lock_shows_to_who_may_not_open_the_file(tmp_path: Path) -> None:
    """The kernel lists locks for everybody, by inodes; opening the file is for its owner."""
    path = tmp_path / "master.pid"
    path.write_text("4711\n")
    refused = PermissionError(13, "Permission denied")
    assert not system._lock_unopened(str(path), refused).held
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        reply = system._lock_unopened(str(path), refused)
        assert (reply.held, reply.holder, reply.problem) == (True, os.getpid(), None)
        assert system.lock(Lock(str(path))).held
    assert system._lock_unopened(str(tmp_path / "none"), refused).problem == "not found"

"""What goes into another user's file system has that user's rights."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from diagnose.host.live import namespaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter")
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def test_root_is_an_ordinary_user_in_that_users_own_namespaces(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("root's")
    mine.chmod(0o600)
    command = [*_NOBODY, "unshare", "-U", "--map-root-user", "-m", "sh", "-c", "echo there; exec sleep 60"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    if not child.stdout.readline():
        pytest.skip("NOT TESTED: no user namespaces here")

    def work() -> bytes:
        try:
            mine.write_text("taken")
        except PermissionError:
            return b"refused"
        return b"written"

    try:
        assert namespaces.inside(child.pid, work, 20) == b"refused"
    finally:
        child.kill()
        child.wait()
    assert mine.read_text() == "root's"


def test_a_root_of_its_own_is_entered_without_a_namespace(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("here")
    code = "import os, sys, time; os.chroot(sys.argv[1]); print('there', flush=True); time.sleep(60)"
    child = subprocess.Popen(["python3", "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        assert namespaces.inside(child.pid, Path("/known").read_bytes, 20) == b"here"
        assert namespaces.chroot_of(child.pid) == str(tmp_path.resolve())
        assert not namespaces.chroot_of(os.getpid())
    finally:
        child.kill()
        child.wait()

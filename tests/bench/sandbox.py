"""A private Postfix queue: a mount name space in which /etc/postfix and the queue directory are ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_MAIN_CF = """compatibility_level = 3.6
myhostname = app.example
inet_interfaces = loopback-only
"""
_SCRIPT = 'mount --bind "$1" /etc/postfix && mount --bind "$2" "$3" && shift 3 && exec "$@"'


def reason_not() -> str:
    """Why there can be no private queue here; '' if there can."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("postqueue", path="/usr/sbin:/usr/bin:/sbin") or not os.path.isdir("/etc/postfix"):
        return "Postfix is not installed"
    made = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return "" if made.returncode == 0 else "no mount name space can be made"


def prepare(root: Path) -> None:
    """A configuration beside the queue: root/etc for root/spool."""
    shutil.copytree("/etc/postfix", root / "etc", symlinks=True, dirs_exist_ok=True)
    (root / "etc" / "main.cf").write_text(_MAIN_CF)
    spool = root / "spool"
    spool.mkdir(exist_ok=True)
    subprocess.run(["chown", "-R", "postfix:", str(spool)], check=True)
    os.chown(spool, 0, 0)
    spool.chmod(0o755)


def run(root: Path, argv: list[str], *, text: str = "", timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Runs a command where root/etc and root/spool are Postfix' directories."""
    queue = subprocess.run(
        ["postconf", "-dh", "queue_directory"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", _SCRIPT, "sh", str(root / "etc"), str(root / "spool"), queue, *argv],
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
        check=False,
    )


def python(root: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code there, with the project importable."""
    return run(root, [sys.executable, "-", *arguments], text=code)

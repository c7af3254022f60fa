"""How this program is called, so that the commands it prints work in the caller's shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys

NAME = "mail-diagnose"
_SECURE = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/snap/bin",
)  # sudo's search path
_CALL = re.compile(
    rf"(?<![\w./-])(sudo )?{NAME}(?= (?:--help|app|cause|demo|explain|fix|fleet|help|history|ignore|install-units|list|queue|record|"
    r"relay|report|run|send|trace|watch)\b)"
)


def here() -> tuple[str, str]:
    """(command in this shell, command behind sudo, which has its own search path)."""
    started = sys.argv[0]
    base = os.path.basename(started)
    if base.endswith((".pyz", ".zip")):
        whole = f"{shlex.quote(sys.executable)} {shlex.quote(os.path.abspath(started))}"
        return whole, whole
    if base != NAME:
        return NAME, NAME
    path = os.path.abspath(started if os.sep in started else shutil.which(started) or started)
    found = shutil.which(NAME)
    short = found is not None and os.path.exists(path) and os.path.samefile(found, path)
    secure = short and os.path.dirname(found or "") in _SECURE
    return NAME if short else shlex.quote(path), NAME if secure else shlex.quote(path)


def spelled(text: str, names: tuple[str, str]) -> str:
    """The text with the calls of this program in it replaced by `names`, a result of `here`."""
    if names == (NAME, NAME):
        return text
    return _CALL.sub(lambda found: f"sudo {names[1]}" if found[1] else names[0], text)

"""Kills the process that imports it, at its n-th change of the file system once a journal has begun (FIX_KILLED_AT)."""

import os
import signal
import sys

CHANGES = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.utime",
    "subprocess.Popen",
}
_last = int(os.environ.pop("FIX_KILLED_AT", "0"))
_seen = 0


def _count(event: str, arguments: tuple[object, ...]) -> None:
    global _seen  # noqa: PLW0603
    if event not in CHANGES or (event == "open" and not (int(str(arguments[2])) & os.O_ACCMODE)):
        return
    begun = event == "os.mkdir" and "/proc/self/fd/" in str(arguments[0])
    if _seen or begun:
        _seen += 1
        if _seen == _last:
            os.kill(os.getpid(), signal.SIGKILL)


if _last:
    sys.addaudithook(_count)

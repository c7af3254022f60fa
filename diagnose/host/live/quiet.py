"""Programs of Postfix' that only look something up, without a line in this host's mail log.

postmap(1) and postqueue(1) say their warnings to the log as well, whatever they are told. So they are started by a thread that may
open no datagram socket of this host, which is what a log is written to; what it starts inherits that (seccomp(2)).
"""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from typing import Any

_TALKERS = ("postmap", "postqueue", "postalias")
# The number of socket(2) and what the kernel calls the architecture, by machine; elsewhere the line is written.
_SOCKET = {
    "x86_64": (41, 0xC000003E),
    "aarch64": (198, 0xC00000B7),
    "riscv64": (198, 0xC00000F3),
    "ppc64le": (326, 0xC0000015),
}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x0005000D  # EACCES
_AF_UNIX, _DATAGRAM = 1, 2


def popen(argv: list[str], program: str, **options: Any) -> subprocess.Popen[bytes]:
    """subprocess.Popen of argv, whose program proper is `program`. Raises OSError."""
    if not _talks(program):
        return subprocess.Popen(argv, **options)
    begun: list[subprocess.Popen[bytes] | BaseException] = []

    def begin() -> None:
        try:
            _forbid()
            begun.append(subprocess.Popen(argv, **options))
        except BaseException as error:
            begun.append(error)

    thread = threading.Thread(target=begin, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread to spare
        return subprocess.Popen(argv, **options)
    thread.join()
    if isinstance(begun[0], BaseException):
        raise begun[0]
    return begun[0]


def _talks(program: str) -> bool:
    if os.path.basename(program) not in _TALKERS:
        return False
    # A filter takes away the group that an ordinary user needs to list the queue.
    return os.geteuid() == 0 or not os.stat(program).st_mode & 0o6000


def _forbid() -> None:
    """This thread, and what it starts, opens no datagram socket of AF_UNIX any more; where the kernel cannot, nothing."""
    import ctypes

    if os.uname().machine not in _SOCKET:
        return
    number, architecture = _SOCKET[os.uname().machine]
    steps = [
        *((_LOAD, 0, 0, 4), (_IF_EQUAL, 0, 8, architecture)),
        *((_LOAD, 0, 0, 0), (_IF_EQUAL, 0, 6, number)),
        *((_LOAD, 0, 0, 16), (_IF_EQUAL, 0, 4, _AF_UNIX)),
        *((_LOAD, 0, 0, 24), (_AND, 0, 0, 0xF), (_IF_EQUAL, 0, 1, _DATAGRAM)),
        *((_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    library = ctypes.CDLL(None)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        library.prctl(_SECCOMP, _FILTER, program, 0, 0)

"""Runs Postfix's look-up programs without a line in this host's mail log.

postmap(1) and postqueue(1) say their warnings to the log as well, whatever they are told. So they are started by a
thread that may reach no socket of this host's file system, which is what a log is written to; what it starts
inherits that (seccomp(2)). A table that is asked of a server needs such sockets: there the line stands.
"""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

# The number of connect(2) and what the kernel calls the architecture, by machine; elsewhere the line is written.
_CONNECT = {
    "x86_64": (42, 0xC000003E),
    "aarch64": (203, 0xC00000B7),
    "riscv64": (203, 0xC00000F3),
    "ppc64le": (328, 0xC0000015),
}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x0005006F  # ECONNREFUSED, as if nobody listened
_IPV4, _IPV6 = 16, 28  # octets of an address


# Before the command, since a set-group-ID one (postqueue) cannot be limited from outside; -d in KiB, -f in 512 octets.
_SHELL, _MEMORY, _FILE = "/bin/sh", "ulimit -d 250000; ", "ulimit -f 16384; "


def limited(argv: Sequence[str], *, writes: bool = False) -> list[str]:
    """The command with at most 256 MB of memory: an endless main.cf would make postconf take all there is. Unless it
    `writes` files of its own, its output file is limited to 8 MB as well."""
    if not os.path.exists(_SHELL):
        return [*argv]
    return [_SHELL, "-c", f'{_MEMORY}{"" if writes else _FILE}exec "$@"', "sh", *argv]


def popen(argv: Sequence[str], quiet: bool = False, **options: Any) -> subprocess.Popen[bytes]:
    """subprocess.Popen of a command that is limited; quiet: the program may reach no socket but of IP. Raises OSError."""
    if not quiet:
        return subprocess.Popen(limited(argv), **options)
    begun: list[subprocess.Popen[bytes] | BaseException] = []

    def begin() -> None:
        try:
            _forbid()
            begun.append(subprocess.Popen(limited(argv), **options))
        except BaseException as error:
            begun.append(error)

    thread = threading.Thread(target=begin, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread to spare
        return subprocess.Popen(limited(argv), **options)
    thread.join()
    if isinstance(begun[0], BaseException):
        raise begun[0]
    return begun[0]


def _forbid() -> None:
    """Forbids it for this thread and the processes it starts; without kernel support nothing is forbidden."""
    import ctypes

    if os.uname().machine not in _CONNECT:
        return
    number, architecture = _CONNECT[os.uname().machine]
    steps = [
        *((_LOAD, 0, 0, 4), (_IF_EQUAL, 0, 6, architecture)),
        *((_LOAD, 0, 0, 0), (_IF_EQUAL, 0, 4, number)),
        *((_LOAD, 0, 0, 32), (_IF_EQUAL, 2, 0, _IPV4), (_IF_EQUAL, 1, 0, _IPV6)),
        *((_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    library = ctypes.CDLL(None)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        library.prctl(_SECCOMP, _FILTER, program, 0, 0)

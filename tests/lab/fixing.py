"""A broken machine mended by `fix`, or by what `run` prints: does mail flow, is a second run clean, does undo put everything back?"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator

from diagnose.record import frozen

from .fault import Fault
from .machine import SECRET, LabError, Machine
from .mend import RECIPIENT
from .roots import MAILERS

PLACES = ("/etc", "/usr/local/etc", "/usr/lib/postfix", "/usr/sbin", "/var/spool/postfix/etc")
# What Postfix itself writes while it runs, and what Debian's service copies into the chroot whenever it starts.
_OWN = re.compile(r"/(prng_exch|master\.lock|smtp_scache\.db)$|/var/spool/postfix/[^/]*/")
_FILLED = "/var/spool/postfix/etc/ssl"


@frozen
class Mended:
    """word: mended, delivered (still something claimed), unchanged (mail flows, and no step was taken), not, lab. undone: what differs after undo, of files."""

    fault: str
    word: str
    said: str
    claimed: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    seconds: float = 0.0


def states(m: Machine) -> dict[str, tuple[object, ...]]:
    """Content, mode, owner and attributes of what a fix may change."""
    return dict(_states(m))


def _states(m: Machine) -> Iterator[tuple[str, tuple[object, ...]]]:
    root = str(m.path(""))
    for place in (*PLACES, "/var/spool/postfix", "/var/lib/postfix"):
        deep = place in PLACES
        for folder, folders, names in os.walk(f"{root}{place}"):
            for name in (*names, *folders, "."):
                path = os.path.normpath(f"{folder}/{name}")
                inside = path[len(root) :]
                info = os.lstat(path)
                if (_OWN.search(inside) and "/etc/" not in inside) or inside.startswith(_FILLED):
                    continue
                data = b""
                if stat.S_ISREG(info.st_mode) and deep:
                    with open(path, "rb") as file:
                        data = file.read()
                elif stat.S_ISLNK(info.st_mode):
                    data = os.readlink(path).encode()
                attributes = _attributes(path) if deep and stat.S_ISREG(info.st_mode) else ()
                yield inside, (hashlib.sha256(data).hexdigest(), info.st_mode, info.st_uid, info.st_gid, attributes)
            if not deep:
                folders.clear()


def claimed(m: Machine) -> tuple[str, ...]:
    """What a run claims with some confidence."""
    done = m.diagnose("run", "--format", "json", *m.fault.args)
    try:
        found = json.loads(done.stdout)["diagnoses"]
    except (ValueError, KeyError):
        return (f"exit {done.returncode}",)
    left = ("delivered-to-remote",) if "--to" in m.fault.args else ()  # it says that mail left
    return tuple(d["cause"] for d in found if d["confidence"] != "possible" and d["cause"] not in left)


def flows(m: Machine, to: str, seconds: float = 15) -> bool:
    """Whether a message submitted now is taken by the recipient's server or the relay."""
    before, taken = len(m.log()), m.received(to)
    m.submit(to)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        other = m.fault.mailer and m.received(to) > taken  # its log has words of its own
        if other or re.search(rf"to=<{re.escape(to)}>.* status=sent", m.log()[before:]):
            return True
        time.sleep(0.1)
    return False


def recipient(fault: Fault) -> str:
    """Whose mail the fault stops: the one that the tool is asked about, else the one that the lab's steps write to."""
    return fault.args[fault.args.index("--to") + 1] if "--to" in fault.args else RECIPIENT


def mend(fault: Fault, *options: str, undo: bool = True) -> Mended:
    began = time.monotonic()
    with Machine(fault, MAILERS.get(fault.mailer)) as m:
        try:
            m.prepare()
        except LabError as error:
            return Mended(fault=fault.id, word="lab", said=str(error))
        before = states(m)
        m.write("/root/secret", f"user=lab-user\npassword={SECRET}\n", 0o600)
        done = m.diagnose("fix", "--yes", *options, *fault.args, "--secret-file", "/root/secret", timeout=180)
        said = done.stdout + done.stderr
        if SECRET in said:
            said += "\nLEAK"
        taken = re.search(r"^(Fixed|Kept)", said, re.M) is not None
        delivered = flows(m, recipient(fault))
        left = claimed(m) if delivered else ()
        changed: tuple[str, ...] = ()
        if undo and taken:
            back = m.diagnose("fix", "--undo", timeout=120)
            said += back.stdout + back.stderr
            after = states(m)
            changed = tuple(sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p)))
    word = "not" if not delivered else "delivered" if left else "mended" if taken else "unchanged"
    return Mended(fault=fault.id, word=word, said=said, claimed=left, undone=changed, seconds=time.monotonic() - began)


def _attributes(path: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))

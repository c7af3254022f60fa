"""Commands, files, disks, locks and the clock of this machine."""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import glob as globbing
import grp
import os
import pwd
import shutil
import socket
import stat as modes
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from diagnose import files
from diagnose.host.live.quiet import popen
from diagnose.host.query import (
    Disk,
    DiskReply,
    Exec,
    ExecReply,
    Glob,
    GlobReply,
    Lock,
    LockReply,
    Now,
    NowReply,
    Read,
    ReadReply,
    Stat,
    StatReply,
)  # fmt: skip
from diagnose.host.secretfile import mask_read
from diagnose.parse.text.masking import Secrets, mask

_STANDARD = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def search_path(given: str, root: bool) -> str:
    """Where commands are looked for. The PATH of a cron job or an ordinary user lacks the directories of Postfix's
    commands. Relative entries are dropped; as root the standard directories come first, and others count only if no
    other user may write there."""
    entries = [entry for entry in given.split(os.pathsep) if entry.startswith("/")]
    return os.pathsep.join(dict.fromkeys([*_STANDARD, *filter(_own, entries)] if root else [*entries, *_STANDARD]))


def _own(folder: str) -> bool:
    try:
        return not files.doubt(Path(folder), files.trusted())
    except OSError:
        return False


PATH = search_path(os.environ.get("PATH", ""), os.geteuid() == 0)
OUTPUT_LIMIT = 4_000_000


def environment() -> dict[str, str]:
    """The environment for this host's commands: the C locale, a PATH with the sbin directories, no variable that
    changes how a mailer or the loader behaves."""
    from diagnose.host.live.instances import followed

    keep = {key: value for key, value in os.environ.items() if key in ("HOME", "USER", "LOGNAME", "TZ")}
    instance = followed()
    return {**keep, "PATH": PATH, "LC_ALL": "C", **({"MAIL_CONFIG": instance} if instance else {})}


def find(command: str) -> str | None:
    return shutil.which(command, path=PATH)


def scratch() -> BinaryIO:
    """A file in memory for a command's output, which works on a full or read-only disk."""
    return open(os.memfd_create("said", os.MFD_CLOEXEC), "w+b")


def why(error: OSError) -> str:
    """An OSError as the text of a reply's `problem`."""
    return {
        errno.ENOENT: "not found",
        errno.ENOTDIR: "not found",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
    }.get(0 if isinstance(error, files.Refused) else error.errno or 0, (error.strerror or type(error).__name__).lower())


def run(query: Exec, secrets: Secrets) -> ExecReply:
    program = find(query.argv[0])
    if program is None:
        return ExecReply(problem=f"not found: {query.argv[0]}")
    try:
        code, out, err = heard([program, *query.argv[1:]], query.timeout)
        if code and b"BusyBox" in err:
            code, out, err = _by_busybox(program, query, out, err)
    except subprocess.TimeoutExpired:
        return ExecReply(problem=f"timed out after {query.timeout:.1f} s: {' '.join(query.argv[:2])}")
    except OSError as error:
        return ExecReply(problem=why(error))
    text = _holding(decode(out[:OUTPUT_LIMIT]), query.having)
    return ExecReply(
        code=code,
        out=settings(query.argv, text, secrets) if query.argv[0] == "postconf" else mask(secrets.hide(text)),
        err=mask(secrets.hide(decode(err[:20_000]))),
        truncated=len(out) > OUTPUT_LIMIT,
    )


def _holding(text: str, words: tuple[str, ...]) -> str:
    """Only the lines asked for: searching for secrets takes a millisecond a kilobyte."""
    if not words:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if any(word in line for word in words))


_BUILT_IN: set[str] = set()  # the lines of `postconf -d`: what Postfix was built with is no secret


def settings(argv: tuple[str, ...], text: str, secrets: Secrets) -> str:
    """postconf's output, masked except for Postfix's own defaults."""
    lines = secrets.hide(text).split("\n")
    if argv == ("postconf", "-d"):
        _BUILT_IN.update(lines)
    own = [place for place, line in enumerate(lines) if line not in _BUILT_IN]
    masked = mask("\n".join([lines[place] for place in own])).split("\n") if own else []
    if len(masked) != len(own):
        return mask("\n".join(lines))
    for place, shown in zip(own, masked, strict=True):
        lines[place] = shown
    return "\n".join(lines)


def _by_busybox(program: str, query: Exec, out: bytes, err: bytes) -> tuple[int, bytes, bytes]:
    """The answer of busybox's own `ip`, in iproute2's form; for any other command that busybox did not understand it."""
    code = 1
    if query.argv[:2] == ("ip", "-j"):
        import json

        from diagnose.parse.system import ip_text

        code, out, err = heard([program, *ip_text.simpler(query.argv)[1:]], query.timeout)
        out = json.dumps(ip_text.as_json(query.argv, decode(out))).encode() if code == 0 else b""
    if b"BusyBox" in err:
        err = f"busybox' {query.argv[0]} does not know what was asked".encode()
    return code, out, err


def heard(argv: Sequence[str], timeout: float, given: bytes = b"", *, quiet: bool = False) -> tuple[int, bytes, bytes]:
    """Exit status and output of a command, at most OUTPUT_LIMIT octets and one more; `given`: its standard input;
    quiet: see `popen`. Raises OSError, subprocess.TimeoutExpired."""
    with scratch() as said, scratch() as errors, scratch() as asked:
        asked.write(given)
        asked.seek(0)
        options = {"stdin": asked, "stdout": said, "stderr": errors, "start_new_session": True}
        with popen(argv, quiet, env=environment(), cwd="/", **options) as child:
            _running.add(child)
            try:
                child.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                _kill(child)
                raise
            finally:
                _running.discard(child)
        out, err = (os.pread(file.fileno(), OUTPUT_LIMIT + 1, 0) for file in (said, errors))
    return child.returncode, out, err


_running: set[subprocess.Popen[bytes]] = set()


@atexit.register
def _end() -> None:
    """The time of this process may be up before that of a command."""
    for child in tuple(_running):
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kills the whole session, a shell's grandchildren included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, 9)
    with contextlib.suppress(ProcessLookupError):
        child.kill()


def decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read(query: Read, secrets: Secrets, given: str | None = None) -> ReadReply:
    """The answer to `Read`. given: the text, if it does not come from the file."""
    truncated = False
    try:
        if given is None:
            data, truncated = files.head(query.path, query.limit, tail=query.tail)
    except OSError as error:
        return ReadReply(problem=why(error))
    text = _holding(given if given is not None else decode(data), query.having)
    if query.secret:
        return ReadReply(text=mask_read(text, query.secret, secrets, query.path), truncated=truncated)
    return ReadReply(text=mask(secrets.hide(text)), truncated=truncated)


def stat(query: Stat) -> StatReply:
    try:
        info = os.stat(query.path)
    except OSError as error:
        problem = why(error)
        return StatReply(problem=None if problem == "not found" else problem)
    kinds = {modes.S_IFREG: "file", modes.S_IFDIR: "dir", modes.S_IFSOCK: "socket", modes.S_IFIFO: "fifo"}
    return StatReply(
        exists=True,
        kind=kinds.get(modes.S_IFMT(info.st_mode), "other"),
        mode=modes.S_IMODE(info.st_mode),
        owner=user_name(info.st_uid),
        group=group_name(info.st_gid),
        size=info.st_size,
        mtime=info.st_mtime,
        real=files.followed(query.path),
    )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def glob(query: Glob) -> GlobReply:
    return GlobReply(paths=tuple(sorted(globbing.glob(query.pattern))[:1000]))


def disk(query: Disk) -> DiskReply:
    try:
        info = os.statvfs(query.path)
    except OSError as error:
        return DiskReply(problem=why(error))
    return DiskReply(
        free=info.f_bavail * info.f_frsize,
        total=info.f_blocks * info.f_frsize,
        inodes_free=info.f_favail,
        inodes_total=info.f_files,
        read_only=bool(info.f_flag & os.ST_RDONLY) and not _only_here(query.path),
    )


def _only_here(path: str) -> bool:
    """Whether the path is read-only for this process alone: systemd's sandbox (ProtectSystem=) remounts a file
    system that is itself writable."""
    if "INVOCATION_ID" not in os.environ:
        return False
    try:
        number = os.stat(path).st_dev
        text = files.head("/proc/self/mountinfo", 1_000_000)[0].decode("utf-8", "replace")
    except OSError:
        return False
    device = f"{os.major(number)}:{os.minor(number)}"
    lines = [line.split() for line in text.splitlines()]
    return any(line[2] == device and "rw" in line[-1].split(",") for line in lines if len(line) > 9)


def lock(query: Lock) -> LockReply:
    """The holder of a lock on the file, by F_GETLK, which takes no lock (struct flock of 64-bit Linux)."""
    try:
        with files.opened(query.path) as file:
            text = decode(file.read(200) or b"").strip()
            try:
                asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file.fileno(), fcntl.F_GETLK, asked))
                held = kind != fcntl.F_UNLCK
            except (OSError, struct.error):
                held, pid = False, 0
            if not held:
                holder = _flock_holder(os.fstat(file.fileno()))
                if holder is None:
                    return LockReply(problem="no /proc/locks tells who holds it", text=text)
                held, pid = holder
    except PermissionError as error:
        return _lock_unopened(query.path, error)
    except OSError as error:
        return LockReply(problem=why(error))
    return LockReply(held=held, holder=max(0, pid), text=text)


def _lock_unopened(path: str, refused: OSError) -> LockReply:
    """The holder by /proc/locks, which every user may read, for a file that cannot be opened."""
    try:
        found = _flock_holder(os.stat(path))
    except OSError as error:
        return LockReply(problem=why(error))
    if found is None:
        return LockReply(problem=why(refused))
    return LockReply(held=found[0], holder=max(0, found[1]))


def _flock_holder(info: os.stat_result) -> tuple[bool, int] | None:
    """Postfix on Linux locks master.pid with flock(): /proc/locks lists its holder by device and inode. The device is
    not compared, since overlay file systems show another one there. None if the list cannot be read."""
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as locks:
            for line in locks:
                part = line.split()
                if len(part) >= 6 and part[1] != "->" and part[5].endswith(f":{info.st_ino}"):
                    return True, int(part[4]) if part[4].lstrip("-").isdecimal() else 0
    except OSError:
        return None
    return False, 0


def now(query: Now) -> NowReply:
    epoch = time.time()
    name = socket.gethostname()
    return NowReply(
        epoch=epoch,
        offset=time.localtime(epoch).tm_gmtoff,
        user=user_name(os.geteuid()),
        groups=tuple(sorted({group_name(g) for g in [*os.getgroups(), os.getegid()]})),
        root=os.geteuid() == 0,
        hostname=name,
        fqdn=name,
    )

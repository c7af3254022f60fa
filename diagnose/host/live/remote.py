"""Records another host through the system's ssh(1); nothing is installed or left there."""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import MAGIC_NUMBER

from diagnose import threads
from diagnose.errors import UsageError
from diagnose.host.live.system import find
from diagnose.host.snapshot import LIMIT
from diagnose.parse.text.masking import mask, plain
from diagnose.record import frozen

_WORD = re.compile(r"(?!-)(?!.*@-)[A-Za-z0-9_.:@%-]{1,255}")
_PLACE = re.compile(r"/[\w./-]{1,200}")
_FILE = "mail-diagnose.pyz"
_NO_PYTHON, _NO_PLACE = 95, 96  # exit status of the script
_SLACK = 60.0  # seconds for connecting, for the file's way there, and for the answer's way back
_PATIENCE = 300.0  # where a person may be asked
_TOLD = 4000  # octets of what ssh and the other side complain of, from the end
# One line for whichever shell the account has. When it has told which Python is there, the file comes by standard input, its
# size before it, into a directory of this account's alone, which goes with the script, however it ends. MARK parts the answer
# from what the account's own start-up files print.
_SCRIPT = (
    'umask 077; d=$(mktemp -d "${TMPDIR:-/tmp}/mail-diagnose.XXXXXXXX") || exit 96; trap "rm -rf \\"$d\\"" EXIT; '
    'trap "exit 97" HUP INT TERM PIPE; p=$(command -v python3) || exit 95; '
    'echo "@MARK python $("$p" -ISc "@MAGIC")"; read n; head -c "$n" >"$d/@FILE" && [ "$(wc -c <"$d/@FILE")" -eq "$n" ] || exit 96; '
    's=; if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then '
    'if sudo -n true 2>/dev/null; then s="sudo -n"; @ASK fi; fi; '
    'echo @MARK; $s "$p" "$d/@FILE" record -o - @ARGUMENTS </dev/null'
)
_MAGIC = "import _frozen_importlib_external as i; print(i.MAGIC_NUMBER.hex())"
# Where sudo wants a password: it is asked on a terminal of its own, and its answer waits in the directory.
_ASK = 'else echo "@MARK ask $d"; read x; if [ -s "$d/out" ]; then echo @MARK; cat "$d/out"; exit; fi;'
_ASKED = 'umask 077; exec sudo "$(command -v python3)" "@PLACE/@FILE" record -o - @ARGUMENTS >"@PLACE/out"'

Through = Callable[[str, str, bool], list[str]]


@frozen
class Wanted:
    """archive: makes this program's one file, for hosts with this very Python or for any; arguments: of `record`
    there; timeout: seconds of its run; ask: ssh and sudo may ask a person at a terminal; through: builds the command
    that runs a line on a host, with or without a terminal."""

    archive: Callable[[bool], bytes]
    arguments: Sequence[str] = ()
    timeout: float
    ask: bool = False
    through: Through | None = None


_running: set[subprocess.Popen[bytes]] = set()


def abandon() -> None:
    """Ends every running ssh; the other side then removes its files."""
    for child in list(_running):
        _end(child, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Kills the process, with its children if it has a session of its own."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(child.pid) == child.pid:
            os.killpg(child.pid, how)
        else:
            child.send_signal(how)


def checked(word: str) -> str:
    """The host as an argument for ssh. Raises UsageError if it could be an option or is more than one word."""
    if not _WORD.fullmatch(word):
        raise UsageError(
            f"--ssh {word[:60]!r} is not a [USER@]HOST: letters, digits and _.:@%- only, not beginning with -"
        )
    return word


def recorded(host: str, wanted: Wanted) -> bytes:
    """The output of `record` there, at most LIMIT octets; untrusted. Raises UsageError with the reason."""
    through = wanted.through or _ssh(wanted.ask)
    mark = f"mail-diagnose-{secrets.token_hex(8)}"
    values = {
        "FILE": _FILE,
        "MAGIC": _MAGIC,
        "ARGUMENTS": shlex.join(wanted.arguments),
        "MARK": mark,
    }
    script = _filled(_SCRIPT.replace("@ASK", _ASK if wanted.ask else ""), values)
    talk = _Talk(through(host, script, False), wanted, mark.encode())
    try:
        talk.send(wanted.archive(talk.until("python") == MAGIC_NUMBER.hex()))
        if place := talk.until("ask"):
            if not _PLACE.fullmatch(place):
                raise UsageError("answered with what is no directory")
            line = _filled(_ASKED, {**values, "PLACE": place})
            subprocess.call(through(host, line, True))
            talk.go_on(wanted.timeout + _SLACK)
        return talk.answer()
    finally:
        talk.close()


def _filled(script: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z]+)", lambda found: values[found[1]], script)


def _ssh(ask: bool) -> Through:
    program = find("ssh")
    if program is None:
        raise UsageError("ssh is not installed here")

    def through(host: str, line: str, terminal: bool) -> list[str]:
        options = {
            "BatchMode": "no" if ask else "yes",
            "ClearAllForwardings": "yes",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return [
            program,
            "-a",
            "-x",
            "-t" if terminal else "-T",
            *words,
            "--",
            checked(host),
            f"exec sh -c {shlex.quote(line)}",
        ]

    return through


class _Talk:
    """One ssh session: sends the file, receives the answer; every wait is bounded."""

    def __init__(self, argv: Sequence[str], wanted: Wanted, mark: bytes) -> None:
        self._mark, self._more = mark, wanted.ask
        self._until = time.monotonic() + wanted.timeout + (_PATIENCE if wanted.ask else _SLACK)
        self._said, self._told = bytearray(), bytearray()
        try:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=not wanted.ask,  # a terminal to ask on belongs to the session
            )
        except OSError as error:
            raise UsageError(f"{argv[0]}: {error.strerror}") from None
        _running.add(self._child)
        assert self._child.stdin
        assert self._child.stdout
        assert self._child.stderr
        self._stdin = self._child.stdin
        self._doors = selectors.DefaultSelector()
        self._doors.register(self._child.stdout, selectors.EVENT_READ, self._said)
        self._doors.register(self._child.stderr, selectors.EVENT_READ, self._told)

    def send(self, archive: bytes) -> None:
        """Sends the file's size and the file, while waiting for the answer."""
        threads.begin(lambda: self._send(b"%d\n%b" % (len(archive), archive)), "send")

    def _send(self, data: bytes) -> None:
        with suppress(OSError, ValueError):
            rest = memoryview(data)
            while rest:
                rest = rest[self._stdin.write(rest) or 0 :]
            if not self._more:
                self._stdin.close()

    def until(self, word: str) -> str:
        """The other side's output after that word: its python3's magic number, or the directory there if sudo wants
        to ask. "" if the output ended without it."""
        sign = b"%b %b " % (self._mark, word.encode())
        more = True
        while more:
            if (at := self._said.find(sign)) >= 0 and b"\n" in self._said[at:]:
                return bytes(self._said[at + len(sign) :]).split(b"\n", 1)[0].decode("ascii", "replace")
            more = self._read()
        return ""

    def go_on(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        with suppress(OSError, ValueError):
            self._stdin.write(b"\n")
            self._stdin.close()
        while self._read():
            pass

    def answer(self) -> bytes:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(5)
        code = self._child.poll()
        _, mark, data = bytes(self._said).partition(self._mark + b"\n")
        if code == 0 and mark and data:
            return data
        raise UsageError(_why(code, bytes(self._told)))

    def _read(self) -> bool:
        """Reads some output; False at its end. Raises UsageError if it is too late, or too much."""
        if not self._doors.get_map():
            return False
        for door, _ in self._doors.select(max(0.0, self._until - time.monotonic())):
            data = os.read(door.fd, 65_536)
            kept: bytearray = door.data
            kept += data
            if kept is self._told:
                del kept[:-_TOLD]
            elif len(kept) > LIMIT:
                raise UsageError(f"sent more than {LIMIT // 1_000_000} MB")
            if not data:
                self._doors.unregister(door.fileobj)
        if time.monotonic() >= self._until:
            raise UsageError("did not answer in time")
        return bool(self._doors.get_map())

    def close(self) -> None:
        self._doors.close()
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is None:
                _end(self._child, how)
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(2)
        _running.discard(self._child)
        for pipe in (self._stdin, self._child.stdout, self._child.stderr):
            with suppress(OSError, ValueError):
                if pipe:
                    pipe.close()


def _why(code: int | None, told: bytes) -> str:
    if code == _NO_PYTHON:
        return "no python3 there: recording needs Python 3.10 or newer"
    if code == _NO_PLACE:
        return "no private directory could be made and filled there (mktemp)"
    lines = [
        " ".join(line.split()) for line in mask(plain(told.decode("utf-8", "replace"))).splitlines() if line.strip()
    ]
    ours = [line.removeprefix("mail-diagnose: ") for line in lines if line.startswith("mail-diagnose")]
    words = (ours or lines or [""])[-1][:300]
    return words or f"nothing came back (exit status {code})"

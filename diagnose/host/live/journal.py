"""The mail lines of systemd's journal, streamed from journalctl(1)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diagnose.host.live.stream import streamed
from diagnose.host.live.system import find, scratch

_CHUNK = 1 << 18
_SERVICES = tuple(
    "smtp smtpd qmgr cleanup bounce error local pickup master sendmail postdrop postfix-script relay/smtp "
    "submission/smtpd smtps/smtpd virtual pipe lmtp postlog proxymap trivial-rewrite discard postscreen anvil "
    "tlsmgr scache showq postsuper postqueue".split()
)


class Unavailable(Exception):
    """The journal cannot be read; str() says why. denied: it exists, but this user may not read it."""

    def __init__(self, why: str, *, denied: bool = False) -> None:
        super().__init__(why)
        self.denied = denied


def chunks(since: float, until: float | None = None, deadline: float | None = None) -> Iterator[bytes]:
    """Lines as `-o short-iso` prints them, oldest first, in chunks of whole lines; ends at the deadline (monotonic).

    Asked for by the mail facility, which uses the journal's index (`-o json` is 5 to 14 times slower); a Postfix that
    logs under another facility is found by its programs' names. Raises Unavailable if there is nothing to read.
    """
    program = find("journalctl")
    if program is None:
        raise Unavailable("no mail log found")
    span = ["-S", f"@{since:.0f}", *(["-U", f"@{until + 1:.0f}"] if until is not None else [])]
    any_lines = False
    complaint = ""
    for matches in (["SYSLOG_FACILITY=2"], [f"SYSLOG_IDENTIFIER=postfix/{name}" for name in _SERVICES]):
        # Several values of one field are alternatives.
        argv = [program, "--no-pager", "-o", "short-iso", *span, *matches]
        with scratch() as errors:
            for chunk in _run(argv, errors.fileno(), deadline):
                any_lines = True
                yield chunk
            errors.seek(0)
            complaint = errors.read(4000).decode("utf-8", "replace")
        if any_lines or "permission" in complaint:
            break
    if any_lines:
        return
    if "permission" in complaint or "not seeing messages" in complaint:
        raise Unavailable("permission denied: the journal (groups adm and systemd-journal read it)", denied=True)
    if "No journal files were found" in complaint:
        raise Unavailable("no mail log found")


def _run(argv: list[str], errors: int, deadline: float | None) -> Iterator[bytes]:
    with streamed(argv, errors, deadline) as child:
        assert child.stdout is not None
        rest = b""
        while block := os.read(child.stdout.fileno(), _CHUNK):
            data = rest + block
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            if cut and (wanted := _without_notes(data[:cut])):
                yield wanted
        if rest and (wanted := _without_notes(rest + b"\n")):
            yield wanted


def _without_notes(data: bytes) -> bytes:
    """The lines without journalctl's own notes, such as "-- Boot … --"."""
    if not data.startswith(b"-- ") and b"\n-- " not in data:
        return data
    return b"".join(line + b"\n" for line in data.removesuffix(b"\n").split(b"\n") if not line.startswith(b"-- "))

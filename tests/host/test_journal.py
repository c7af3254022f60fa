"""The journal's reader, before a program that behaves like journalctl (a container has no journal of its own)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from diagnose.host.live import journal, logs
from diagnose.host.query import LogReply, MailLog

ENTRY = "2026-11-22T10:00:00+0000 host postfix/smtp[7]: A1: to=<a@b.example>, status=sent (ok)"


def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, budget: float = 10.0) -> LogReply:
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(journal, "find", lambda name: str(program))
    empty = tmp_path / "log"
    empty.mkdir()
    return logs.read(MailLog(), time.monotonic() + budget, None, str(empty))


def test_lines_without_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What journalctl writes between entries is no line of the log; arguments are as agreed."""
    reply = answer(
        tmp_path,
        monkeypatch,
        f'echo "$@" > {tmp_path}/arguments; echo "-- Journal begins at x --"; echo "{ENTRY}"; echo "-- Boot 1 --"; echo "{ENTRY}"',
    )
    assert reply.lines == (ENTRY, ENTRY)
    assert reply.source == ("journal",)
    arguments = (tmp_path / "arguments").read_text().split()
    assert "SYSLOG_FACILITY=2" in arguments
    assert "json" not in arguments


def test_another_facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Postfix with another syslog_facility is found by its programs' names."""
    reply = answer(tmp_path, monkeypatch, f'case "$*" in *IDENTIFIER=postfix/smtp*) echo "{ENTRY}";; esac')
    assert reply.lines == (ENTRY,)


def test_no_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read the journal is told who may."""
    reply = answer(
        tmp_path, monkeypatch, 'echo "No journal files were opened due to insufficient permissions." >&2; exit 1'
    )
    assert reply.problem == "permission denied: the journal (groups adm and systemd-journal read it)"


def test_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a journal."""
    reply = answer(tmp_path, monkeypatch, 'echo "No journal files were found." >&2; echo "-- No entries --"')
    assert reply.problem == "no mail log found"


def test_empty_journal_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal without mail lines is no problem of ours."""
    reply = answer(tmp_path, monkeypatch, 'echo "-- No entries --"')
    assert (reply.problem, reply.lines, reply.source) == (None, (), ("journal",))


def test_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal without end is left at the deadline with what came."""
    begun = time.monotonic()
    reply = answer(tmp_path, monkeypatch, f'while :; do echo "{ENTRY}"; done', 1.0)
    # Far more than the second allowed, since a busy machine is slow with what has come by then.
    assert time.monotonic() - begun < 30
    assert reply.lines
    assert not reply.whole

"""The same failure in every dress in which it is pasted: `explain` reads all of them, `trace` those that are files."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from diagnose.host.live.whereabouts import Parameters
from diagnose.mail import pasted
from diagnose.mail.explain import explain
from diagnose.mail.trace import trace

NOW = datetime.fromisoformat("2026-11-22T15:00:00+00:00")
TIMED_OUT = "connect to aspmx.l.google.com[74.125.140.27]:25: Connection timed out"
DEFERRED = (
    "4D2C1A5F33: to=<user@example.net>, relay=none, delay=30, delays=0.01/0/30/0, dsn=4.4.1, status=deferred "
    f"({TIMED_OUT})"
)
NO_PTR = (
    "4D2C1A5F33: to=<user@example.net>, relay=mx.example.net[198.51.100.9]:25, delay=3, delays=0.1/0/1/2, dsn=5.7.1, "
    "status=bounced (host mx.example.net[198.51.100.9] said: 550 5.7.1 Client host rejected: cannot find your hostname, "
    "[203.0.113.11] (in reply to RCPT TO command))"
)
Form = Callable[[list[str]], str | bytes]


def _each(pattern: str) -> Form:
    """A form of single lines; {m} is Postfix' text, {l} the whole traditional line, {i} a digit."""
    return lambda said: "\n".join(
        pattern.replace("{l}", _line(m, i)).replace("{m}", m).replace("{i}", str(i)) for i, m in enumerate(said)
    )


def _line(said: str, i: int = 0) -> str:
    return f"Nov 22 13:10:5{i} h postfix/smtp[99]: {said}"


def _plain(said: list[str]) -> str:
    return "\n".join(_line(m, i) for i, m in enumerate(said))


def _journal(said: list[str]) -> str:
    entry = {
        "__REALTIME_TIMESTAMP": "1795350000000000",
        "_HOSTNAME": "h",
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "_PID": "99",
    }
    return "\n".join(json.dumps({**entry, "MESSAGE": m}) for m in said)


def _export(said: list[str]) -> str:
    head = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795350000000000\n_HOSTNAME=h\nSYSLOG_IDENTIFIER=postfix/smtp\n_PID=99\n"
    return "".join(f"{head}MESSAGE={m}\n\n" for m in said)


def _wrapped(said: list[str], width: int = 72, mark: str = "", indent: str = "") -> str:
    return "\n".join(
        mark + part for i, m in enumerate(said) for part in textwrap.wrap(_line(m, i), width, subsequent_indent=indent)
    )


def _cut_hard(said: list[str]) -> str:
    return "\n".join(_line(m, i)[at : at + 80] for i, m in enumerate(said) for at in range(0, len(_line(m, i)), 80))


FILES: dict[str, Form] = {
    "plain": _plain,
    "json": _journal,
    "export": _export,
    "short-iso-precise": _each("2026-11-22T13:10:5{i}.123456+0000 h postfix/smtp[99]: {m}"),
    "short-full": _each("Sun 2026-11-22 13:10:5{i} UTC h postfix/smtp[99]: {m}"),
    "short-unix": _each("1795350000.12345{i} h postfix/smtp[99]: {m}"),
    "RFC 5424": _each("<22>1 2026-11-22T13:10:5{i}.123456+00:00 h postfix/smtp 99 - - {m}"),
    "RFC 5424 with data": _each(
        '<22>1 2026-11-22T13:10:5{i}Z h postfix/smtp 99 ID47 [m sequenceId="2"][x@1 a="b c"] {m}'
    ),
    "priority": _each("<22>{l}"),
    "busybox": _each("Nov 22 13:10:5{i} h mail.info postfix/smtp[99]: {m}"),
    "compose": _each("mail-1  | {l}"),
    "compose in colours": _each("\x1b[36mmail-1  |\x1b[0m {l}"),
    "swarm": _each("mail_postfix.1.hppplvoll7q5@node-1    | {l}"),
    "docker": _each("2026-11-22T13:10:5{i}.123456789Z {l}"),
    "containerd": _each("2026-11-22T13:10:5{i}.123456789Z stdout F {l}"),
    "kubectl": _each("[pod/mail-0/postfix] {l}"),
    "json-file": lambda said: "\n".join(json.dumps({"log": _line(m, i) + "\n"}) for i, m in enumerate(said)),
    "CRLF": lambda said: _plain(said).replace("\n", "\r\n"),
    "UTF-16": lambda said: _plain(said).encode("utf-16"),
    "UTF-16 big-endian": lambda said: b"\xfe\xff" + _plain(said).encode("utf-16-be"),
}
PASTES: dict[str, Form] = {
    "no stamps": "\n".join,
    "UTF-16 without mark": lambda said: _plain(said).encode("utf-16-le"),
    "UTF-8 with mark": lambda said: b"\xef\xbb\xbf" + _plain(said).encode(),
    "Latin-1": lambda said: ("# f\xfcr den Kunden\n" + _plain(said)).encode("latin-1"),
    "colours": _each("\x1b[32mNov 22 13:10:5{i}\x1b[0m h \x1b[33mpostfix/smtp[99]:\x1b[0m {m}"),
    "HTML": lambda said: html.escape(_plain(said)),
    "HTML in pre": lambda said: f"<pre>{html.escape(_plain(said))}</pre>".replace("\n", "<br/>\n"),
    "quoted twice": _each("> > {l}"),
    "fence": lambda said: f"The log:\n\n```log\n{_plain(said)}\n```\n\nAny help?",
    "code": _each("* `{l}`"),
    "bold": _each("**{l}**"),
    "table": _each("| {l} |"),
    "indented": _each("    {l}"),
    "list": _each("- {l}"),
    "wrapped": _wrapped,
    "wrapped and quoted": lambda said: _wrapped(said, 70, "> "),
    "wrapped and indented": lambda said: _wrapped(said, 72, "", "    "),
    "cut by the terminal": _cut_hard,
    "beginning lost": _each("...[99]: {m}"),
    "end lost": lambda said: "\n".join(_line(m, i)[:-1] + "…" for i, m in enumerate(said)),
    "grep": _each("/var/log/mail.log:12:{l}"),
    "braces": lambda said: "{noformat}\n" + _plain(said) + "\n{noformat}",
    "shipper": lambda said: "\n".join(json.dumps({"host": "h", "ident": "postfix/smtp", "message": m}) for m in said),
    "day first": _each("22.11.2026 13:10:5{i} h postfix/smtp[99]: {m}"),
    "blank lines": lambda said: _plain(said).replace("\n", "\n\n"),
}


@pytest.mark.parametrize("form", [*FILES, *PASTES])
def test_explain_reads_every_form(form: str, tmp_path: Path) -> None:
    """A blocked port and a missing PTR are named, whatever the text went through."""
    path = tmp_path / "pasted"
    for said, cause in (([TIMED_OUT, DEFERRED], "egress-port-25-blocked"), ([NO_PTR], "reverse-dns-missing")):
        text = {**FILES, **PASTES}[form](said)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pasted.opened(path) as lines:
            report = explain(lines, "pasted", NOW)
        assert [diagnosis.cause.id for diagnosis in report.diagnoses][:1] == [cause]


@pytest.mark.parametrize("form", FILES)
def test_trace_reads_every_file(form: str, tmp_path: Path) -> None:
    """The story of the message is told from logs, exports and containers' files alike."""
    path = tmp_path / "mail.log"
    text = FILES[form](["4D2C1A5F33: from=<app@h.example>, size=300, nrcpt=1 (queue active)", TIMED_OUT, DEFERRED])
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    traced = trace("user@example.net", None, [str(path)], now=NOW.timestamp(), budget=0, settings=Parameters())
    assert len(traced.fates) == 1
    assert any("timed out" in line for line in traced.lines)

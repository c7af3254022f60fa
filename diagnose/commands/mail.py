"""explain, trace, queue and send: what the log, the queue and a reply say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.commands.options import (
    Color,
    Debug,
    Force,
    Format,
    Output,
    Quiet,
    Verbose,
    check_file,
    check_format,
    check_timeout,
    chosen,
    exit_status,
    span,
    terminal_of,
    wants_color,
    write,
)
from diagnose.scales import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.model import Report

DAY = 86_400.0


def explain(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE|-]", help="The text; default: standard input.")] = None,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Explain log lines, replies, bounces and stack traces. Nothing is contacted.

    Understands Postfix's log (files, journal, containers), mailq and postqueue -j, SMTP replies and dialogues,
    bounces, and the errors of Java, Python, PHP and other mail programs, in any mixture.

    \b
    Examples:
      mail-diagnose explain error.txt
      tail -n 200 /var/log/mail.log | mail-diagnose explain
      journalctl -u postfix@- -o json | mail-diagnose explain --format json
    """
    from dataclasses import replace
    from datetime import datetime

    from diagnose.mail import pasted
    from diagnose.mail.explain import about, explain

    check_format(format, color)
    bound = pasted.Bound()
    with pasted.opened(file, bound) as lines:
        report = explain(pasted.without_secrets(lines), pasted.name_of(file), datetime.now().astimezone())
    if bound.cut:
        report = replace(
            report, notes=(*report.notes, f"only the part that could be read in {pasted.ENOUGH:.0f} s was read")
        )
    return _print(report, format, output, -1 if quiet else verbose, color, about(report))


def trace(
    who: Annotated[str, typer.Argument(metavar="WHO", help="An address, a queue id or a message id.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="SPAN", help="How far back: 90m, 24h, 7d. Default 24h; a --log is read whole."),
    ] = None,
    log: Annotated[
        list[Path] | None, typer.Option("--log", metavar="FILE", help="Read this log (.gz as well); may be repeated.")
    ] = None,
    format: Annotated[str, chosen("--format", "text|json|markdown", "Output format.")] = "text",
    output: Output = None,
    force: Force = False,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Follow a message through the log. Shows its submission, each attempt, and where it is now.

    \b
    Examples:
      mail-diagnose trace user@example.com
      mail-diagnose trace 4D2C1A5F33 --since 7d
      mail-diagnose trace '<1234@app.example.com>' --log mail.log.2.gz
    """
    from diagnose.mail import timeline
    from diagnose.mail.trace import trace

    check_format(format, color, timeline.FORMATS)
    for path in log or ():
        check_file(path, "--log ")
    window = span("--since", since) if since is not None else None if log else DAY
    traced = trace(who, window, [str(path) for path in log or ()])
    write(timeline.FORMATS[format](traced, wants_color(color, output)), output)
    return CODES[traced.status]


def queue(
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, max=1000, help="Rows of each table.")] = 10,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    color: Color = "auto",
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", help="Read the queue for this long at most; then estimate from a sample."
        ),
    ] = 20.0,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="Directory for the last count, to show growth.")
    ] = None,
    debug: Debug = False,
) -> int:
    """Show what waits in the queue, and why. Groups messages by destination; shows their age and growth.

    \b
    Examples:
      mail-diagnose queue
      mail-diagnose queue --top 30
      mail-diagnose queue --format json
    """
    from diagnose.host.ahead import Ahead
    from diagnose.host.live import LiveHost
    from diagnose.host.query import MailQueue

    check_format(format, color)
    check_timeout(timeout, 0.5)
    host = LiveHost()
    asked = Ahead(host, MailQueue(timeout), timeout + 5)
    # Postfix lists the queue meanwhile.
    from diagnose.mail import queuetable
    from diagnose.mail.queueview import look
    from diagnose.watch.state import default_dir

    seen = look(state_dir or default_dir(), host, asked)
    if format == "json":
        write(queuetable.as_json(seen, max(top, 50)), output)
    else:
        write(queuetable.as_text(seen, top, -1 if quiet else verbose, terminal_of(color, output)), output)
    return exit_status(seen.report)


def send(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The address that gets the test message, and the only one.")
    ],
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="The sender; default: the mailer's choice."),
    ] = None,
    smtp: Annotated[
        str | None, typer.Option("--smtp", metavar="HOST:PORT", help="Submit it to this server instead of sendmail(1).")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Follow it for this long.")] = 60.0,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    verbose: Verbose = 0,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Send a test message and follow it. Shows whether it is sent, bounced or deferred, and why.

    \b
    Examples:
      mail-diagnose send you@example.com
      mail-diagnose send you@example.com --from app@example.net
      mail-diagnose send you@example.com --smtp localhost:25
    """
    import sys

    from diagnose.mail import send as sending
    from diagnose.parse.text.address import check_address

    check_format(format, color)
    check_timeout(timeout)
    to = check_address(address, "ADDRESS")
    whose = check_address(sender, "--from", empty=True) if sender is not None else None

    def show(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    sent = sending.send(to, whose, smtp, timeout, show)
    show("")
    if format == "json":
        write(sending.as_json(sent), output)
    else:
        write(sending.as_text(sent, verbose, terminal_of(color, output)), output)
    return CODES[sent.status]


def _print(
    report: Report, format: str, output: Path | None, verbose: int, color: str, about: Sequence[str] | None
) -> int:
    if format == "json":
        from diagnose.report.json_ import render as as_json

        write(as_json(report) + "\n", output)
    else:
        from diagnose.report.json_ import as_plain
        from diagnose.report.text import render

        write(render(as_plain(report), terminal_of(color, output), verbose, about), output)
    return exit_status(report)

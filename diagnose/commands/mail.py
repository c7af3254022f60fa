"""explain, trace, queue and send: what the log, the queue and a reply say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.commands.options import (
    Color,
    Debug,
    Format,
    Output,
    Verbose,
    check_format,
    exit_status,
    wants_color,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.model import Report


def explain(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE|-]", help="The text; without it, standard input is read.")
    ] = None,
    format: Format = "text",
    output: Output = None,
    verbose: Verbose = 0,
    color: Color = "auto",
    debug: Debug = False,
) -> None:
    """Say what log lines, replies, bounces or stack traces mean. Nothing is contacted.

    \b
    Understands Postfix's log (files, journal, containers), mailq and postqueue -j, SMTP replies and dialogues,
    bounces, and the errors of Java, Python, PHP and other mail programs, in any mixture.

    \b
    Examples:
      mail-diagnose explain error.txt
      tail -n 200 /var/log/mail.log | mail-diagnose explain
      journalctl -u postfix@- -o json | mail-diagnose explain --format json
    """
    from datetime import datetime

    from diagnose import pasted
    from diagnose.explain import about, explain

    check_format(format, color)
    with pasted.opened(file) as lines:
        report = explain(lines, pasted.name_of(file), datetime.now().astimezone())
    _print(report, format, output, verbose, color, about(report))


def _print(
    report: Report, format: str, output: Path | None, verbose: int, color: str, about: Sequence[str] | None
) -> None:
    if format == "json":
        from diagnose.report.json_ import render as as_json

        write(as_json(report) + "\n", output)
    else:
        from diagnose.report.text import render

        write(render(report, verbose, wants_color(color, output), about), output)
    raise typer.Exit(exit_status(report))


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(explain)

"""Options that several commands share, spelled the same everywhere, and how a command prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diagnose.errors import UsageError
from diagnose.nearest import hint
from diagnose.patterns import late
from diagnose.report import PLAIN_FORMATS
from diagnose.scales import CODES

if TYPE_CHECKING:
    from diagnose.model import Report
    from diagnose.report.page import Terminal

INTERRUPTED = 130  # exit status after Ctrl-C
COMPLETE = "_MAIL_DIAGNOSE_COMPLETE"  # the environment variable by which a shell asks for words


def chosen(name: str, metavar: str, help: str) -> Any:
    """An option whose value is one of its metavar's alternatives, or the name of a report's format."""
    words = metavar.split("|") if metavar.islower() else list(PLAIN_FORMATS)
    return typer.Option(name, metavar=metavar, help=help, autocompletion=lambda: words, callback=_lower)


def _lower(value: Any) -> Any:
    """A choice in small letters, whatever the case in which it was typed; a file behind a colon stays as it is."""
    if isinstance(value, str):
        name, colon, path = value.partition(":")
        return f"{name.lower()}{colon}{path}"
    return [_lower(each) for each in value] if isinstance(value, list) else value


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Format = Annotated[str, chosen("--format", "text|json", "How to print the report; --json for short.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of stdout.")
]
_forced = {"now": False}  # write() is far from where the option is read
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        callback=lambda value: _forced.update(now=bool(value)),
        expose_value=False,
        help="As root, write even if other users could swap the file.",
    ),
]
Color = Annotated[str, chosen("--color", "auto|always|never", "Colour in text reports.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, help="Print all evidence, every check and the weights."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Stop after this long.")]
To = Annotated[str | None, typer.Option("--to", metavar="ADDRESS", help="The recipient whose mail is missing.")]
From = Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="The sender of that mail.")]
AppConfig = Annotated[
    list[Path] | None,
    typer.Option(
        "--app-config",
        metavar="FILE",
        readable=False,
        help="An application's settings file; may be repeated.",
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="ID|TAG", help="Run only these checks; may be repeated.")
]
Skip = Annotated[list[str] | None, typer.Option("--skip", metavar="ID|TAG", help="Skip these checks; may be repeated.")]
UseRelay = Annotated[
    str | None,
    typer.Option("--relay", "--provider", metavar="NAME[:PORT]", help="The relay to send through (see `relay list`)."),
]
NoNetwork = Annotated[bool, typer.Option("--no-network", help="Contact nobody, look at this host only.")]
NoAuth = Annotated[bool, typer.Option("--no-auth", help="Do not try the relay's login.")]
ReportFormat = Annotated[
    str,
    chosen(
        "--format",
        "NAME",
        "text, json, jsonl, nagios, checkmk, checkmk-all, zabbix, prometheus, markdown (for a ticket), html (one file) or junit; --json for short.",
    ),
]
Inside = Annotated[
    int | None,
    typer.Option(
        "--inside",
        metavar="PID",
        min=1,
        help="Look into the container of this process, by its PID on the host (root only).",
    ),
]
Ssh = Annotated[
    list[str] | None,
    typer.Option(
        "--ssh",
        metavar="[USER@]HOST...",
        help="Record these hosts over ssh and diagnose them here; nothing is installed there.",
    ),
]
Hosts = Annotated[list[str] | None, typer.Argument(metavar="[HOST]...", hidden=True)]
SnapshotFile = Annotated[
    Path | None, typer.Option("--snapshot", metavar="FILE", help="Diagnose a recording instead of this host.")
]


def check_format(format: str, color: str, formats: Iterable[str] = ("text", "json")) -> None:
    if format not in formats:
        near = hint(format, formats)
        raise UsageError(
            f"--format {format!r} is not known; {near + ' ' if near else ''}choose one of {', '.join(formats)}"
        )
    if color not in ("auto", "always", "never"):
        raise UsageError(f"--color takes auto, always or never, not {color!r}")


def check_timeout(seconds: float, least: float = 1.0) -> None:
    if not least <= seconds <= 3600:
        raise UsageError(f"--timeout takes {least:g} to 3600 seconds, not {seconds:g}")


def check_file(path: Path, option: str = "") -> None:
    """Raises UsageError, which says what it is instead of a regular file."""
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "no regular file" if path.exists() else "no such file"
        raise UsageError(f"{option}{path}: {what}")


def span(option: str, text: Any, zero: bool = False) -> float:
    """Seconds of a span as options take it; a bare number is seconds."""
    from diagnose.parse.text.duration import seconds

    words = str(text).strip()
    if zero and words == "0":
        return 0.0
    found = seconds(f"{words}s" if words.isascii() and words.isdecimal() else words)
    if found is None:
        raise UsageError(f"{option} takes a span of time such as 90s, 15m or 7d, not {words[:40]!r}")
    return found


def exit_status(report: Report) -> int:
    """0 nothing wrong, 1 warning, 2 a cause of failure found, 3 could not tell."""
    return CODES[report.status.word]


def wants_color(color: str, output: Path | None) -> bool:
    """https://no-color.org and the terminal decide, unless the option does."""
    if color != "auto":
        return color == "always"
    return (
        output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def terminal_of(color: str, output: Path | None) -> Terminal:
    from diagnose.report.page import here

    return here(wants_color(color, output), output is not None)


# All but line feed, tab and the escape of colours.
_CONTROL = late(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def write_json(data: Any, output: Path | None) -> None:
    import json

    write(json.dumps(data, indent=2, ensure_ascii=False) + "\n", output)


def write(data: str | bytes, output: Path | None, mode: int | None = None) -> None:
    """To standard output, or whole into a file (see `diagnose.files.write`). Raises UsageError."""
    if isinstance(data, str):
        from diagnose.parse.text.masking import leaving

        data = leaving(data)
        # What a renderer let through; in JSON this is the character all the same.
        data = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", data)
        data = data.encode((sys.stdout.encoding if output is None else None) or "utf-8", "replace")
    if output is None or str(output) in ("-", "/dev/stdout", "/dev/fd/1"):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    from diagnose import files

    try:
        if str(output).startswith("/dev/fd/") and output.name.isdecimal():  # the shell's >(command)
            with open(int(output.name[:9]), "wb", closefd=False) as file:
                file.write(data)
        else:
            allowed = None if _forced["now"] else files.trusted(sudo=True)
            files.write(output, data, mode, owners=allowed)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from None

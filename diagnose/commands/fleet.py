"""fleet: many hosts' reports compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.commands.options import Color, Debug, Force, Output, check_format, chosen, terminal_of, write, write_json

if TYPE_CHECKING:
    from diagnose.fleet.member import Member, Unread

FORMATS = ("text", "json", "markdown", "html")
_CHUNK = 4  # files that a process takes at once


def fleet(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Reports (`run --json`) or recordings (`record`), one *.json file per host."
        ),
    ],
    format: Annotated[
        str,
        chosen(
            "--format",
            "text|json|markdown|html",
            "text, json, markdown (the ticket) or html (one file); --json for short.",
        ),
    ] = "text",
    output: Output = None,
    force: Force = False,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Compare many hosts' reports. Shows what hosts with the same failure have in common, and since when.

    Reads at most 10,000 files *.json (or *.json.gz) and nothing else: it contacts nobody. Each first cause is compared with the hosts'
    network, relay, Postfix version, distribution and configuration; a group is named if chance does not explain it.

    The exit status is that of the worst host; 3 if none fails and one could not be read or judged.

    \b
    Examples:
      mail-diagnose fleet reports
      mail-diagnose fleet reports --format html -o fleet.html
    """
    from diagnose.fleet import member, plain, shared, text
    from diagnose.report import digest

    check_format(format, color, FORMATS)
    data = plain.as_plain(shared.compare(every(member.listed(directory), member.read)))
    if format == "json":
        write_json(data, output)
    elif format == "html":
        from diagnose.fleet import html

        write(html.render(data), output)
    else:
        made = text.ticket_markdown(data) if format == "markdown" else text.render(data, terminal_of(color, output))
        write(made, output)
    return digest.CODES[data["status"]]


def every(paths: list[Path], read: Callable[[Path], Member | Unread]) -> Iterator[Member | Unread]:
    """Each file's host, by as many processes as there are processors: a file that ends one costs no other file."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    from diagnose.fleet.member import Unread

    place = multiprocessing.get_context("fork")
    at, alone = 0, 0
    while at < len(paths):
        workers = min(len(os.sched_getaffinity(0)), len(paths), 8)
        try:
            with ProcessPoolExecutor(1 if at < alone else workers, place, _own_process) as pool:
                part = paths[at:alone] if at < alone else paths[at:]
                for found in pool.map(read, part, chunksize=1 if at < alone else _CHUNK):
                    yield found
                    at += 1
        except BrokenProcessPool:
            if at < alone:  # the file that the one process had
                yield Unread(paths[at].name, "not enough memory to read it")
                at += 1
            alone = max(alone, min(len(paths), at + workers * _CHUNK))


def _own_process() -> None:
    from diagnose.parse.text.known import KNOWN

    KNOWN.source = None  # this host's secrets are nothing to look for in others' reports

"""The Java that runs the application, as far as it can be told without being it.

runtime(ctx)          its version
processes(ctx)        the Java processes of this host
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnose.check import Context
from diagnose.host.query import Exec, Process, Processes, Stat


@dataclass(frozen=True, slots=True)
class Runtime:
    """version: (8,) of "1.8.0_111", (17, 0) of "17.0.9"; () when unknown. words: as Java writes it."""

    version: tuple[int, ...] = ()
    words: str = ""
    path: str = ""


def processes(ctx: Context) -> tuple[Process, ...]:
    """Java processes of this very host's name space, by pid."""
    found = ctx.ask(Processes()).processes
    return tuple(sorted((p for p in found if p.here and _is_java(p)), key=lambda p: p.pid))


def _is_java(process: Process) -> bool:
    program = process.command[0].rpartition("/")[2] if process.command else process.name
    return program == "java" or process.name == "java"


def runtime(ctx: Context) -> Runtime:
    """The version of the Java that runs, else of the one on the PATH."""
    running = [p.command[0] for p in processes(ctx) if p.command and p.command[0].startswith("/")]
    program = next((path for path in running if ctx.ask(Stat(path)).exists), "java")
    reply = ctx.ask(Exec((program, "-version"), 4.0))
    match = re.search(r'version "(?P<words>[^"]+)"', reply.err + reply.out)
    if match is None:
        return Runtime(path=program)
    numbers = tuple(int(part) for part in re.findall(r"\d+", match["words"])[:3])
    return Runtime(version=numbers[1:] if numbers[:1] == (1,) else numbers, words=match["words"], path=program)

"""The Java that runs the application, as far as it shows from outside.

runtime(ctx)          its version
trust_store(ctx)      its CA certificates
processes(ctx)        the Java processes of this host
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from diagnose.facts.asks import Asks
from diagnose.host.query import Exec, Glob, Process, Processes, Stat
from diagnose.knowledge.distributions import TRUST_STORES
from diagnose.record import dataclass


@dataclass(frozen=True)
class Runtime:
    """version: (8,) of "1.8.0_111", (17, 0) of "17.0.9"; () when unknown. words: as Java writes it."""

    version: tuple[int, ...] = ()
    words: str = ""
    path: str = ""


def processes(ctx: Asks) -> tuple[Process, ...]:
    """Java processes in this host's own namespaces, by pid."""
    found = ctx.ask(Processes()).processes
    return tuple(sorted((p for p in found if p.here and "java" in (p.program, p.name)), key=lambda p: p.pid))


def runtime(ctx: Asks) -> Runtime:
    """The version of the running Java, else of the one on the PATH."""
    running = [p.command[0] for p in processes(ctx) if p.command and p.command[0].startswith("/")]
    program = next((path for path in running if ctx.ask(Stat(path)).exists), "java")
    reply = ctx.ask(Exec((program, "-version"), 4.0))
    match = re.search(r'version "(?P<words>[^"]+)"', reply.err + reply.out)
    if match is None:
        return Runtime(path=program)
    numbers = tuple(int(part) for part in re.findall(r"\d+", match["words"])[:3])
    return Runtime(version=numbers[1:] if numbers[:1] == (1,) else numbers, words=match["words"], path=program)


def trust_store(ctx: Asks) -> tuple[str, bool]:
    """(file of CA certificates or "", whether a running Java process of this host uses it)."""
    for process in processes(ctx):
        named = re.search(r"-Djavax\.net\.ssl\.trustStore=(\S+)", " ".join(process.command))
        program = process.command[0] if process.command else ""
        real = ctx.ask(Stat(program)).real if program.startswith("/") else ""
        home = re.fullmatch(r"(/.+?)/(?:jre/)?bin/java", real)
        candidates = [named[1]] if named else []
        if home:
            candidates += [f"{home[1]}/lib/security/cacerts", f"{home[1]}/jre/lib/security/cacerts"]
        if store := _present(ctx, candidates):
            return store, True
    for pattern in TRUST_STORES:
        if store := _present(ctx, ctx.ask(Glob(pattern)).paths if "*" in pattern else (pattern,)):
            return store, False
    return "", False


def _present(ctx: Asks, paths: Iterable[str]) -> str:
    for path in paths:
        stat = ctx.ask(Stat(path))
        if stat.exists and stat.kind == "file" and stat.size:
            return path
    return ""

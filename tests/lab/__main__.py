"""Command line of the lab: which machines, asked how, and a table of what was said."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import runpy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import mend
from .composed import compose, sample, spelled
from .fault import Fault
from .faults import every
from .figures import composed, good_enough, report
from .machine import Machine
from .roots import MAILERS, ROOTS
from .run import Answer, Options, as_json, judge, many, settled


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/lab/table", description="Break machines, ask mail-diagnose, compare.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="case, shell pattern, =CAUSE (all cases of a cause), or composed machine",
    )
    parser.add_argument("--file", type=Path, help="machines of this Python file (its FAULTS), not of the lab's own")
    parser.add_argument(
        "--seed", help="compose machines that nobody wrote, from this seed (with --list: only name them)"
    )
    parser.add_argument("--count", type=int, default=30, help="how many of them (default 30)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="leave out so many before")
    parser.add_argument("--jobs", type=int, default=2, help="machines side by side (default 2)")
    parser.add_argument("--user", help="run the tool as this user, such as nobody or nobody+adm")
    parser.add_argument(
        "--root", choices=ROOTS, help="another distribution's file system, with the single file as the tool"
    )
    parser.add_argument("--no-network", action="store_true", help="tell the tool not to use the network")
    parser.add_argument("--snapshot", action="store_true", help="record first, then diagnose the recording")
    parser.add_argument(
        "--mend", action="store_true", help="run the commands that the tool prints, and see what that mends"
    )
    parser.add_argument("--check", action="store_true", help="only prove that each fault is real; do not run the tool")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--shell", metavar="NAME", help="a shell in that broken machine")
    parser.add_argument("--keep", action="store_true", help="keep each report in the folder lab-reports")
    parser.add_argument("--fix", action="store_true", help="mend each with `fix --yes`, send mail, run again, undo")
    parser.add_argument("--allow", action="append", default=[], help="with --fix: also what opens this")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there as well")
    return parser.parse_args()


def of_file(path: Path) -> dict[str, Fault]:
    """The cases of a file outside the lab, by id."""
    return {case.id: case for case in runpy.run_path(str(path))["FAULTS"]}


def chosen(names: list[str], file: Path | None = None) -> list[Fault]:
    """The cases that the names stand for, in their order; all without names."""
    cases = of_file(file) if file else every()
    if not names:
        return list(cases.values())
    found: dict[str, Fault] = {}
    for name in names:
        if name.count("/") == 4:
            hits = [compose(spelled(name))]
        elif name.startswith("="):
            hits = [case for case in cases.values() if name[1:] in case.accept]
        else:
            hits = [cases[known] for known in fnmatch.filter(cases, name)]
        if not hits:
            sys.exit(f"no case is called {name}; see --list")
        found |= {case.id: case for case in hits}
    return list(found.values())


def show_row(fault: Fault, answer: Answer) -> None:
    """One line of the table; wrong rows show the first three answers."""
    wanted = "+".join([*fault.accept[:1], *fault.also[:1]]) or "(healthy)"
    said = ", ".join(
        f"{cause} ({confidence})" for cause, confidence in answer.ranked[: 3 if not judge(fault, answer) else 1]
    )
    verdict = "right" if judge(fault, answer) else "WRONG"
    said = answer.error or said or "(nothing)"
    print(
        f"{fault.id:{38 if '/' not in fault.id else 70}} {wanted:34} {verdict:6} {answer.seconds:5.1f} s {answer.total:5.1f} s  {said}",
        flush=True,
    )


def shell(fault: Fault) -> int:
    """Prepare a machine and give the terminal to a shell in it."""
    with Machine(fault, MAILERS.get(fault.mailer)) as machine:
        try:
            machine.prepare()
        except Exception as problem:
            print(problem, file=sys.stderr)
        return subprocess.call(machine.command(("/bin/bash",)))


def fix(faults: list[Fault], allow: list[str], keep: bool, jobs: int) -> int:
    """Mend each. Returns 0 where all were mended and undone without a trace."""
    from .fixing import mend

    good, options = 0, [word for name in allow for word in ("--allow", name)]
    for fault, done in zip(
        faults, ThreadPoolExecutor(jobs).map(lambda each: mend(each, *options), faults), strict=True
    ):
        last = next((line for line in done.said.splitlines() if line.startswith(("Fixed", "Kept", "Reverted"))), "")
        print(f"{fault.id:38} {done.word:10} {done.seconds:5.1f} s  {last or done.said.strip()[-120:]}", flush=True)
        for line in (*done.undone, *(f"still claimed: {cause}" for cause in done.claimed)):
            print(f"    {line}")
        if keep:
            Path("lab-reports").mkdir(exist_ok=True)
            Path("lab-reports", f"{fault.id}.fix").write_text(done.said)
        good += done.word == "mended" and not done.undone
    print(f"{good} of {len(faults)} mended")
    return 0 if good == len(faults) else 1


def declared_signs() -> set[str]:
    """Signs that the checks of this checkout declare; empty when they cannot be loaded."""
    try:
        from diagnose.registry import discover

        return {spec.id for check in discover()[0] for spec in check.signs}
    except Exception:
        return set()


def main() -> int:
    asked = arguments()
    if asked.seed:
        asked.names += [str(recipe) for recipe in sample(asked.seed, asked.first + asked.count)[asked.first :]]
    if asked.list:
        for case in chosen(asked.names, asked.file):
            print(f"{case.id:38} {'+'.join([*case.accept, *case.also]) or '(healthy)':40} {case.about}")
        return 0
    if os.geteuid():
        sys.exit("the lab makes namespaces and mounts: run it as root")
    if asked.shell:
        return shell(chosen([asked.shell], asked.file)[0])
    if asked.mend:
        return mend.table(chosen(asked.names, asked.file), asked.jobs, asked.json)
    if asked.fix:
        return fix(chosen(asked.names, asked.file), asked.allow, asked.keep, asked.jobs)
    extra = ("--no-network",) if asked.no_network else ()
    options = Options(
        user=asked.user, extra=extra, via_snapshot=asked.snapshot, check_only=asked.check, root=ROOTS.get(asked.root)
    )
    rows, began = [], time.monotonic()
    for fault, answer in (settled if asked.seed else many)(chosen(asked.names, asked.file), options, asked.jobs):
        rows.append((fault, answer))
        if asked.check:
            print(f"{fault.id:38} {answer.total:5.1f} s  {answer.error or 'real'}", flush=True)
        else:
            show_row(fault, answer)
        if asked.keep and answer.text:
            Path("lab-reports").mkdir(exist_ok=True)
            Path("lab-reports", f"{fault.id.replace('/', ',')}.json").write_text(answer.text)
    if asked.json:
        asked.json.write_text(json.dumps([as_json(f, a) for f, a in rows], indent=1) + "\n")
    if asked.check:
        broken = [f.id for f, a in rows if a.error]
        print(f"{len(rows) - len(broken)} of {len(rows)} real, {time.monotonic() - began:.0f} s {' '.join(broken)}")
        return 1 if broken else 0
    print(report(rows, set() if asked.names or asked.file else declared_signs()))
    if all(fault.id.count("/") == 4 for fault, _ in rows):
        print(composed(rows))
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if good_enough(rows, bool(asked.user)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; every machine is gone")

"""Whether what the tool prints mends a machine: its commands run word for word, a message handed in, the tool asked again."""

from __future__ import annotations

import json
import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from diagnose.record import frozen

from .fault import Fault
from .machine import SECRET, LabError, Machine
from .roots import MAILERS
from .run import Options, ask

RECIPIENT = "maria@northwind-trading.com"


@frozen
class Mended:
    """end: mended (mail flows, nothing likely is claimed), given (mended, with the one thing that only a person knows), claimed (mail
    flows), not (it does not), words (nothing to paste), asks (what only a person knows, and no fix that takes it), lab (the lab broke)."""

    fault: str
    end: str
    cause: str = ""
    why: str = ""
    commands: tuple[str, ...] = ()


def mend(fault: Fault) -> Mended:
    try:
        with Machine(fault, MAILERS.get(fault.mailer)) as machine:
            machine.prepare()
            return _mend(machine)
    except (LabError, OSError, RuntimeError, AssertionError) as problem:
        return Mended(fault=fault.id, end="lab", why=str(problem)[:300])


def _mend(machine: Machine) -> Mended:
    fault = machine.fault
    first = ask(machine, Options())
    if first.error:
        return Mended(fault=fault.id, end="lab", why=first.error)
    diagnoses = json.loads(first.text)["diagnoses"]
    if not diagnoses:
        return Mended(fault=fault.id, end="not", why="nothing found")
    top, remedy = diagnoses[0]["cause"], diagnoses[0]["remedy"]
    commands = tuple(remedy["commands"])
    asks = bool(re.search(r"^(?:Needed: |The command asks for )", remedy["text"], re.M))
    if not commands:
        return Mended(fault=fault.id, end="asks" if asks else "words", cause=top, why=remedy["text"][:600])
    machine.started = True  # what is written from now on is as young as it is
    said = _carried_out(machine, commands, asks)
    for other in diagnoses[1:]:  # what the page shows below ALSO, each with a FIX of its own
        sure = other["confidence"] != "possible" and other["impact"] in ("outage", "partial")
        if sure and not other["explained_by"] and (more := tuple(other["remedy"]["commands"])):
            commands += more
            said += _carried_out(machine, more, asks)
    flows, why = _flows(machine)
    again = ask(machine, Options())
    claims = [cause for cause, sure in again.ranked if sure in ("certain", "likely")]
    claims = [
        cause for cause in claims if cause != "delivered-to-remote" or "--to" not in fault.args
    ]  # it says that mail left
    end = "not" if not flows else "claimed" if claims or again.error else "given" if asks else "mended"
    why = " | ".join(part for part in (why, ", ".join(claims), again.error, said) if part)
    return Mended(fault=fault.id, end=end, cause=top, why=why, commands=commands)


def _carried_out(machine: Machine, commands: tuple[str, ...], asks: bool) -> str:
    """What the commands printed last."""
    if commands[0].startswith("sudo mail-diagnose fix"):
        machine.write("/root/secret", f"user=lab-user\npassword={SECRET}\n", 0o600)
        given = ("--secret-file", "/root/secret") if asks else ()
        ran = machine.diagnose(*shlex.split(commands[0])[2:], "--yes", *given, *machine.fault.args, timeout=180)
    else:
        # As at a terminal: a daemon that they start may keep what they print open.
        quiet = "exec </dev/null >/root/said 2>&1\n" + "\n".join(commands)
        ran = machine.run("dash", "-c", f"({quiet}\n); status=$?; cat /root/said; exit $status", timeout=60)
    return (ran.stdout + ran.stderr).strip()[-300:]


def _flows(machine: Machine, patience: float = 12) -> tuple[bool, str]:
    """Whether a new message reaches a server of others."""
    mark = f"mend{time.monotonic_ns()}"
    before, taken = len(machine.log()), machine.received(RECIPIENT)
    machine.submit(RECIPIENT, body=mark)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        new = machine.log()[before:]
        other = machine.fault.mailer and machine.received(RECIPIENT) > taken  # its log has words of its own
        if other or re.search(rf" to=<{RECIPIENT}>.* status=sent", new):
            return True, ""
        time.sleep(0.2)
    lines = [
        line.partition("]: ")[2]
        for line in new.splitlines()
        if "status=" in line or "fatal" in line or "warning" in line
    ]
    return False, (lines or ["no attempt"])[-1][:250]


def table(faults: list[Fault], jobs: int, file: Path | None = None) -> int:
    """Prints a row for each; file: where the rows go as JSON as well. Returns 0 where nothing is worse than words."""
    rows = []
    for row in ThreadPoolExecutor(jobs).map(mend, faults):
        rows.append(row)
        print(f"{row.fault:36} {row.end:8} {row.cause:28} {row.why}", flush=True)
        for command in row.commands if row.end in ("not", "claimed") else ():
            print(f"{'':12}{command}", flush=True)
    if file:
        wanted = {fault.id: fault.accept for fault in faults}
        said = [asdict(row) | {"right": row.cause in wanted[row.fault]} for row in rows]
        file.write_text(json.dumps(said, indent=1) + "\n")
    ends = {
        end: sum(row.end == end for row in rows)
        for end in ("mended", "given", "claimed", "not", "asks", "words", "lab")
    }
    print(f"mended {ends['mended'] + ends['given']} of {len(rows)}: {ends}")
    return 0 if ends["not"] == ends["lab"] == 0 else 1

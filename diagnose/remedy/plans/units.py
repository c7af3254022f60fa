"""Plans for restrictions that a systemd unit of Postfix, or a drop-in beside it, puts on its programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.remedy.evidence import Evidence, sentence
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.running import Command
from diagnose.remedy.steps import Step

_PLACES = ("/etc/systemd/system", "/run/systemd/system")
_UNITS = ("postfix", "postfix@", "postfix@-")
# What was seen of the running master, with the directives that cause it (systemd.exec(5), systemd.resource-control(5)).
_DIRECTIVES = {
    "network": ("PrivateNetwork", "NetworkNamespacePath"),
    "Max open files": ("LimitNOFILE",),
    "Max address space": ("LimitAS",),
    "Max data size": ("LimitDATA",),
    "Max file size": ("LimitFSIZE",),
    "TasksMax": ("TasksMax",),
    "memory": ("MemoryMax", "MemoryHigh"),
}
# Below these the master ends when it starts, or cannot start its daemons.
_LEAST = {"LimitNOFILE": 64, "LimitNPROC": 16, "TasksMax": 16}


@plans("submission-sandboxed", "resource-limits")
def unit(e: Evidence) -> Plan | None:
    """Comments out the directive in a unit that an administrator wrote, as policy, since somebody wanted it."""
    steps: list[Step] = []
    for seen in e.seen("host.sandbox", "host.limits"):
        names = _DIRECTIVES.get(seen.text("kind")) or _DIRECTIVES.get(seen.text("limit"), ())
        steps += (_without(e, *where, sentence(seen)) for where, name, _ in _written(e) if name in names)
    if not steps or e.manager != "systemd":
        return None
    return Plan(steps=(*steps, _READ, *e.restart("A unit's restrictions apply from its start.")))


def too_low(e: Evidence) -> list[Step]:
    """Comments out limits that are too low for Postfix to start, and reloads systemd's units; [] if there are none."""
    steps = [
        _without(e, *where, f"With {name}={value} Postfix does not start.")
        for where, name, value in _written(e)
        if value.isdecimal() and int(value) < _LEAST.get(name, 0)
    ]
    return [*steps, _READ] if steps else []


_READ = Command(argv=("systemctl", "daemon-reload"), takes_up=True, why="systemd reads its units again.")


def _written(e: Evidence) -> Iterator[tuple[tuple[str, int, str], str, str]]:
    """((path, line number from 1, the line), name, value) of each directive."""
    places = (f"{place}/{name}.service" for place in _PLACES for name in _UNITS)
    for path in (found for place in places for found in (place, *e.files(f"{place}.d/*.conf"))):
        for number, raw in e.numbered(path if e.there(path) else ""):
            if match := re.match(r"(\w+)\s*=\s*(\S+)", raw):
                yield (path, number, raw), match[1], match[2]


def _without(e: Evidence, path: str, number: int, raw: str, why: str) -> Step:
    return e.policy(e.repair(path, number, raw, f"#{raw}", why), "service", f"Postfix run without {raw.strip()}")

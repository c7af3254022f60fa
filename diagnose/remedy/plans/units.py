"""Plans for what a systemd unit of Postfix, or a drop-in beside it, takes from its programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.remedy.evidence import Evidence, sentence
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.running import Command
from diagnose.remedy.steps import Step

_PLACES = ("/etc/systemd/system", "/run/systemd/system")
_UNITS = ("postfix", "postfix@", "postfix@-")
# By what was seen of the running master: the directives that bring it about (systemd.exec(5), systemd.resource-control(5)).
_DIRECTIVES = {
    "network": ("PrivateNetwork", "NetworkNamespacePath"),
    "Max open files": ("LimitNOFILE",),
    "Max address space": ("LimitAS",),
    "Max data size": ("LimitDATA",),
    "Max file size": ("LimitFSIZE",),
    "TasksMax": ("TasksMax",),
    "memory": ("MemoryMax", "MemoryHigh"),
}


@plans("submission-sandboxed", "resource-limits")
def unit(e: Evidence) -> Plan | None:
    """The directive made a comment where an administrator wrote it, as policy, since somebody wanted it."""
    steps = [
        step
        for seen in e.seen("host.sandbox", "host.limits")
        for step in _written(e, seen.text("kind") or seen.text("limit"), sentence(seen))
    ]
    if not steps or e.manager != "systemd":
        return None
    read = Command(argv=("systemctl", "daemon-reload"), takes_up=True, why="systemd reads its units again.")
    return Plan(steps=(*steps, read, *e.restart("A unit's restrictions apply from its start.")))


def _written(e: Evidence, what: str, why: str) -> Iterator[Step]:
    names = "|".join(_DIRECTIVES.get(what, ()))
    places = [f"{place}/{name}.service" for place in _PLACES for name in _UNITS]
    for path in (found for place in places for found in (place, *e.files(f"{place}.d/*.conf"))):
        for number, raw in e.numbered(path if names and e.there(path) else ""):
            if re.match(rf"({names})\s*=\s*\S", raw):
                step = e.repair(path, number, raw, f"#{raw}", why)
                yield e.policy(step, "service", f"Postfix run without {raw.strip()}")

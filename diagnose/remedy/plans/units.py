"""Plans for restrictions that a systemd unit of Postfix, or a drop-in beside it, puts on its programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagnose.remedy.evidence import Evidence, sentence
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.properties import InsertLine
from diagnose.remedy.running import Command
from diagnose.remedy.steps import Step

_PLACES = ("/etc/systemd/system", "/run/systemd/system")
_UNITS = ("postfix", "postfix@", "postfix@-")
# What was seen of the running master, with the directives that cause it (systemd.exec(5), systemd.resource-control(5)).
_DIRECTIVES = {
    "network": ("PrivateNetwork", "NetworkNamespacePath"),
    "capabilities": ("CapabilityBoundingSet",),
    "families": ("RestrictAddressFamilies",),
    "Max open files": ("LimitNOFILE",),
    "Max address space": ("LimitAS",),
    "Max data size": ("LimitDATA",),
    "Max file size": ("LimitFSIZE",),
    "TasksMax": ("TasksMax",),
    "memory": ("MemoryMax", "MemoryHigh"),
}
# Below these the master ends when it starts, or cannot start its daemons.
_LEAST = {"LimitNOFILE": 64, "LimitNPROC": 16, "TasksMax": 16, "LimitAS": 48 << 20, "LimitDATA": 4 << 20}
_SIZES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}  # powers of two
_HIDES = ("ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem")
# What the master needs to start its daemons: a unit that lists such things must list all of these.
_NEEDS = {
    "User": {"root"},
    "DynamicUser": {"no"},
    "PrivateUsers": {"no"},
    "RestrictAddressFamilies": {"AF_UNIX", "AF_INET"},
    "CapabilityBoundingSet": set("CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_NET_BIND_SERVICE CAP_SYS_CHROOT".split()),
}


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


def barring(e: Evidence) -> list[Step]:
    """Steps, all policy, against what keeps Postfix from starting, and a reload of systemd's units; [] if there is
    none."""
    folders = [e.mta.queue_directory, e.value("data_directory"), e.value("maillog_file").rpartition("/")[0]]
    folders = [folder for folder in folders if folder]
    written = list(_written(e))
    opened = any(name == "ReadWritePaths" for _, name, _ in written)
    steps: list[Step] = []
    for where, name, value in written:
        path, number, raw = where
        if name == "ProtectSystem" and value == "strict" and not opened:
            text, why = f"ReadWritePaths={' '.join(folders)}", "Postfix writes there, and finds it read-only."
            step = InsertLine(path=e.real(path), line=number, above=raw, text=text, why=why)
            steps.append(e.policy(step, "service", f"Postfix write to {' and '.join(folders)}"))
        elif _bars(name, value, folders):
            steps.append(_without(e, *where, f"With {name}={value} Postfix does not start."))
    return [*steps, _READ] if steps else []


def _bars(name: str, value: str, folders: Sequence[str]) -> bool:
    """Whether a directive alone keeps Postfix from starting. folders: to which it writes."""
    if name in _LEAST:
        size = re.fullmatch(r"(\d+)([KMGT]?)", value)
        return size is not None and int(size[1]) << _SIZES[size[2]] < _LEAST[name]
    words, needs = {word.lstrip("-+~") for word in value.split()}, _NEEDS.get(name, set())
    if name in _HIDES:
        return any(f"{folder}/".startswith(f"{word}/".replace("//", "/")) for folder in folders for word in words)
    return bool(needs & words) if value.startswith("~") else not needs <= words


_READ = Command(argv=("systemctl", "daemon-reload"), takes_up=True, why="systemd reads its units again.")


def _written(e: Evidence) -> Iterator[tuple[tuple[str, int, str], str, str]]:
    """((path, line number from 1, the line), name, value) of each directive."""
    places = (f"{place}/{name}.service" for place in _PLACES for name in _UNITS)
    for path in (found for place in places for found in (place, *e.files(f"{place}.d/*.conf"))):
        for number, raw in e.numbered(path if e.there(path) else ""):
            if match := re.match(r"(\w+)\s*=\s*(\S.*?)\s*$", raw):
                yield (path, number, raw), match[1], match[2]


def _without(e: Evidence, path: str, number: int, raw: str, why: str) -> Step:
    return e.policy(e.repair(path, number, raw, f"#{raw}", why), "service", f"Postfix run without {raw.strip()}")

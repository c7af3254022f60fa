"""/proc/self/mounts: what is mounted where, and whether it can be written (proc(5))."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount; the options in order."""

    device: str
    path: str
    type: str
    options: tuple[str, ...]

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written there."""
        return "ro" in self.options


def parse(text: str) -> tuple[Mount, ...]:
    """Read /proc/mounts or /proc/PID/mounts; blanks in names come as octal escapes."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4:
            device, path = (re.sub(r"\\([0-3][0-7]{2})", lambda m: chr(int(m[1], 8)), word) for word in words[:2])
            found.append(Mount(device=device, path=path, type=words[2], options=tuple(words[3].split(","))))
    return tuple(found)


def mount_of(mounts: tuple[Mount, ...], path: str) -> Mount | None:
    """The mount that holds an absolute path: the longest that contains it, of equal ones the last."""
    holding = [m for m in mounts if m.path == path or path.startswith(m.path.rstrip("/") + "/")]
    return max(enumerate(holding), key=lambda pair: (len(pair[1].path), pair[0]))[1] if holding else None

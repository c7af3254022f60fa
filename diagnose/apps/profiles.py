"""Spring's profiles: the files of the active ones, which the file itself or a unit names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from diagnose.apps.entry import Entry

if TYPE_CHECKING:
    from diagnose.apps.wider import Wider


def profiled(wider: Wider, entries: list[Entry]) -> list[Entry]:
    """The entries with those of the files of Spring's active profiles, which a unit may name."""
    active = [each for each in entries if each.key == "spring.profiles.active" and each.value]
    if not active and (of_unit := _of_unit(wider)):
        active = [Entry(key="spring.profiles.active", value=of_unit, line=0, start=0, end=0)]
        entries = [*active, *entries]
    stem, _, ending = wider.path.rpartition(".")
    for name in re.findall(r"[\w-]+", (active[-1].value or "") if active else ""):
        entries = [*entries, *wider.file(f"{stem}-{name}.{ending}")[0]]
    return entries


def _of_unit(wider: Wider) -> str:
    """The active profiles of the unit that has the name of a folder above the file; "" if there is none."""
    for name in wider.folder.split("/")[-3:]:
        text, _ = wider.text(f"/etc/systemd/system/{name}.service") if name else ("", "")
        if found := re.search(r"(?i)\bspring[._]profiles[._]active=[\"']?([\w,-]+)", text):
            return found[1]
    return ""

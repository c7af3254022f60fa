"""Finds checks: the built-in ones and those of other packages in the entry-point group `mail_diagnose.checks`."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from diagnose.check import Check
from diagnose.errors import UsageError
from diagnose.nearest import hint

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = "checks"  # the one place that names the package
GROUP = "mail_diagnose.checks"


def from_package(name: str) -> list[Check]:
    """Every `Check` at the top level of the package's modules. Raises ImportError."""
    package = importlib.import_module(name)
    found: list[Check] = []
    paths = getattr(package, "__path__", None)
    modules = [package]
    if paths is not None:
        modules += [importlib.import_module(info.name) for info in pkgutil.walk_packages(paths, f"{name}.")]
    for module in modules:
        found += [value for value in vars(module).values() if isinstance(value, Check)]
    return list({id(check): check for check in found}.values())


@functools.cache
def built_in() -> tuple[Check, ...]:
    return tuple(from_package(BUILT_IN))


def discover() -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """All checks, sorted by id, and notes on plug-ins that could not be loaded."""
    found = {check.id: check for check in built_in()}
    notes = []
    for point in _plug_ins():
        try:
            if why := _foreign(point.value.partition(":")[0]):
                notes.append(f"the check plug-in {point.name!r} is not trusted, because {why}: not loaded")
                continue
            checks = from_package(point.value.partition(":")[0])
        except Exception as error:  # a plug-in is someone else's code
            notes.append(f"the check plug-in {point.name!r} could not be loaded: {type(error).__name__}: {error}")
            continue
        for check in checks:
            if check.id in found:
                notes.append(f"the check plug-in {point.name!r} offers {check.id!r}, which exists already: ignored")
            else:
                found[check.id] = check
    return tuple(found[id] for id in sorted(found)), tuple(notes)


def _plug_ins() -> list[EntryPoint]:
    """The entry points in our group, sorted by name. Searches the files for the group first, because loading
    importlib.metadata takes a twentieth of a run."""
    if not any(GROUP.encode() in declared for place in sys.path for declared in _entry_points(place or ".")):
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _entry_points(place: str) -> Iterator[bytes]:
    """The entry_points.txt of every package installed in a directory."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            if name.endswith((".dist-info", ".egg-info")):
                with contextlib.suppress(OSError), open(f"{place}/{name}/entry_points.txt", "rb") as file:
                    yield file.read()


def probed(checks: Iterable[Check]) -> frozenset[str]:
    """The ids of signs of checks that probe."""
    return frozenset(spec.id for check in checks if check.probes for spec in check.signs)


def _foreign(module: str) -> str:
    """Who else could modify a plug-in that root would run, in words; "" if nobody, or if it is in the tool's own
    environment."""
    from importlib.util import find_spec
    from pathlib import Path

    from diagnose import files

    spec = find_spec(module.partition(".")[0]) if os.geteuid() == 0 else None
    if spec is None or spec.origin is None or spec.origin.startswith(f"{sys.prefix}/"):
        return ""
    return files.doubt(Path(spec.origin), files.trusted())


def select(checks: Iterable[Check], only: Iterable[str], skip: Iterable[str]) -> tuple[Check, ...]:
    """The checks named by id or tag in `only` (all if empty), without those in `skip`. Raises UsageError for an unknown
    name."""
    checks = tuple(checks)
    names = {name for check in checks for name in (check.id, *check.tags)}
    only, skip = tuple(only), tuple(skip)
    for name in (*only, *skip):
        if name not in names:
            near = hint(name, sorted(names), "see `mail-diagnose list`")
            raise UsageError(f"no check and no tag is called {name!r}; {near}")

    def named(check: Check, wanted: tuple[str, ...]) -> bool:
        return check.id in wanted or any(tag in wanted for tag in check.tags)

    return tuple(c for c in checks if (not only or named(c, only)) and not named(c, skip))

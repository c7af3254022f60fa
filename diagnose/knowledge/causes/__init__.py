"""The knowledge base: why mail fails, how to tell, what to do. One cause a file, below its section; literals only."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from diagnose.errors import UsageError
from diagnose.model import Cause
from diagnose.nearest import hint


@functools.cache
def _modules() -> dict[str, str]:
    """Cause ids to the modules that hold them. Raises ValueError if an id stands in two sections."""
    found: dict[str, str] = {}
    for section in pkgutil.iter_modules(__path__, f"{__name__}."):
        for info in pkgutil.iter_modules(importlib.import_module(section.name).__path__, f"{section.name}."):
            id = info.name.rpartition(".")[2].replace("_", "-")
            if id in found:
                raise ValueError(f"the cause {id!r} stands in two sections")
            found[id] = info.name
    return dict(sorted(found.items()))


@functools.cache
def all_causes() -> tuple[Cause, ...]:
    """Every cause, sorted by id."""
    return tuple(_load(id) for id in _modules())


def by_id(id: str) -> Cause:
    """The cause of that id. Raises UsageError, which suggests the nearest id."""
    known = _modules()
    if id not in known:
        raise UsageError(f"no cause is called {id!r}; {hint(id, known, 'see `mail-diagnose list`')}")
    return _load(id)


@functools.cache
def _load(id: str) -> Cause:
    cause: Cause = importlib.import_module(_modules()[id]).CAUSE
    if cause.id != id:
        raise ValueError(f"the file of the cause {id!r} holds {cause.id!r}")
    return cause

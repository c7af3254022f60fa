"""The knowledge base: why mail fails, how to tell, what to do. A file for each section, literals only."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil

from diagnose.errors import UsageError
from diagnose.model import Cause


@functools.cache
def all_causes() -> tuple[Cause, ...]:
    """Every cause, sorted by id."""
    found: dict[str, Cause] = {}
    for info in pkgutil.iter_modules(__path__):
        for cause in importlib.import_module(f"{__name__}.{info.name}").CAUSES:
            if cause.id in found:
                raise ValueError(f"the cause {cause.id!r} stands in two files")
            found[cause.id] = cause
    return tuple(found[id] for id in sorted(found))


def by_id(id: str) -> Cause:
    """Raises UsageError, with the nearest name."""
    known = {cause.id: cause for cause in all_causes()}
    if id not in known:
        close = difflib.get_close_matches(id, known, 1)
        raise UsageError(
            f"no cause is called {id!r}; " + (f"did you mean {close[0]!r}?" if close else "see `mail-diagnose list`")
        )
    return known[id]

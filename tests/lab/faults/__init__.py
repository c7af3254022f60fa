"""Every case of the lab, by section of the causes. A case's id names what was done, not the cause."""

from __future__ import annotations

import importlib
import pkgutil

from tests.lab.fault import Fault


def every() -> dict[str, Fault]:
    """All cases by id, in the order of the files' names."""
    cases: dict[str, Fault] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for case in importlib.import_module(f"{__name__}.{module}").FAULTS:
            assert case.id not in cases, f"two cases are called {case.id}"
            cases[case.id] = case
    return cases

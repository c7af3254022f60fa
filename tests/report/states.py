"""State directories as `watch` leaves them, in every state that a consumer must take."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diagnose.watch import machine, passes
from tests.report import material
from tests.watch.world import probe_of

# What `report` says of each: its exit status.
STATUS = {
    "healthy": 0,
    "soft": 0,
    "blocked": 2,
    "password": 2,
    "held": 2,
    "deferred": 2,
    "stale": 3,
    "unreadable": 3,
    "elsewhere": 1,
}
_MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "healthy": lambda: material.report("healthy"),
    "blocked": material.report,
    "password": lambda: material.report("app-password"),
    "held": material.held,
    "deferred": material.deferred,
    "stale": material.report,
    "soft": material.report,  # seen once, and not confirmed
    "elsewhere": lambda: material.report("healthy"),  # its directory takes nothing
}


def make(root: Path) -> dict[str, Path]:
    """A directory below root for each state, open to the users whom consumers run as."""
    found = {}
    for name in STATUS:
        directory = found[name] = root / name
        if name in _MADE:
            options = passes.Options(state_dir=directory, policy=machine.Policy(attempts=2 if name == "soft" else 1))
            passes.one_pass(options, probe_of(_MADE[name]()))
        else:
            directory.mkdir()
            (directory / "state.json").write_text("{")
        if name == "stale":
            state = json.loads((directory / "state.json").read_text())
            state["written"] = {"epoch": state["written"]["epoch"] - 7200, "boot": "", "uptime": 0}
            (directory / "state.json").write_text(json.dumps(state))
        if name == "elsewhere":
            state = json.loads((directory / "state.json").read_text())
            state["report"]["status"] = state["report"]["watch"]["confirmed"] = "warning"
            state["report"]["watch"]["elsewhere"] = "cannot write in /var/lib/mail-diagnose: Read-only file system"
            (directory / "state.json").write_text(json.dumps(state))
    return found


def program(root: Path) -> Path:
    """A program that is this checkout's `mail-diagnose`, for recipes to call."""
    path = root / "mail-diagnose"
    path.write_text(f'#!/bin/sh\ncd {material.ROOT} || exit 3\nexec {sys.executable} -m diagnose "$@"\n')
    path.chmod(0o755)
    return path

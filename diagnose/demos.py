"""Recorded machines that ship with the package, for a first look without root, Postfix or network."""

from __future__ import annotations

import json
from importlib.resources import files

from diagnose.errors import UsageError
from diagnose.host.snapshot import loads, unpack
from diagnose.nearest import hint
from diagnose.session import Request, of_recording

_PLACE = files("diagnose") / "data" / "demos"


def about() -> dict[str, str]:
    """Name to description of each demo."""
    found: dict[str, str] = json.loads((_PLACE / "index.json").read_text("utf-8"))
    return found


def listing() -> str:
    rows = about()
    width = max(map(len, rows))
    return "".join(f"mail-diagnose demo {name:<{width}}  {text}\n" for name, text in rows.items())


def request(name: str) -> Request:
    """The request that diagnoses the demo. Raises UsageError for an unknown name."""
    if name not in about():
        near = hint(name, about())
        raise UsageError(f"no demo is called {name!r}; {near or 'choose from ' + ', '.join(about())}")
    return of_recording(loads(unpack((_PLACE / f"{name}.json.gz").read_bytes())))

"""What was seen at the last look, in a small file of its own: written whole or not at all, and missed by nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.parse.text import bounded

NAME = "queue.json"
_LARGEST = 100_000  # octets


def last(folder: Path) -> dict[str, Any]:
    """The last look; empty if there was none, or its file is no longer what we wrote."""
    try:
        data = bounded.json(files.read(folder / NAME, _LARGEST, owners=files.trusted(service=True)))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def keep(folder: Path, look: dict[str, Any]) -> bool:
    """Writes it by renaming; False if this user may not write there, which hurts nobody."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(folder / NAME, json.dumps(look).encode(), 0o600, owners=files.trusted(service=True))
    except OSError:
        return False
    return True

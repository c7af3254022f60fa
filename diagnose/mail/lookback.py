"""The queue's size at the last look, in a small file, replaced atomically; nothing depends on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.parse.text import bounded

NAME = "queue.json"
_LARGEST = 100_000  # octets


def last(folder: Path) -> dict[str, Any]:
    """The last look; {} if there was none, or its file is unreadable, untrusted or malformed."""
    try:
        data = bounded.json(files.read(folder / NAME, _LARGEST, owners=files.trusted(service=True)))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def keep(folder: Path, look: dict[str, Any]) -> bool:
    """Stores a look; False if this user may not write there, which is no error."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(folder / NAME, json.dumps(look).encode(), 0o600, owners=files.trusted(service=True))
    except OSError:
        return False
    return True
